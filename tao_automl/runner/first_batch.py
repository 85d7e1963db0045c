"""The configurations that a run launches first: the same searcher, seed and code."""

from collections.abc import Iterator, Sequence
from typing import Any

from tao_automl.domain.trial import Origin, Score, Start, Trial, TrialState
from tao_automl.runner.setup import Setup

OUTCOMES = (0.0, 1.0)  # of the default configuration: two that differ, to see whether it matters


def first_batch(setup: Setup, slots: int, *, baseline_first: bool) -> tuple[list[dict[str, Any]], bool]:
    """One entry a recommendation, in order, and whether the run will launch exactly these.

    `baseline_first`: the baseline is known before the default configuration is trained, which then shares the slots
    with the first proposals. Otherwise it is trained alone; if the first proposals depend on its outcome, they are not
    known yet, and only the default configuration is.
    """
    if not setup.settings.rules.evaluate_default:
        return [_entry(setup, i, start, "search") for i, start in enumerate(_asked(setup, [], slots))], True
    default = _default(setup)
    first = Start(params=default.params, budget=default.budget)
    answers = list(_answers(setup, default, slots, baseline_first))
    exact = all(answer == answers[0] for answer in answers)
    proposed = answers[0] if exact else []
    entries = [_entry(setup, 0, first, "default")]
    return entries + [_entry(setup, 1 + i, start, "search") for i, start in enumerate(proposed)], exact


def _answers(setup: Setup, default: Trial, slots: int, baseline_first: bool) -> Iterator[list[Start]]:
    if baseline_first and slots > 1:
        yield _asked(setup, [default], slots - 1)
        return
    for value in OUTCOMES:
        yield _asked(setup, [_ended(setup, default, value)], slots)


def _default(setup: Setup) -> Trial:
    space = setup.problem.space
    params = space.default()
    return Trial(
        id=0,
        params=params,
        signature=space.signature(params),
        budget=setup.problem.full_budget,
        origin=Origin.DEFAULT,
    )


def _ended(setup: Setup, default: Trial, value: float) -> Trial:
    goal, objectives = setup.problem.goal, len(setup.problem.goal.objectives)
    score = Score(
        value=value,
        cost=value,
        seq=1,
        costs=(value,) * objectives if objectives > 1 else (),
        excess=(value - 0.5,) * len(goal.constraints),
    )
    return Trial(
        id=default.id,
        params=default.params,
        signature=default.signature,
        budget=default.budget,
        origin=default.origin,
        state=TrialState.COMPLETED,
        scores={default.budget: score},
    )


def _asked(setup: Setup, history: Sequence[Trial], slots: int) -> list[Start]:
    return [decision for decision in setup.searcher.ask(history, slots) if isinstance(decision, Start)]


def _entry(setup: Setup, number: int, start: Start, origin: str) -> dict[str, Any]:
    return {
        "rec_id": number,
        "budget": start.budget,
        "specs": dict(start.params),
        "origin": origin,
        "adjustments": [dict(change) for change in setup.jobs.adjustments(start.params)],
    }
