"""Finding searchers, platforms, journals and trackers by name: entry points, the built-in ones too."""

import difflib
from functools import cache
from importlib.metadata import EntryPoint, entry_points
from typing import Any

from tao_automl.errors import MissingExtra, UnknownPlugin

SEARCHERS = "tao_automl.searchers"
PLATFORMS = "tao_automl.platforms"
JOURNALS = "tao_automl.journals"
TRACKERS = "tao_automl.trackers"


@cache
def _installed(group: str) -> tuple[EntryPoint, ...]:
    return tuple(entry_points(group=group))


def names(group: str) -> tuple[str, ...]:
    """The names that are installed in a group, sorted."""
    return tuple(sorted({point.name for point in _installed(group)}))


def load(group: str, name: str) -> Any:
    """The object behind a name.

    Raises:
        UnknownPlugin: nothing of this name is installed; the message lists what is.
        MissingExtra: it is installed, and needs a package that is not.
    """
    try:
        return _find(group, name).load()
    except ModuleNotFoundError as error:
        missing = (error.name or "").split(".")[0]
        if missing == "tao_automl":
            raise
        raise MissingExtra(
            f"`{name}` needs the package `{missing}`, which is not installed", f"pip install 'tao-automl[{name}]'"
        ) from error


def _find(group: str, name: str) -> EntryPoint:
    for point in _installed(group):
        if point.name == name:
            return point
    known, kind = names(group), group.rpartition(".")[2].removesuffix("s")
    close = difflib.get_close_matches(name, known, n=1)
    hint = f"did you mean `{close[0]}`? " if close else ""
    raise UnknownPlugin(f"no {kind} named `{name}`", f"{hint}installed: {', '.join(known) or 'none'}")
