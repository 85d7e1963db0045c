#!/usr/bin/env python3
"""Looks at a train spec and its images without training; prints one JSON line of facts, or says what is wrong.

Decodes an even sample of the images, up to a fixed number of files and pixels, so that it stays fast on large data.
"""

from __future__ import annotations

import sys
from pathlib import Path

from image_classifier import cli, inspection, spec, survey


def main(config: Path) -> int:
    job = spec.train_job(config)
    facts = survey.take(job, survey.shards(job))
    cli.emit(inspection.inspect(job, facts))
    return 0


if __name__ == "__main__":
    sys.exit(cli.run(__doc__, main))
