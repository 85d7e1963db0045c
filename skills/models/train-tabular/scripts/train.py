#!/usr/bin/env python3
"""Train a model on a table; prints one metric line per epoch and keeps the latest checkpoint."""

import sys
from collections.abc import Sequence

from tabular.command import run_action
from tabular.spec import Spec


def train(spec: Spec) -> None:
    from tabular import training  # imports pandas and more: not before the spec is known to be good

    training.train(spec)


def main(argv: Sequence[str] | None = None) -> int:
    return run_action(train, __doc__, argv)


if __name__ == "__main__":
    sys.exit(main())
