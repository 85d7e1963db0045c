"""Requests to a live runner from another process: a file in the workspace, because the journal has one writer."""

from pathlib import Path

CANCEL = "cancel.request"


def request_cancel(workspace: Path) -> None:
    """Asks the runner of the workspace to cancel its jobs and end the run."""
    (workspace / CANCEL).touch()


def cancel_requested(workspace: Path) -> bool:
    return (workspace / CANCEL).exists()


def clear_requests(workspace: Path) -> None:
    """Forgets requests to an earlier runner."""
    (workspace / CANCEL).unlink(missing_ok=True)
