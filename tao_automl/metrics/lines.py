"""Reading metrics out of log lines.

A training script that knows this package prints one JSON object per line::

    {"tao_automl": "metric", "epoch": 3, "metrics": {"accuracy": 0.91}}

`epoch` counts finished units of training, over all jobs of the trial. For other scripts a skill declares patterns.
Log text is untrusted: whatever does not fit is no metric, and never an error.
"""

import json
import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from tao_automl.domain.finite import finite
from tao_automl.metrics.records import MOST_METRICS, Found

TAG = "tao_automl"
LONGEST_LINE = 65_536


@dataclass(frozen=True, slots=True, kw_only=True)
class LogPattern:
    """A regular expression whose group ``value`` (and, if present, ``epoch``) reports one metric."""

    metric: str
    pattern: re.Pattern[str]


def read_line(line: str, patterns: Sequence[LogPattern] = ()) -> Found | None:
    """What one log line reports: (epoch or None, metric -> value, None where it is not finite); None if nothing."""
    if len(line) > LONGEST_LINE:
        return None
    if TAG in line and (found := _read_tagged(line)):
        return found
    for pattern in patterns:
        if found := _read_pattern(line, pattern):
            return found
    return None


def _read_tagged(line: str) -> Found | None:
    start = line.find("{")
    try:
        record = json.loads(line[start:]) if start >= 0 else None
    except (ValueError, RecursionError):
        return None
    if not isinstance(record, dict) or record.get(TAG) != "metric" or not isinstance(record.get("metrics"), dict):
        return None
    metrics: dict[str, Any] = record["metrics"]
    if len(metrics) > MOST_METRICS:
        return None
    return _epoch(record.get("epoch")), {str(name): finite(value) for name, value in metrics.items()}


def _read_pattern(line: str, pattern: LogPattern) -> Found | None:
    match = pattern.pattern.search(line)
    if not match:
        return None
    groups = match.groupdict()
    try:
        value = finite(float(groups["value"]))
    except (KeyError, TypeError, ValueError):
        return None
    epoch = groups.get("epoch")
    return _epoch(int(epoch) if epoch and epoch.isdecimal() and len(epoch) < 10 else None), {pattern.metric: value}


def _epoch(value: object) -> int | None:
    return value if isinstance(value, int) and not isinstance(value, bool) and 0 < value < 2**31 else None
