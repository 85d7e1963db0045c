"""Installing the few packages that a check may lack, when the user has agreed to it."""

import importlib
import subprocess
import sys
from collections.abc import Iterable

ALLOWED = frozenset({"boto3", "pyarrow"})
_PATIENCE = 600.0
_SHOWN = 300


class NotInstalled(Exception):
    """pip did not do it; the text is its last words."""


def install(packages: Iterable[str]) -> tuple[str, ...]:
    """Installs packages into this interpreter's environment; what pip says goes to stderr. Raises NotInstalled."""
    wanted = tuple(sorted(set(packages) & ALLOWED))
    if not wanted:
        return ()
    command = [sys.executable, "-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--no-input", *wanted]
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=_PATIENCE, check=False)
    except (OSError, subprocess.TimeoutExpired) as error:
        raise NotInstalled(f"pip could not run: {error}"[:_SHOWN]) from error
    if done.returncode != 0:
        said = " ".join((done.stderr.strip() or done.stdout.strip()).split())
        raise NotInstalled(said[-_SHOWN:] or f"pip ended with {done.returncode}")
    importlib.invalidate_caches()
    return wanted
