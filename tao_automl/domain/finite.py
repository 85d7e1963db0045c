"""Numbers from outside: what is not a finite number is no number."""

import math
from numbers import Real


def finite(value: object) -> float | None:
    """`value` as a float if it is a finite number (also one of numpy's; a bool is none), else None."""
    if isinstance(value, bool) or not isinstance(value, int | float | Real):
        return None
    try:
        return float(value) if math.isfinite(value) else None
    except OverflowError:  # an integer of hundreds of digits
        return None
