"""The launch review: what `run` will do with the same arguments, before anything is spent."""

import dataclasses
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tao_automl.domain.ports import PlatformSDK
from tao_automl.domain.trial import Origin, Start, Trial
from tao_automl.engine.world import Callbacks
from tao_automl.runner.setup import Setup


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan(Mapping[str, Any]):
    """Keys and attributes are the same; values are JSON.

    Attributes:
        first_batch: the configurations that the run launches first (rec_id, budget, specs): the default as the
            baseline, then as many of the searcher's as there are slots.
        parameters: one row a searched parameter (name, type, low, high, scale, scale_inferred, default, ...).
        estimate: epochs in all, seconds an epoch if the skill knows, and the assumptions.
        baseline, final_evaluation: how each will be measured, or why not.
        notes: what the search space reader inferred or left out.
    """

    skill: str
    action: str
    platform: str
    image: str | None
    gpus: int
    nodes: int
    workspace: str
    dataset: dict[str, Any]
    algorithm: str
    settings: dict[str, Any]
    budget: dict[str, Any]
    max_concurrent: int
    metric: str
    direction: str
    parameters: list[dict[str, Any]]
    fixed: dict[str, Any]
    first_batch: list[dict[str, Any]]
    estimate: dict[str, Any]
    baseline: dict[str, Any]
    final_evaluation: dict[str, Any]
    notes: list[str]

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
    setup: Setup, platform: PlatformSDK, workspace: Path, callbacks: Callbacks, facts: Mapping[str, Any]
) -> Plan:
    """Pure but for the platform's capacity. `facts` is what the skill found in the data."""
    arguments, problem = setup.arguments, setup.problem
    slots = _slots(setup, platform)
    rows: list[dict[str, Any]] = [dict(row) for row in problem.space.to_json()]
    return Plan(
        skill=setup.skill.name,
        action=arguments.action,
        platform=platform.name,
        image=setup.jobs.image,
        gpus=setup.jobs.gpus,
        nodes=setup.jobs.nodes,
        workspace=str(workspace),
        dataset={"train": arguments.train_dataset_uri, "eval": arguments.eval_dataset_uri}
        | {"spec_keys": {action: dict(keys) for action, keys in setup.jobs.data.items()}, "facts": dict(facts)},
        algorithm=str(arguments.automl_algorithm),
        settings=dict(setup.settings.given),
        budget=_budget(setup),
        max_concurrent=slots,
        metric=problem.objective.metric,
        direction=problem.objective.direction.value,
        parameters=[row for row in rows if row["type"] not in ("fixed", "derived")],
        fixed={**setup.settings.fixed_parameters, **setup.jobs.overrides.get(arguments.action, {})},
        first_batch=first_batch(setup, slots),
        estimate=_estimate(setup, slots),
        baseline=_baseline(setup, callbacks),
        final_evaluation=_final(setup, callbacks),
        notes=[*setup.reading.notes, *_slot_note(setup, slots)],
    )


def first_batch(setup: Setup, slots: int) -> list[dict[str, Any]]:
    """What the run launches first: the same searcher, seed and code."""
    space, full = setup.problem.space, setup.problem.full_budget
    history: list[Trial] = []
    if setup.settings.rules.evaluate_default:
        default = space.default()
        signature = space.signature(default)
        history.append(Trial(id=0, params=default, signature=signature, budget=full, origin=Origin.DEFAULT))
    proposed = [d for d in setup.searcher.ask(history, slots) if isinstance(d, Start)]
    batch = [{"rec_id": t.id, "budget": t.budget, "specs": dict(t.params), "origin": "default"} for t in history]
    return batch + [
        {"rec_id": len(history) + i, "budget": start.budget, "specs": dict(start.params), "origin": "search"}
        for i, start in enumerate(proposed)
    ]


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
            "assumptions": ["no timing is known before the first training"],
        }
    seconds = per_epoch * full
    wall = seconds * (1 + max(0, total - 1) / slots)
    assumptions.append(f"{per_epoch:g} s an epoch, as the skill measured it on its sample data and one CPU core")
    return {
        "seconds_per_recommendation": seconds,
        "wall_seconds_at_most": wall,
        "gpu_hours_at_most": seconds * total * setup.jobs.gpus / 3600,
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
    if not setup.settings.rules.evaluate_default:
        return {"how": "none: evaluate_default=False", "blocker": None}
    reason = setup.jobs.why_no_evaluation()
    if reason:
        return {"how": f"validation metric of the default configuration, trained in full ({reason})", "blocker": None}
    return {"how": "the default configuration, trained in full, then the evaluate action", "blocker": None}


def _final(setup: Setup, callbacks: Callbacks) -> dict[str, Any]:
    if callbacks.final_eval_fn:
        return {"how": "final_eval_fn on the best checkpoint", "blocker": None}
    reason = setup.jobs.why_no_evaluation()
    return {"how": None if reason else "the evaluate action on the best checkpoint", "blocker": reason}
