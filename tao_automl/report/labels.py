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
    """`name` on `longest` characters, its middle left out: both ends of a dotted name tell more than its start."""
    if len(name) <= longest:
        return name
    tail = max(1, (longest - 1) * 2 // 3)
    return f"{name[: longest - 1 - tail]}…{name[-tail:]}"
