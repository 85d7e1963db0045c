"""What earlier runs have taught: completed trials of other workspaces and rows of CSV files, as data for searchers.

The rows are copied into the journal of the new run, so that it does not change when its sources do. A row that lies
outside of the new search space is kept: it teaches, and is never proposed.
"""

import csv
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from tao_automl.domain.experiment import fold
from tao_automl.domain.finite import finite
from tao_automl.domain.json_types import JsonObject, JsonValue
from tao_automl.domain.problem import Problem
from tao_automl.domain.space import SearchSpace
from tao_automl.domain.trial import Origin, Trial, TrialState
from tao_automl.errors import DataError, TaoAutoMLError, UserError
from tao_automl.runner.journals import open_journal

MOST_ROWS = 10_000
COMPLETE = 0  # the budget that stands for a complete training
BUDGET = "budget"  # the column, of a CSV file, that says how far a row was trained


def read_rows(sources: Sequence[str]) -> tuple[JsonObject, ...]:
    """``{"source", "params", "values": {budget: {metric: value}}}`` of every trial that has some; a budget of 0 stands
    for a complete training.

    Raises DataError for a source that cannot be read, or has nothing in it.
    """
    rows: list[JsonObject] = []
    for source in sources:
        path = Path(source).expanduser().absolute()
        found = list(_of_table(path) if path.is_file() else _of_workspace(path))
        if not found:
            raise DataError(f"warm_start: there is no completed trial in {path}", "leave it out")
        rows += found
    if len(rows) > MOST_ROWS:
        raise DataError(f"warm_start: at most {MOST_ROWS} trials can be used, got {len(rows)}", "name fewer sources")
    return tuple(rows)


def known_trials(problem: Problem, rows: Sequence[JsonObject]) -> tuple[Trial, ...]:
    """The rows as trials of the problem. Those that lack a metric of the goal, share no parameter, or have a value
    that means nothing in the space, are left out."""
    trials = (_trial(problem, number, row) for number, row in enumerate(rows))
    return tuple(trial for trial in trials if trial is not None)


def _of_workspace(path: Path) -> Iterator[JsonObject]:
    try:
        journal = open_journal(path, "read")
        try:
            experiment = fold(journal.read())
        finally:
            journal.close()
    except TaoAutoMLError as error:
        raise DataError(f"warm_start: {error.message}", "name the workspace of a run, or a CSV file") from error
    for settlement in experiment.leaders.of_trial.values():
        trial, event, facts = experiment.trials[settlement.trial], settlement.event, experiment.facts
        told = facts.fidelity is not None and not facts.scored_after_training  # what trainings report are scores
        curve = experiment.curves.get(trial.id, {}) if told else {}
        values: dict[str, JsonValue] = {str(epoch): dict(curve[epoch]) for epoch in trial.scores if epoch in curve}
        budget = settlement.budget if facts.fidelity else COMPLETE
        values[str(budget)] = {**event.values, facts.objective.metric: event.value}
        yield {"source": path.name, "params": dict(trial.params), "values": values}


def _of_table(path: Path) -> Iterator[JsonObject]:
    try:
        with path.open(newline="", encoding="utf-8-sig") as file:
            for line in csv.DictReader(file):
                cells = {str(name).strip(): cell for name, cell in line.items() if name and cell not in (None, "")}
                budget = int(float(cells.pop(BUDGET, COMPLETE)))
                if budget < COMPLETE:
                    raise ValueError(f"a budget of {budget}")
                numbers = {name: number for name, cell in cells.items() if (number := _number(cell)) is not None}
                if cells:
                    yield {"source": path.name, "params": dict(cells), "values": {str(budget): dict(numbers)}}
    except (OSError, ValueError, OverflowError, csv.Error) as error:
        raise DataError(f"warm_start: {path} cannot be read: {error}", "a CSV file with a head is needed") from error


def _number(cell: str) -> float | None:
    try:
        return finite(float(cell))
    except ValueError:
        return None


def _trial(problem: Problem, number: int, row: Mapping[str, Any]) -> Trial | None:
    params = _params(problem.space, row["params"])
    if params is None:
        return None
    full, scores = problem.full_budget, {}
    told = {int(budget) or full: values for budget, values in row["values"].items()}
    for budget, values in sorted(told.items()):
        score = problem.goal.score(values, seq=0, baseline={})
        if score is not None and budget <= full:
            scores[budget] = score
    if not scores:
        return None
    return Trial(
        id=-1 - number,
        params=params,
        signature=f"known-{number}",
        budget=max(scores),
        state=TrialState.COMPLETED,
        origin=Origin.USER,
        scores=scores,
    )


def _params(space: SearchSpace, given: Mapping[str, Any]) -> dict[str, JsonValue] | None:
    """The row's values where it has some, else the defaults; None if it has none of a searched parameter."""
    searched = {parameter.name for parameter in space.searched}
    if searched.isdisjoint(given):
        return None
    try:
        values = {name: _cast(space, name, value) for name, value in given.items() if name in space.names}
        completed = {**space.default(), **values}
        found = {name: completed[name] for name in space.active(completed) if name in completed}
        space.encode(found)
    except UserError:
        return None
    return found


def _cast(space: SearchSpace, name: str, value: Any) -> JsonValue:
    found: JsonValue = space.parameter(name).cast(value)
    return found
