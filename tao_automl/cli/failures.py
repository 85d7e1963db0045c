"""How errors reach the user: two lines on stderr, or one JSON document on stdout; and the exit code by class."""

import sys
import traceback
from dataclasses import dataclass
from typing import Any

import typer

from tao_automl.cli.output import note, write_json
from tao_automl.errors import TaoAutoMLError

INTERRUPTED = 130  # 128 + SIGINT, as shells have it
PIPE_CLOSED = 141  # 128 + SIGPIPE
USAGE = 2

# Newer versions of typer bring their own copy of click; this is the class in either case.
ClickException: Any = next(cls for cls in typer.BadParameter.__mro__ if cls.__name__ == "ClickException")


class Interrupted(TaoAutoMLError):
    """Ctrl-C, or a termination signal, where no run was attached."""

    exit_code = INTERRUPTED


class PipeClosed(TaoAutoMLError):
    """The reader of our output went away. Nobody is left to tell."""

    exit_code = PIPE_CLOSED


@dataclass(frozen=True, slots=True)
class Failure:
    """An error as users see it."""

    kind: str
    message: str
    hint: str
    exit_code: int

    def to_json(self) -> dict[str, Any]:
        return {"error": {"class": self.kind, "message": self.message, "hint": self.hint, "exit_code": self.exit_code}}


def describe(error: BaseException) -> Failure:
    """Any exception as one message, one hint and an exit code."""
    if isinstance(error, TaoAutoMLError):
        return Failure(type(error).__name__, error.message, error.hint, error.exit_code)
    if isinstance(error, ClickException):
        return Failure("UsageError", _usage_message(error), _usage_hint(error), getattr(error, "exit_code", USAGE))
    if isinstance(error, typer.Abort | KeyboardInterrupt):
        return Failure("Interrupted", "interrupted", "", INTERRUPTED)
    hint = "this was not expected; --debug (or TAO_AUTOML_DEBUG=1) shows where it came from"
    return Failure(type(error).__name__, f"{type(error).__name__}: {error}".rstrip(": "), hint, 1)


def report_failure(error: BaseException, *, as_json: bool, debug: bool) -> int:
    """Tells the user; returns the exit code."""
    if _is_help(error):
        error.show()  # type: ignore[attr-defined]  # a group that was called without a command shows its help
        return USAGE
    failure = describe(error)
    if debug:
        note("".join(traceback.format_exception(error)))
    if as_json:
        write_json(failure.to_json())
    else:
        note(as_text(failure, color=sys.stderr.isatty()))
    return failure.exit_code


def as_text(failure: Failure, *, color: bool) -> str:
    """`error: …` and `hint: …`."""
    red, cyan, reset = ("\033[1;31m", "\033[36m", "\033[0m") if color else ("", "", "")
    text = f"{red}error:{reset} {failure.message}"
    return f"{text}\n{cyan}hint:{reset} {failure.hint}" if failure.hint else text


def _is_help(error: BaseException) -> bool:
    return type(error).__name__ == "NoArgsIsHelpError"


def _usage_message(error: Any) -> str:
    return " ".join(str(error.format_message()).split())


def _usage_hint(error: Any) -> str:
    context = getattr(error, "ctx", None)
    return f"{context.command_path} --help lists what can be given" if context else ""
