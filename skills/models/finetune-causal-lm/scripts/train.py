#!/usr/bin/env python3
"""Fine-tunes a causal language model; prints one metric line a unit and leaves results/checkpoints/epoch_<N>.pt.

With train.num_gpus > 1 the script starts itself once per GPU under torchrun, unless torchrun started it.
"""

from __future__ import annotations

import sys
from pathlib import Path

from causal_lm import cli, spec, survey


def main(config: Path) -> int:
    job = spec.train_job(config)
    facts = survey.take(job)
    cli.require_libraries()
    # torch takes seconds to import: only after everything that can be refused without it has been looked at
    from causal_lm import distributed, machine

    machine.check_machine(job)
    if distributed.must_launch(job.train.num_gpus):
        return distributed.launch(Path(__file__), config, job.train.num_gpus)
    distributed.end_with_launcher()
    for warning in facts.warnings:
        cli.log(f"warning: {warning}")
    from causal_lm import training

    training.train(job, facts)
    return 0


if __name__ == "__main__":
    sys.exit(cli.run(__doc__, main))
