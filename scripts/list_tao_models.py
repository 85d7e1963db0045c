#!/usr/bin/env python3
"""List the models of the bank: all of them, or with `--scope automl` those whose hyperparameters can be searched."""

from __future__ import annotations

import argparse

from _door import ACT, READY, Answer, answer, bank_root, options


def parser() -> argparse.ArgumentParser:
    found = options(__doc__)
    found.add_argument("--scope", choices=("all", "automl"), default="all", help="which ones (default: all)")
    return found


def work(arguments: argparse.Namespace) -> Answer:
    from tao_automl.bank import list_skills

    models = [skill for skill in list_skills(bank_root()) if skill.automl_enabled or arguments.scope == "all"]
    rows = [
        {
            "name": skill.name,
            "network_arch": skill.network_arch,
            "aliases": list(skill.aliases),
            "automl_enabled": skill.automl_enabled,
            "runtime": skill.runtime,
            "actions": list(skill.actions),
            "fault": skill.fault or None,
        }
        for skill in models
    ]
    width = max((len(skill.name) for skill in models), default=0)
    lines = [
        f"{skill.name:<{width}}  {'search' if skill.automl_enabled else '-':<6}  "
        f"{skill.fault.partition(chr(10))[0] or ', '.join(skill.actions)}"
        for skill in models
    ]
    code = ACT if any(skill.fault for skill in models) else READY
    return {"scope": arguments.scope, "count": len(rows), "models": rows}, "\n".join(lines), code


if __name__ == "__main__":
    raise SystemExit(answer(parser(), work))
