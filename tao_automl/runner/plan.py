"""The launch review: what `run` will do with the same arguments, before anything is spent."""

import dataclasses
import hashlib
import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tao_automl.domain.goal import Objective
from tao_automl.domain.ports import PlatformSDK
from tao_automl.engine.world import Callbacks, NotPossible
from tao_automl.runner.blockers import Blocker
from tao_automl.runner.first_batch import first_batch
from tao_automl.runner.goals import undeclared
from tao_automl.runner.setup import Setup


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan(Mapping[str, Any]):
    """Keys and attributes are the same; values are JSON.

    Attributes:
        first_batch: the configurations that the run launches first (rec_id, budget, specs, adjustments): the default,
            then as many of the searcher's as there are slots.
        parameters: one row a searched parameter (name, type, low, high, scale, scale_inferred, default, ...).
        estimate: epochs in all, seconds an epoch if the skill knows, and the assumptions.
        baseline, final_evaluation: how each will be measured, or why not.
        objectives, constraints: all that a configuration is judged by.
        token: `AutoMLRunner.run(plan_token=...)` launches nothing but this plan.
        workspace: None while none is chosen; only `run` needs one.
        notes: what the search space reader inferred or left out, and other things worth knowing.
        blockers: what keeps the run from being launched (kind, reason, remedy); empty if nothing does.
    """

    skill: str
    action: str
    platform: str
    image: str | None
    gpus: int
    nodes: int
    workspace: str | None
    dataset: dict[str, Any]
    algorithm: str
    settings: dict[str, Any]
    budget: dict[str, Any]
    max_concurrent: int
    metric: str
    direction: str
    objectives: list[dict[str, Any]]
    constraints: list[str]
    parameters: list[dict[str, Any]]
    fixed: dict[str, Any]
    first_batch: list[dict[str, Any]]
    estimate: dict[str, Any]
    baseline: dict[str, Any]
    final_evaluation: dict[str, Any]
    notes: list[str]
    blockers: list[dict[str, str]]
    token: str = ""

    def __getitem__(self, key: str) -> Any:
        if key not in self.__dataclass_fields__:
            raise KeyError(key)
        return getattr(self, key)

    def __iter__(self) -> Iterator[str]:
        return iter(self.__dataclass_fields__)

    def __len__(self) -> int:
        return len(self.__dataclass_fields__)

    def to_json(self) -> str:
        """Strict JSON, with a line end."""
        return json.dumps(dataclasses.asdict(self), indent=2, allow_nan=False, ensure_ascii=False) + "\n"


def make_plan(
    setup: Setup,
    platform: PlatformSDK,
    workspace: Path | None,
    callbacks: Callbacks,
    facts: Mapping[str, Any],
    blockers: Iterable[Blocker],
) -> Plan:
    """Pure but for the platform's capacity. `facts` is what the skill found in the data."""
    arguments, problem = setup.arguments, setup.problem
    slots = _slots(setup, platform)
    rows: list[dict[str, Any]] = [dict(row) for row in problem.space.to_json()]
    baseline_first = callbacks.baseline_fn is not None or not isinstance(
        setup.jobs.base_evaluation("plan"), NotPossible
    )
    batch, exact = first_batch(setup, slots, baseline_first=baseline_first)
    plan = Plan(
        skill=setup.skill.name,
        action=arguments.action,
        platform=platform.name,
        image=setup.jobs.image,
        gpus=setup.jobs.gpus,
        nodes=setup.jobs.nodes,
        workspace=str(workspace) if workspace else None,
        dataset={"train": arguments.train_dataset_uri, "eval": arguments.eval_dataset_uri}
        | {"spec_keys": {action: dict(keys) for action, keys in setup.jobs.data.items()}, "facts": dict(facts)},
        algorithm=str(arguments.automl_algorithm),
        settings=dict(setup.settings.given),
        budget=_budget(setup),
        max_concurrent=slots,
        metric=problem.objective.metric,
        direction=problem.objective.direction.value,
        objectives=[_objective(objective) for objective in problem.goal.objectives],
        constraints=[constraint.text for constraint in problem.constraints],
        parameters=[row for row in rows if row["type"] not in ("fixed", "derived")],
        fixed={**setup.settings.fixed_parameters, **setup.jobs.overrides.get(arguments.action, {})},
        first_batch=batch,
        estimate=_estimate(setup, slots),
        baseline=_baseline(setup, callbacks),
        final_evaluation=_final(setup, callbacks),
        notes=[*setup.reading.notes, *undeclared(setup.skill, problem.goal), *_notes(setup, slots, exact=exact)],
        blockers=[dataclasses.asdict(blocker) for blocker in blockers],
    )
    return dataclasses.replace(plan, token=_token(plan, setup))


def _has_base_model(setup: Setup) -> bool:
    """Whether the baseline is the base model, evaluated before any training."""
    return not isinstance(setup.jobs.base_evaluation("plan"), NotPossible)


def _token(plan: Plan, setup: Setup) -> str:
    """Differs when anything that a run would do differs; where it is kept does not."""
    content = {
        **dataclasses.asdict(plan),
        "workspace": None,
        "digest": setup.skill.digest,
        "arguments": dataclasses.asdict(setup.arguments),
    }
    text = json.dumps(content, sort_keys=True, allow_nan=False, default=str)
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def _objective(objective: Objective) -> dict[str, Any]:
    return {
        "metric": objective.metric,
        "direction": objective.direction.value,
        "weight": objective.weight,
        "threshold": objective.threshold,
    }


