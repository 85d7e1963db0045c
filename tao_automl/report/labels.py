"""Short names for long dotted ones."""

from collections import Counter
from collections.abc import Iterable, Mapping


def short_names(names: Iterable[str]) -> Mapping[str, str]:
    """The shortest dotted end of each name that no other name ends with: `train.optim.lr` -> `lr`."""
    distinct = list(dict.fromkeys(names))
    ends = Counter(end for name in distinct for end in _ends(name))
    return {name: next((end for end in _ends(name) if ends[end] == 1), name) for name in distinct}


def _ends(name: str) -> list[str]:
    parts = name.split(".")
    return [".".join(parts[k:]) for k in range(len(parts) - 1, -1, -1)]


def middle(name: str, longest: int) -> str:
    """`name` on `longest` characters, its middle left out: its ends tell most."""
    if len(name) <= longest:
        return name
    tail = max(1, (longest - 1) // 2)
    return f"{name[: longest - 1 - tail]}…{name[-tail:]}"


def fitted(name: str, label: str, longest: int) -> str:
    """The whole name if it fits, else its unique end, else the ends of that."""
    if len(name) <= longest:
        return name
    return f"…{label}" if len(label) < longest else middle(label, longest)
