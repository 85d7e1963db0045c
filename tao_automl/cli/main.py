"""The entry point. Its last lines are the one place where exceptions become exit codes."""

import contextlib
import os
import sys
from collections.abc import Sequence

from tao_automl.cli.failures import PIPE_CLOSED, PipeClosed, report_failure

DEBUG_VARIABLE = "TAO_AUTOML_DEBUG"


def main(argv: Sequence[str] | None = None) -> int:
    """Runs one command line and returns its exit code."""
    arguments = list(sys.argv[1:] if argv is None else argv)
    arguments, debug = _take_debug(arguments)
    _never_fail_to_print()
    try:
        code = _run(arguments)
        sys.stdout.flush()
    except (BrokenPipeError, PipeClosed):
        return _mute()
    except (Exception, KeyboardInterrupt) as error:  # noqa: BLE001  # the command line's last line
        return _report(error, arguments, debug)
    return code


def _run(arguments: Sequence[str]) -> int:
    from tao_automl.cli.app import command_line

    answer = command_line()(list(arguments) or ["--help"], prog_name="tao-automl", standalone_mode=False)
    return answer if isinstance(answer, int) else 0


def _report(error: BaseException, arguments: Sequence[str], debug: bool) -> int:
    try:
        return report_failure(error, as_json=wants_json(arguments), debug=debug)
    except BrokenPipeError:
        return _mute()


def wants_json(arguments: Sequence[str]) -> bool:
    """Whether `--format json` was given, however wrong the rest is: the last one counts."""
    options = list(arguments[: arguments.index("--")] if "--" in arguments else arguments)
    spaced = [options[i + 1] for i, word in enumerate(options[:-1]) if word == "--format"]
    joined = [word.partition("=")[2] for word in options if word.startswith("--format=")]
    return (spaced + joined)[-1:] == ["json"]


def _take_debug(arguments: list[str]) -> tuple[list[str], bool]:
    """`--debug` is understood anywhere on the line."""
    end = arguments.index("--") if "--" in arguments else len(arguments)
    kept = [word for word in arguments[:end] if word != "--debug"] + arguments[end:]
    named = os.environ.get(DEBUG_VARIABLE, "").lower() not in ("", "0", "false")
    return kept, named or len(kept) < len(arguments)


def _never_fail_to_print() -> None:
    """A character that the terminal's encoding lacks becomes `?`, not an exception."""
    for stream in (sys.stdout, sys.stderr):
        if hasattr(stream, "reconfigure"):
            stream.reconfigure(errors="replace")


def _mute() -> int:
    """Nobody reads any more: what Python still wants to flush at exit goes nowhere."""
    with contextlib.suppress(OSError, ValueError):  # not a real file, then there is nothing to flush either
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    return PIPE_CLOSED