def _notes(setup: Setup, slots: int, *, exact: bool) -> list[str]:
    known, rows = len(setup.problem.known), len(setup.known)
    learned = [f"warm start: {known} of {rows} trials of earlier runs can be used"] if rows else []
    open_end = "the first proposals depend on the baseline: only the default configuration can be shown"
    why = [f"{setup.arguments.automl_algorithm} was chosen: {setup.why_algorithm}"] if setup.why_algorithm else []
    return [*why, *_slot_note(setup, slots), *learned, *([] if exact else [open_end])]


def _slot_note(setup: Setup, slots: int) -> list[str]:
    asked = setup.settings.rules.max_concurrent
    if asked is None or asked <= slots:
        return []
    return [f"max_concurrent={asked} was asked for; the platform runs {slots} such jobs at a time"]


def _slots(setup: Setup, platform: PlatformSDK) -> int:
    bounds = [platform.capacity(setup.jobs.gpus), setup.settings.rules.max_concurrent]
    return max(1, min((bound for bound in bounds if bound is not None), default=1))


def _budget(setup: Setup) -> dict[str, Any]:
    rules, fidelity = setup.settings.rules, setup.problem.fidelity
    return {
        "recommendations": getattr(setup.searcher, "num_recommendations", None),
        "max_epochs": fidelity.high if fidelity else None,
        "unit": fidelity.unit if fidelity else None,
        "max_wall_time_s": rules.max_wall_time,
        "max_trial_time_s": rules.max_trial_time,
        "max_gpu_hours": rules.max_gpu_hours,
        "max_cost": rules.max_cost,
        "patience": rules.patience,
        "target_metric": rules.target_metric,
    }


def _estimate(setup: Setup, slots: int) -> dict[str, Any]:
    """An upper bound: every recommendation trained in full. The skill's hint is for the default configuration."""
    total = getattr(setup.searcher, "num_recommendations", None)
    per_epoch = setup.skill.hpo.get("seconds_per_epoch_hint")
    full = setup.problem.full_budget
    assumptions = ["every recommendation is trained in full; multi-fidelity searches stop most of them early"]
    if not isinstance(per_epoch, int | float) or isinstance(per_epoch, bool) or total is None:
        return {
            "seconds_per_recommendation": None,
            "wall_seconds_at_most": None,
            "gpu_hours_at_most": None,
            "cost_at_most": None,
            "assumptions": ["no timing is known before the first training"],
        }
    seconds = per_epoch * full
    hours, price = seconds * total * setup.jobs.gpus * setup.jobs.nodes / 3600, setup.settings.rules.price_per_gpu_hour
    wall = seconds * (1 + max(0, total - 1) / slots)
    assumptions.append(f"{per_epoch:g} s an epoch, as the skill measured it on its sample data and one CPU core")
    return {
        "seconds_per_recommendation": seconds,
        "wall_seconds_at_most": wall,
        "gpu_hours_at_most": hours,
        "cost_at_most": hours * price if price is not None else None,
        "assumptions": assumptions + _advice(wall, setup.settings.rules.max_wall_time),
    }


def _advice(wall: float, limit: float | None) -> list[str]:
    if limit is None or wall <= limit:
        return []
    return [
        f"this may exceed max_wall_time ({limit:g} s): consider fewer recommendations or epochs, or a smaller data set"
    ]


def _baseline(setup: Setup, callbacks: Callbacks) -> dict[str, Any]:
    if callbacks.baseline_fn:
        return {"how": "baseline_fn", "blocker": None}
    if _has_base_model(setup):
        return {"how": "the evaluate action on the base model, before any training", "blocker": None}
    if not setup.settings.rules.evaluate_default:
        return {"how": "none: evaluate_default=False", "blocker": None}
    reason = setup.jobs.why_no_evaluation()
    if reason and setup.scored_by_evaluation:
        return {"how": None, "blocker": f"trials are scored by the evaluate action: {reason}"}
    if reason:
        return {"how": f"validation metric of the default configuration, trained in full ({reason})", "blocker": None}
    return {"how": "the default configuration, trained in full, then the evaluate action", "blocker": None}


def _final(setup: Setup, callbacks: Callbacks) -> dict[str, Any]:
    if callbacks.final_eval_fn:
        return {"how": "final_eval_fn on the best checkpoint", "blocker": None}
    reason = setup.jobs.why_no_evaluation()
    if not reason and setup.scored_by_evaluation:
        return _final_after_evaluations(setup)
    return {"how": None if reason else "the evaluate action on the best checkpoint", "blocker": reason}


def _final_after_evaluations(setup: Setup) -> dict[str, Any]:
    """The trials are scored on the evaluation data already."""
    if setup.settings.rules.reuse_best_evaluation:
        return {"how": "the winner's score during the search (not an independent measure)", "blocker": None}
    blocker = "the search is scored on the evaluation data: give `final_eval_fn`, or set `reuse_best_evaluation`"
    return {"how": None, "blocker": blocker}
