#!/usr/bin/env python3
"""Check a train spec and its tables before anything is launched; prints one JSON line of facts."""

import json
import sys
from collections.abc import Sequence
from typing import Any

from tabular.command import run_action
from tabular.spec import Spec

_MOST_LISTED = 30


def check(spec: Spec) -> None:
    from tabular.data import load_tables, suspicions
    from tabular.features import is_number_like

    tables = load_tables(spec)
    train, names = tables.train, tables.feature_names
    numeric = sum(is_number_like(train[name]) for name in names)
    facts: dict[str, Any] = {
        "ok": True,
        "task": tables.target.task,
        "task_reason": tables.reason,
        "target": tables.target.name,
        "train_samples": len(train),
        "validation_samples": len(tables.validation),
        "features": len(names),
        "numeric_features": numeric,
        "text_features": len(names) - numeric,
        "missing_share": round(float(train[names].isna().to_numpy().mean()), 4),
    }
    warnings = suspicions(tables)
    if tables.target.is_classification:
        facts |= _class_facts(tables.target.classes, train[tables.target.name])
    elif spec.text("model.class_weight") != "none":
        warnings.append("model.class_weight: balanced fails in a regression; leave it out of the search")
    print(json.dumps({**facts, "warnings": warnings[:_MOST_LISTED]}, allow_nan=False))


def _class_facts(classes: tuple[str, ...], column: Any) -> dict[str, Any]:
    from tabular.target import texts

    found = texts(column)
    counts = {name: int((found == name).sum()) for name in classes}
    shown = dict(sorted(counts.items(), key=lambda item: -item[1])[:_MOST_LISTED])
    return {
        "classes": len(classes),
        "class_counts": shown,
        "majority_share": round(max(counts.values()) / len(found), 4),
    }


def main(argv: Sequence[str] | None = None) -> int:
    return run_action(check, __doc__, argv)


if __name__ == "__main__":
    sys.exit(main())
