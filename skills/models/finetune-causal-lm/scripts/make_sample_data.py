#!/usr/bin/env python3
"""Writes exercises as prompts and answers: OUT_DIR/train.jsonl and OUT_DIR/eval.jsonl. The same files every time.

sum: the last digit of a sum of two numbers below 20 (`7+15=` 2); few cases, quickly learned.
copy: a word of random letters, again. reverse: backwards. mixed: both, told apart by a first word.
No prompt is in both files.
"""

from __future__ import annotations

import argparse
import json
import random
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

EVAL_EVERY = 8
LETTERS = "abcdefghij"
Row = tuple[str, str]


def main() -> int:
    args = _arguments()
    targets = {part: args.out_dir / f"{part}.jsonl" for part in ("train", "eval")}
    taken = [str(path) for path in targets.values() if path.exists()]
    if taken and not args.dry_run:
        print(f"error: {taken[0]} exists", file=sys.stderr)
        print("hint: name another folder, or remove it", file=sys.stderr)
        return 2
    rows = _different(TASKS[args.task], args.rows)
    parts = {"eval": rows[::EVAL_EVERY], "train": [row for n, row in enumerate(rows) if n % EVAL_EVERY]}
    if not args.dry_run:
        args.out_dir.mkdir(parents=True, exist_ok=True)
        for part, chosen in parts.items():
            targets[part].write_text("".join(_line(row) for row in chosen), encoding="utf-8")
    report = {
        "task": args.task,
        **{f"{part}_path": str(path.resolve()) for part, path in targets.items()},
        **{f"{part}_rows": len(parts[part]) for part in targets},
        "written": not args.dry_run,
    }
    print(json.dumps(report) if args.format == "json" else "\n".join(f"{k}: {v}" for k, v in report.items()))
    return 0


def _different(make: Callable[[random.Random], Row], wanted: int) -> list[Row]:
    """Up to `wanted` rows of different prompts; fewer where a task has no more."""
    found: dict[str, str] = {}
    for prompt, answer in _draw(make, wanted):
        found.setdefault(prompt, answer)
        if len(found) == wanted:
            break
    return list(found.items())


def _draw(make: Callable[[random.Random], Row], wanted: int) -> Iterator[Row]:
    dice = random.Random(20240501)
    for _ in range(20 * wanted + 1000):
        yield make(dice)


def _sum(dice: random.Random) -> Row:
    a, b = dice.randrange(20), dice.randrange(20)
    return f"{a}+{b}=", str((a + b) % 10)


def _word(dice: random.Random) -> str:
    return "".join(dice.choice(LETTERS) for _ in range(dice.randint(3, 6)))


def _copy(dice: random.Random) -> Row:
    word = _word(dice)
    return f"{word}>", word


def _reverse(dice: random.Random) -> Row:
    word = _word(dice)
    return f"{word}<", word[::-1]


def _mixed(dice: random.Random) -> Row:
    kind, make = dice.choice([("copy", _copy), ("reverse", _reverse)])
    prompt, answer = make(dice)
    return f"{kind} {prompt[:-1]}: ", answer


def _line(row: Row) -> str:
    return json.dumps({"prompt": row[0], "answer": row[1]}) + "\n"


TASKS: dict[str, Callable[[random.Random], Row]] = {"sum": _sum, "copy": _copy, "reverse": _reverse, "mixed": _mixed}


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("out_dir", type=Path, metavar="OUT_DIR")
    parser.add_argument("--task", choices=tuple(TASKS), default="copy")
    parser.add_argument("--rows", type=int, default=2000, metavar="N", help="of both files together; default 2000")
    parser.add_argument("--format", choices=("json", "text"), default="json")
    parser.add_argument("--dry-run", action="store_true", help="say what would be written, write nothing")
    args = parser.parse_args()
    if args.rows < 2 * EVAL_EVERY:
        parser.error(f"--rows must be at least {2 * EVAL_EVERY}, got {args.rows}")
    return args


if __name__ == "__main__":
    sys.exit(main())
