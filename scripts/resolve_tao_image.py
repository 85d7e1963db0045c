#!/usr/bin/env python3
"""Print the container image of a model's action. A native model has none: then stdout is empty, and stderr says so."""

from __future__ import annotations

import argparse
import sys

from _door import READY, Answer, answer, bank_root, options


def parser() -> argparse.ArgumentParser:
    found = options(__doc__)
    found.add_argument("model", metavar="MODEL", help="a model skill: its name, network or alias")
    found.add_argument("--action", default="train", help="the action that is run (default: train)")
    return found


def work(arguments: argparse.Namespace) -> Answer:
    from tao_automl.bank import load_skill
    from tao_automl.bank.catalog import resolve_model
    from tao_automl.bank.images import resolve_image

    root = bank_root()
    skill = load_skill(resolve_model(arguments.model, root)[0].path)
    choice = resolve_image(skill, arguments.action, root)
    if choice.image is None:
        sys.stderr.write(f"{skill.name} is native: it runs in Python, without an image\n")
    elif not choice.pinned:
        sys.stderr.write(f"warning: versions.yaml does not pin {choice.image}\n")
    document = {
        "model": skill.name,
        "action": arguments.action,
        "runtime": choice.runtime,
        "image": choice.image,
        "versions_key": choice.key,
        "pinned": choice.pinned,
    }
    return document, choice.image or "", READY


if __name__ == "__main__":
    raise SystemExit(answer(parser(), work))
