"""What ends a script early, and the one place that turns it into an exit code."""

import difflib
import sys
from collections.abc import Callable, Iterable


class UserFault(Exception):
    """The spec or the data must be changed by the user (exit 2). Both texts are shown as one line each."""

    def __init__(self, message: str, hint: str = "") -> None:
        super().__init__(message)
        self.message = " ".join(message.split())
        self.hint = " ".join(hint.split())


class Diverged(Exception):
    """Training left the finite numbers (exit 1): a result of this configuration, not a bug."""

    def __init__(self, epoch: int) -> None:
        super().__init__(f"loss is not finite at epoch {epoch}")


def run_guarded(action: Callable[[], None]) -> int:
    """Exit code of `action`: 0, 2 for a user's fault, 1 for divergence. Any other exception is a bug and passes."""
    try:
        action()
    except UserFault as fault:
        print(f"error: {fault.message}", file=sys.stderr)
        if fault.hint:
            print(f"hint: {fault.hint}", file=sys.stderr)
        return 2
    except Diverged as diverged:
        print(f"error: {diverged}", file=sys.stderr)
        return 1
    return 0


def nearest(name: str, known: Iterable[str]) -> str:
    """A clause such as ``; did you mean 'target'?``, or nothing when no known name is close."""
    by_folded = {candidate.casefold(): candidate for candidate in known}
    close = difflib.get_close_matches(name.casefold(), by_folded, n=1, cutoff=0.5)
    return f"; did you mean {by_folded[close[0]]!r}?" if close else ""
