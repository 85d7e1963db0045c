#!/usr/bin/env python3
"""Looks at a train spec, its rows and its model folder without training; prints one JSON line of facts.

Reads every row and the headers of the model's files; counts tokens of an even sample. Imports neither torch nor
transformers.
"""

from __future__ import annotations

import sys
from pathlib import Path

from causal_lm import cli, inspection, spec, survey


def main(config: Path) -> int:
    job = spec.train_job(config)
    cli.emit(inspection.inspect(job, survey.take(job), survey.processes(job)))
    return 0


if __name__ == "__main__":
    sys.exit(cli.run(__doc__, main))
