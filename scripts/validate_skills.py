#!/usr/bin/env python3
"""Check the whole bank: our own rules, and those of `agentskills validate` where skills-ref is installed.

`tao-automl skills check` runs our rules too. Exit code 2 if there is a fault.
"""

from __future__ import annotations

import argparse

from _door import ACT, READY, Answer, answer, bank_root, options


def parser() -> argparse.ArgumentParser:
    found = options(__doc__)
    found.add_argument("--require-reference", action="store_true", help="fail if skills-ref is not installed")
    return found


def work(arguments: argparse.Namespace) -> Answer:
    from tao_automl.bank.validation import CATALOG_LIMIT, check_bank
    from tao_automl.bank.validation_reference import INSTALL, reference_findings
    from tao_automl.cli.vocabulary import known_names

    report = check_bank(bank_root(), known_names())
    reference = [reference_findings(skill.path) for skill in report.skills]
    is_installed = all(found is not None for found in reference)
    skills = [
        {"name": skill.name, "faults": [str(fault) for fault in (*skill.findings, *(extra or ()))]}
        for skill, extra in zip(report.skills, reference, strict=True)
    ]
    faults = [str(fault) for fault in report.findings] + [fault for skill in skills for fault in skill["faults"]]
    if arguments.require_reference and not is_installed:
        faults.append(f"the reference validator is not installed: {INSTALL}")
    document = {
        "ok": not faults,
        "skills": skills,
        "bank": [str(fault) for fault in report.findings],
        "catalog": {"characters": report.catalog_characters, "limit": CATALOG_LIMIT},
        "reference_validator": "installed" if is_installed else "not installed",
    }
    catalog = f"names and descriptions: {report.catalog_characters:,} of {CATALOG_LIMIT:,} characters"
    ran = "ran" if is_installed else f"not installed ({INSTALL})"
    summary = f"{len(skills)} skills, {len(faults)} faults; {catalog}; agentskills validate: {ran}"
    return document, "\n".join([*faults, summary]), ACT if faults else READY


if __name__ == "__main__":
    raise SystemExit(answer(parser(), work))
