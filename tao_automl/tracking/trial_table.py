"""Trials as a table of comma-separated values: a row a trial, a column a parameter."""

import csv
import io
from collections.abc import Iterable, Sequence

from tao_automl.tracking.flat import scalar
from tao_automl.tracking.port import TrialRow

COLUMNS = ("rec_id", "status", "origin", "parent", "budget", "scored_at", "job_id", "started_at", "ended_at")
LAST_COLUMNS = ("failure_class", "failure_reason")


def trial_table(rows: Sequence[TrialRow]) -> str:
    """The whole file. A cell is empty where there is no value; lists and mappings are JSON; times are epoch seconds.

    Names of metrics and parameters are columns of their own, with a prefix where both have one of that name."""
    metrics = _names((*row.objectives, *row.metrics) for row in rows)
    params = _names(row.params for row in rows)
    taken = {*COLUMNS, *metrics, *LAST_COLUMNS}
    heads = [f"params.{name}" if name in taken else name for name in params]
    file = io.StringIO()
    writer = csv.writer(file, lineterminator="\n")
    writer.writerow([*COLUMNS, *metrics, *heads, *LAST_COLUMNS])
    for row in rows:
        values = {**row.metrics, **row.objectives}
        writer.writerow(
            [
                *(row.trial, row.state.value, row.origin, row.parent, row.budget, row.scored_at),
                *(row.job, row.started_at, row.ended_at),
                *(values.get(name) for name in metrics),
                *(scalar(row.params[name]) if name in row.params else None for name in params),
                *(row.failure, row.reason),
            ]
        )
    return file.getvalue()


def _names(groups: Iterable[Iterable[str]]) -> list[str]:
    return list(dict.fromkeys(name for group in groups for name in group))
