#!/usr/bin/env python3
"""Trains an image classifier; prints one metric line an epoch and leaves results/checkpoints/epoch_<N>.pt.

With train.num_gpus > 1 the script starts itself once per GPU under torchrun, unless torchrun started it.
"""

from __future__ import annotations

import sys
from pathlib import Path

from image_classifier import cli, spec, survey


def main(config: Path) -> int:
    job = spec.train_job(config)
    facts = survey.take(job, survey.shards(job))
    # torch takes seconds to import: only after everything that can be refused without it has been looked at
    from image_classifier import distributed, training

    training.check_device(job)
    if distributed.must_launch(job.train.num_gpus):
        return distributed.launch(Path(__file__), config, job.train.num_gpus)
    distributed.end_with_launcher()
    for warning in facts.warnings:
        cli.log(f"warning: {warning}")
    training.train(job, facts)
    return 0


if __name__ == "__main__":
    sys.exit(cli.run(__doc__, main))
