"""Reading ``status.json``, as TAO's trainings write it: one JSON object a line.

A record may have `kpi` (metric -> number, or a text that reads as one; at the top, or one level below), `epoch` and
`max_epoch`, `status` and `message`. Records without a `kpi` are read for `metrics`, or for numbers at the top, so that
any file of JSON lines will do. What TAO does, and a reader must know:

- Epochs count from 0, and then `max_epoch` is one less than the number of epochs. Other writers count from 1.
- The record that tells an epoch comes at its end. "… metrics generated." tells no epoch: validation metrics come before
  the record of their epoch, training metrics after it (in older versions before it).
- The last `kpi` is repeated in every record until there is another one. A repetition is no news.
"""

import re
from collections.abc import Mapping, Sequence
from typing import Any

from tao_automl.metrics.records import Found, Values, metrics_of, numbers, parse, whole_epoch

_ANNOUNCEMENT = re.compile(r"\bmetrics\b.{0,40}\bgenerated\b", re.IGNORECASE)
_OF_TRAINING = re.compile(r"\s*train", re.IGNORECASE)


class StatusReader:
    """Takes the lines of one file in order, from the first one on.

    Args:
        before: epochs of training that were done when the job began.
        budget: epochs of training in all when it will be done.
    """

    def __init__(self, before: int, budget: int) -> None:
        self._done = before
        self._budget = budget
        self._from_zero = False
        self._told_any = False
        self._training_comes_after: bool | None = None
        self._last_kpi: Values = {}
        self._undated: dict[str, float | None] = {}

    def read(self, line: str) -> Found | None:
        """What is known once this line is."""
        record = parse(line)
        if not isinstance(record, dict):
            return None
        message = str(record.get("message", ""))
        announced = bool(_ANNOUNCEMENT.search(message))
        epoch, news = self._epoch(record), self._news(record, announced)
        if epoch is not None:
            return self._date(epoch, news)
        if not news:
            return None
        if not announced:
            return self._count_on(news)
        if self._belongs_to_told_epoch(message):
            return self._done, news
        self._undated |= news
        return None

    def close(self) -> Sequence[Found]:
        """What is known once there will be no more lines."""
        return [self._count_on(self._undated)] if self._undated else []

    def _epoch(self, record: Mapping[str, Any]) -> int | None:
        epoch = record.get("epoch")
        if type(epoch) is int and (epoch == 0 or record.get("max_epoch") == self._budget - 1):
            self._from_zero = True
        return whole_epoch(epoch, self._from_zero)

    def _news(self, record: Mapping[str, Any], announced: bool) -> Values:
        kpi = _kpi(record)
        if kpi is None:
            return metrics_of(record)
        values = numbers(kpi)
        repeated = values == self._last_kpi and not announced
        self._last_kpi = values
        return {} if repeated else values

    def _date(self, epoch: int, news: Values) -> Found | None:
        values = {**self._undated, **news}
        self._done, self._told_any, self._undated = epoch, True, {}
        return (epoch, values) if values else None

    def _count_on(self, news: Values) -> Found:
        self._done = min(self._done + 1, self._budget)
        return self._done, news

    def _belongs_to_told_epoch(self, message: str) -> bool:
        if not _OF_TRAINING.match(message):
            return False
        if self._training_comes_after is None:
            self._training_comes_after = self._told_any
        return self._training_comes_after


def _kpi(record: Mapping[str, Any]) -> Mapping[str, Any] | None:
    places = [record, *(item for item in record.values() if isinstance(item, dict))]
    return next((place["kpi"] for place in places if isinstance(place.get("kpi"), dict)), None)
