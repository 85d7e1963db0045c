"""Reading files that are one JSON document, such as ``metrics.json``, and the summary of a W&B run.

A document is a mapping of metrics, such a mapping under ``metrics``, or a list of records, one an epoch, at the top or
one level below. In a record `epoch` may count from 0 or from 1, or be left out. A file that is no document is read as
JSON lines.
"""

from collections.abc import Mapping, Sequence
from typing import Any

from tao_automl.metrics.records import LONGEST_TEXT, Found, metrics_of, numbers, parse, whole_epoch
from tao_automl.metrics.status import StatusReader


class DocumentReader:
    """Takes the lines of one file; see `StatusReader` for the arguments. All is said at the end."""

    def __init__(self, before: int, budget: int) -> None:
        self._before = before
        self._budget = budget
        self._lines: list[str] = []
        self._length = 0

    def read(self, line: str) -> Found | None:
        """Nothing yet. Of a file that is too long, nothing is kept."""
        self._length += len(line) + 1
        if self._length <= LONGEST_TEXT:
            self._lines.append(line)
        else:
            self._lines.clear()
        return None

    def close(self) -> Sequence[Found]:
        content = parse("\n".join(self._lines))
        if isinstance(content, dict | list):
            return self._of_document(content)
        lines = StatusReader(self._before, self._budget)
        found = [report for line in self._lines if (report := lines.read(line))]
        return [*found, *lines.close()]

    def _of_document(self, content: dict[str, Any] | list[Any]) -> list[Found]:
        found = self._of_records(_records(content))
        if isinstance(content, dict) and (values := metrics_of(content, nested=True)):
            found.append((self._budget if found else self._last_epoch(content), values))
        return found

    def _of_records(self, records: Sequence[Mapping[str, Any]]) -> list[Found]:
        from_zero = any(record.get("epoch") == 0 for record in records)
        epochs = [whole_epoch(record.get("epoch"), from_zero) for record in records]
        counted = (min(self._before + n, self._budget) for n in range(1, len(records) + 1))
        dated = [count if epoch is None else epoch for epoch, count in zip(epochs, counted, strict=True)]
        return [
            (epoch, values)
            for epoch, record in zip(dated, records, strict=True)
            if (values := metrics_of(record, nested=True))
        ]

    def _last_epoch(self, content: Mapping[str, Any]) -> int:
        return whole_epoch(content.get("epoch"), content.get("max_epoch") == self._budget - 1) or self._budget


class SummaryReader(DocumentReader):
    """The same for ``wandb-summary.json``: the last value of each metric that was logged. Newer versions of wandb
    do not write it for offline runs."""

    def close(self) -> Sequence[Found]:
        content = parse("\n".join(self._lines))
        logged = {k: v for k, v in content.items() if not k.startswith("_")} if isinstance(content, dict) else {}
        values = numbers(logged)
        return [(self._budget, values)] if values else []


def _records(content: dict[str, Any] | list[Any]) -> list[dict[str, Any]]:
    """The first list of mappings in the document."""
    places = [content] if isinstance(content, list) else list(content.values())
    for place in places:
        if isinstance(place, list) and place and all(isinstance(item, dict) for item in place):
            return place
    return []
