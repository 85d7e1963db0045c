"""What the writer of an unknown name probably meant."""

import difflib
from collections.abc import Iterable


def nearest_names(name: str, known: Iterable[str], count: int = 3) -> list[str]:
    """Up to `count` known names that resemble `name`; the last part of a dotted name is enough to match."""
    names = list(dict.fromkeys(known))
    leaves = [candidate for candidate in names if candidate.rpartition(".")[2] == name.rpartition(".")[2]]
    close = difflib.get_close_matches(name, names, n=count, cutoff=0.5)
    return list(dict.fromkeys(leaves + close))[:count]


def nearest_hint(name: str, known: Iterable[str]) -> str:
    names = list(dict.fromkeys(known))
    near = nearest_names(name, names)
    if near:
        return f"did you mean {', '.join(near)}?"
    rest = f" and {len(names) - 20} more" if len(names) > 20 else ""
    return f"known: {', '.join(names[:20]) or 'none'}{rest}"
