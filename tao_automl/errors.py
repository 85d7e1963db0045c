"""Every error that this package raises on purpose. Imports nothing.

`message` states the law that was broken and the values that broke it; `hint` says what to do. The exit code of the
command line is the class's `exit_code`.
"""


class TaoAutoMLError(Exception):
    """Base of all errors of this package.

    Args:
        message: what is wrong, where, and which values were found.
        hint: what the reader can do about it; may be empty.
    """

    exit_code = 1

    def __init__(self, message: str, hint: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint

    def __str__(self) -> str:
        return f"{self.message}\n  hint: {self.hint}" if self.hint else self.message


class UserError(TaoAutoMLError):
    """The caller can fix it: an argument, a file, a setting."""

    exit_code = 2


class SkillError(UserError):
    """A skill's files are missing, malformed or do not allow what was asked."""


class SearchSpaceError(UserError):
    """A parameter, range, condition or constraint is impossible."""


class SettingsError(UserError):
    """An argument or setting is unknown, has the wrong type, or contradicts another."""


class DataError(UserError):
    """The training data cannot be used as it is."""


class MissingExtra(UserError):
    """A feature needs packages that are not installed."""


class UnknownPlugin(UserError):
    """No searcher, platform or journal of this name is installed."""


class PlatformError(TaoAutoMLError):
    """A compute platform did not do what it was asked."""

    exit_code = 3


class PlatformUnavailable(PlatformError):
    """The platform could not be asked. Says nothing about any job; the runner asks again."""


class PlatformRejected(PlatformError):
    """The platform understood and refused. Never retried.

    Args:
        cause: the value of the `FailureClass` that this belongs to.
    """

    def __init__(self, message: str, hint: str = "", *, cause: str = "unknown") -> None:
        super().__init__(message, hint)
        self.cause = cause


class TrackingError(TaoAutoMLError):
    """A tracker, or what a run is exported to, did not take it."""

    exit_code = 3


class JournalError(TaoAutoMLError):
    """The journal cannot be read or written."""

    exit_code = 4


class JournalConflict(JournalError):
    """Somebody else writes, or wrote, this journal."""


class JournalCorrupt(JournalError):
    """The file is not a journal that this version can read."""


class SkillChanged(JournalError):
    """The skill's files differ from those that the journal began with."""
