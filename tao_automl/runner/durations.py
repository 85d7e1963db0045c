"""Durations as people write them: ``90``, ``"45s"``, ``"90m"``, ``"1h30m"``, ``"2d"``."""

import math
import re

from tao_automl.errors import SettingsError

UNITS = {"s": 1.0, "m": 60.0, "h": 3600.0, "d": 86400.0}
_PART = re.compile(r"(\d+(?:\.\d+)?)\s*([smhd])")


def parse_duration(name: str, value: object) -> float:
    """Seconds, finite and positive. A bare number is in seconds. Raises SettingsError."""
    seconds = _seconds(value)
    if seconds is None or not math.isfinite(seconds) or seconds <= 0:
        raise SettingsError(
            f"{name}: a positive duration is needed, got {value!r}", 'write seconds, or "45s", "90m", "1h30m", "2d"'
        )
    return seconds


def _seconds(value: object) -> float | None:
    if isinstance(value, int | float) and not isinstance(value, bool):
        return float(value)
    if not isinstance(value, str):
        return None
    text = value.strip().lower()
    try:
        return float(text)
    except ValueError:
        pass
    if not re.fullmatch(rf"(?:{_PART.pattern}\s*)+", text):
        return None
    return sum(float(number) * UNITS[unit] for number, unit in _PART.findall(text))


def format_duration(seconds: float) -> str:
    """``3.2s``, ``4m 05s``, ``2h 03m``, ``1d 04h``."""
    if seconds < 60:
        return f"{seconds:.1f}s"
    whole = round(seconds)
    for name, unit, small_name, small in (("d", 86400, "h", 3600), ("h", 3600, "m", 60), ("m", 60, "s", 1)):
        if whole >= unit:
            return f"{whole // unit}{name} {whole % unit // small:02d}{small_name}"
    return f"{whole}s"
