#!/usr/bin/env python3
"""Tell what this bank can do: its skills by layer, its models by action, the platforms and algorithms installed."""

from __future__ import annotations

import argparse
from typing import Any

from _door import READY, Answer, answer, bank_root, options


def work(arguments: argparse.Namespace) -> Answer:
    from tao_automl.bank.overview import capabilities

    found = capabilities(bank_root())
    return found, "\n".join(lines(found)), READY


def lines(found: dict[str, Any]) -> list[str]:
    text = []
    for layer, skills in found["skills"].items():
        if skills:
            text.append(f"{layer}:")
            text += [f"  {skill['name']}: {skill['description']}" for skill in skills]
    models = found["models"]
    text.append(f"models: {models['count']}, of which {len(models['automl'])} can be searched")
    text += [f"  {action}: {len(names)} models" for action, names in models["actions"].items()]
    text.append(f"platforms: {', '.join(found['platforms'])}")
    text.append(f"algorithms: {', '.join(found['algorithms'])}")
    return text


if __name__ == "__main__":
    raise SystemExit(answer(options(__doc__), work))
