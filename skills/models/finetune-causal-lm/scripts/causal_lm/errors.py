"""Faults that a person can put right, with the exit code each one ends the process with."""

from __future__ import annotations


class KnownError(Exception):
    """Shown as one line `error: …` and, where there is advice, one line `hint: …`; never as a traceback."""

    exit_code = 1

    def __init__(self, message: str, hint: str = "") -> None:
        super().__init__(message, hint)
        self.message = " ".join(message.split())
        self.hint = " ".join(hint.split())

    def __str__(self) -> str:
        return self.message

    def lines(self) -> str:
        return f"error: {self.message}" + (f"\nhint: {self.hint}" if self.hint else "")


class SpecError(KnownError):
    """The spec, or a checkpoint or model folder that it names, cannot be used."""

    exit_code = 2


class DataError(KnownError):
    """The prompts and answers cannot be used."""

    exit_code = 2


class MissingLibrary(KnownError):
    """A package that the script needs is not installed."""

    exit_code = 2


class Diverged(KnownError):
    """The loss became infinite or NaN; other settings may well work."""


class OutOfMemory(KnownError):
    """The GPU's memory did not suffice; the hint names settings that need less and train the same."""


class ExportMismatch(KnownError):
    """The exported model does not compute what the checkpoint computes."""
