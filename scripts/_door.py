"""What all scripts beside this one share: options, output, errors and exit codes. The package does the work.

stdout has the answer: text, or with `--format json` exactly one document. stderr has what went wrong.
Exit codes: 0 done, 2 there is something for you to do, 3 it could not be found out.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

READY, ACT, COULD_NOT_FIND_OUT = 0, 2, 3
INTERRUPTED, PIPE_CLOSED = 130, 141
HERE = Path(__file__).resolve().parent

Answer = tuple[Any, str, int]  # the JSON document, the same as text, and the exit code


def options(description: str | None) -> argparse.ArgumentParser:
    """A parser that knows `--format`."""
    parser = argparse.ArgumentParser(
        description=description, formatter_class=argparse.RawDescriptionHelpFormatter, allow_abbrev=False
    )
    help_ = "json: one document on stdout (default: text)"
    parser.add_argument("--format", choices=("text", "json"), default="text", help=help_)
    return parser


def bank_root() -> Path:
    """The bank: TAO_SKILL_BANK_PATH if it is set, else the folder around this script, else the package's."""
    if not os.environ.get("TAO_SKILL_BANK_PATH") and (HERE.parent / "skills").is_dir():
        return HERE.parent
    from tao_automl.bank import find_bank_root

    return find_bank_root()


def answer(parser: argparse.ArgumentParser, work: Callable[[argparse.Namespace], Answer]) -> int:
    """Does the work and writes the answer. The one place where exceptions become exit codes."""
    as_json = _wants_json(sys.argv[1:])
    _never_fail_to_print()
    try:
        arguments = parser.parse_args()
        document, text, code = work(arguments)
        _write(json.dumps(document, indent=2, allow_nan=False) if arguments.format == "json" else text)
    except SystemExit as error:  # argparse has said what is wrong, or shown the help
        return _usage(error, as_json)
    except BrokenPipeError:
        return closed_pipe()
    except KeyboardInterrupt:
        return _fail("interrupted", "", "Interrupted", INTERRUPTED, as_json)
    except ImportError as error:
        return _fail(*_not_importable(error), ACT, as_json)
    except Exception as error:  # noqa: BLE001  # a script's last line
        return _fail(*_described(error), as_json)
    return code


def _write(text: str) -> None:
    if text:
        sys.stdout.write(text.rstrip("\n") + "\n")
    sys.stdout.flush()


def _usage(error: SystemExit, as_json: bool) -> int:
    code = error.code if isinstance(error.code, int) else ACT
    if code and as_json:
        message = "the command line is wrong; stderr has the usage"
        _write(json.dumps(_document("UsageError", message, "--help lists what can be given", code), indent=2))
    return code


def _not_importable(error: ImportError) -> tuple[str, str, str]:
    missing = error.name or str(error)
    message = f"the package tao-automl cannot be used by {Path(sys.executable).name}: no module {missing}"
    return message, f"pip install -e '{HERE.parent}', or run this with the Python that has it", "MissingPackage"


def _described(error: Exception) -> tuple[str, str, str, int]:
    """Message, hint, class and exit code; whatever is no error of ours could not be found out."""
    message = getattr(error, "message", None) or f"{type(error).__name__}: {error}"
    code = ACT if getattr(error, "exit_code", COULD_NOT_FIND_OUT) == ACT else COULD_NOT_FIND_OUT
    return str(message), str(getattr(error, "hint", "")), type(error).__name__, code


def _fail(message: str, hint: str, kind: str, code: int, as_json: bool) -> int:
    sys.stderr.write(f"error: {message}{'; ' if hint else ''}{hint}\n")
    if as_json:
        _write(json.dumps(_document(kind, message, hint, code), indent=2))
    return code


def _document(kind: str, message: str, hint: str, code: int) -> dict[str, Any]:
    return {"error": {"class": kind, "message": message, "hint": hint, "exit_code": code}}


def _wants_json(words: list[str]) -> bool:
    spaced = [words[index + 1] for index, word in enumerate(words[:-1]) if word == "--format"]
    joined = [word.partition("=")[2] for word in words if word.startswith("--format=")]
    return (spaced + joined)[-1:] == ["json"]


def _never_fail_to_print() -> None:
    for stream in (sys.stdout, sys.stderr):
        if hasattr(stream, "reconfigure"):
            stream.reconfigure(errors="replace")


def closed_pipe() -> int:
    """Nobody reads any more: what Python still wants to flush at exit goes nowhere."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    return PIPE_CLOSED
