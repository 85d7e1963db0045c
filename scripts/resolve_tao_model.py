#!/usr/bin/env python3
"""Print the name of the model skill that a name, network or alias means. An unknown name gets the nearest three."""

from __future__ import annotations

import argparse

from _door import READY, Answer, answer, bank_root, options


def parser() -> argparse.ArgumentParser:
    found = options(__doc__)
    found.add_argument("name", metavar="NAME", help="what somebody calls the model")
    return found


def work(arguments: argparse.Namespace) -> Answer:
    from tao_automl.bank.catalog import resolve_model

    root = bank_root()
    skill, matched = resolve_model(arguments.name, root)
    document = {
        "asked": arguments.name,
        "name": skill.name,
        "matched": matched,
        "path": skill.path.relative_to(root).as_posix(),
        "network_arch": skill.network_arch,
        "automl_enabled": skill.automl_enabled,
    }
    return document, skill.name, READY


if __name__ == "__main__":
    raise SystemExit(answer(parser(), work))
