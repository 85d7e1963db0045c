#!/usr/bin/env python3
"""Copy stdin to stdout without secrets: those of this environment by value, others by shape. Works on a live stream.

With `--format json`, one document at the end: {"text": …, "redactions": …}, for at most 16 MB.

  kubectl logs job/train | scripts/redact_secrets.py
"""

from __future__ import annotations

import argparse
import sys

from _door import READY, Answer, answer, options

LIMIT = 16_000_000


def work(arguments: argparse.Namespace) -> Answer:
    from tao_automl.errors import DataError
    from tao_automl.platforms.redact import REDACTED, Redactor
    from tao_automl.preflight.streams import redact_stream

    sys.stdin.reconfigure(encoding="utf-8", errors="replace", newline="")  # type: ignore[union-attr]
    pieces = redact_stream(sys.stdin, Redactor.from_environment())
    if arguments.format == "text":
        sys.stdout.reconfigure(encoding="utf-8", newline="")  # type: ignore[union-attr]
        for piece in pieces:
            sys.stdout.write(piece)
            sys.stdout.flush()
        return None, "", READY
    text = ""
    for piece in pieces:
        text += piece
        if len(text) > LIMIT:
            raise DataError(f"stdin has more than {LIMIT:,} characters", "leave --format json out: text has no limit")
    return {"text": text, "redactions": text.count(REDACTED)}, "", READY


if __name__ == "__main__":
    raise SystemExit(answer(options(__doc__), work))
