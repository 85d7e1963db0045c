"""What an error of the operating system means for a job."""

import errno
from collections.abc import Iterator
from contextlib import contextmanager

from tao_automl.errors import PlatformError, PlatformRejected, PlatformUnavailable

_REFUSED = {
    errno.EROFS: "the file system is read-only: choose a workspace that can be written",
    errno.EACCES: "permission is denied: choose a workspace that you own, or change its permissions",
    errno.EPERM: "permission is denied: choose a workspace that you own, or change its permissions",
    errno.ENOTDIR: "a part of the path is a file: choose another workspace",
    errno.ENAMETOOLONG: "the path is too long: choose a shorter workspace",
    errno.ELOOP: "the path has a circle of symbolic links",
    errno.E2BIG: "the command and its environment are too long: put the values into a file",
}
_PASSING = {
    errno.ENOSPC: "the disk is full: free some space",
    errno.EDQUOT: "the disk quota is used up: free some space",
    errno.EMFILE: "too many files are open in this process: raise `ulimit -n`",
    errno.ENFILE: "too many files are open on this machine",
    errno.EAGAIN: "no more processes can be started: raise `ulimit -u`, or run fewer jobs at a time",
    errno.ENOMEM: "the machine is out of memory: run fewer jobs at a time",
}


def platform_error(error: OSError, doing: str) -> PlatformError:
    """Rejected where trying again cannot help; a full disk and all else that may pass is Unavailable."""
    number = error.errno or 0
    kind = PlatformRejected if number in _REFUSED else PlatformUnavailable
    return kind(f"{doing}: {error}", _REFUSED.get(number) or _PASSING.get(number, ""))


@contextmanager
def translated(doing: str) -> Iterator[None]:
    """Turns an OSError into the platform error that it means."""
    try:
        yield
    except OSError as error:
        raise platform_error(error, doing) from error
