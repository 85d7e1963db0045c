"""Invented results: an ASHA-like run whose learning curves depend on the parameters."""

import heapq
import itertools
import math
import random
from typing import Any

EPOCH_SECONDS = 41.0
BUDGETS = (1, 3, 9, 27)
START = 1_750_000_000.0
CRASHES = (
    ("resources", "torch.OutOfMemoryError: CUDA out of memory. Tried to allocate 3.20 GiB (GPU 0; 79.2 GiB total)",
     "Lower train.batch_size, or ask for a GPU with more memory."),
    ("model_code", "RuntimeError: mat1 and mat2 shapes cannot be multiplied (32x512 and 768x10)",
     "The skill's code failed; see the log."),
    ("metric_missing", "the job succeeded, but reported no finite val_acc",
     "Check that training prints the metric that the skill declares."),
)  # fmt: skip


def row(name: str, kind: str, **cells: Any) -> dict[str, Any]:
    empty = dict.fromkeys(("low", "high", "scale", "scale_inferred", "step", "options", "weights", "when"))
    return {"name": name, "type": kind, **empty, "default": None, "popular": [], "description": "", **cells}


def number_row(
    name: str, kind: str, low: float, high: float, default: float, scale: str, **cells: Any
) -> dict[str, Any]:
    return row(name, kind, low=low, high=high, default=default, scale=scale, **cells)


SPACE = [
    number_row("train.optim.lr", "float", 1e-5, 1e-1, 1e-3, "log", scale_inferred=True,
               description="Step size of the optimizer."),
    number_row("train.optim.weight_decay", "float", 1e-6, 1e-2, 1e-4, "log", scale_inferred=False),
    row("train.optim.name", "choice", options=["adamw", "sgd", "lion"], default="adamw"),
    number_row("train.optim.momentum", "float", 0.5, 0.99, 0.9, "linear", scale_inferred=False,
               when={"train.optim.name": ["sgd"]}),
    number_row("train.batch_size", "int", 8, 256, 32, "power2", scale_inferred=True),
    number_row("model.depth", "int", 2, 12, 6, "linear", scale_inferred=False),
    number_row("model.dropout", "float", 0.0, 0.6, 0.1, "linear", scale_inferred=False),
    row("augment.mixup", "bool", options=[False, True], default=False),
]  # fmt: skip


def wide_space(count: int) -> list[dict[str, Any]]:
    """The usual space, and parameters without influence up to `count`."""
    extra = [
        number_row(f"model.head.layers.block_{k}.width_multiplier", "float", 0.25, 4.0, 1.0, "log")
        for k in range(count - len(SPACE))
    ]
    return SPACE + extra


def default_specs(space: list[dict[str, Any]]) -> dict[str, Any]:
    config: dict[str, Any] = {}
    for entry in space:
        if active(entry, config):
            config[entry["name"]] = entry["default"]
    return config


def active(entry: dict[str, Any], config: dict[str, Any]) -> bool:
    return all(config.get(parent) in allowed for parent, allowed in (entry["when"] or {}).items())


def sample_specs(space: list[dict[str, Any]], rng: random.Random) -> dict[str, Any]:
    config: dict[str, Any] = {}
    for entry in space:
        if active(entry, config):
            config[entry["name"]] = _draw(entry, rng)
    return config


def _draw(entry: dict[str, Any], rng: random.Random) -> Any:
    if entry["options"]:
        return rng.choice(entry["options"])
    low, high = entry["low"], entry["high"]
    if entry["scale"] == "power2":
        return 2 ** rng.randint(int(math.log2(low)), int(math.log2(high)))
    if entry["type"] == "int":
        return rng.randint(low, high)
    if entry["scale"] == "log":
        return float(f"{low * (high / low) ** rng.random():.12g}")
    return round(low + (high - low) * rng.random(), 12)


def accuracy(specs: dict[str, Any], epoch: int, noise: float) -> float:
    lr = math.log10(specs["train.optim.lr"])
    best_lr = {"adamw": -2.7, "sgd": -1.6, "lion": -3.4}[specs["train.optim.name"]]
    top = 0.935 - 0.055 * (lr - best_lr) ** 2 - 0.02 * abs(specs["model.dropout"] - 0.2)
    top += 0.006 * specs["augment.mixup"] - 0.0008 * (specs["model.depth"] - 8) ** 2
    speed = 0.5 + 0.25 * (lr - best_lr)
    reached = 0.1 + (max(top, 0.15) - 0.1) * (1 - math.exp(-max(speed, 0.15) * epoch**0.7))
    return round(min(0.999, max(0.02, reached + noise)), 6)


class Run:
    """Workers that take the next job when they are free: promote the best quarter-third, else start a new trial."""

    def __init__(self, trials: int, slots: int, seed: int, space: list[dict[str, Any]], crash_rate: float) -> None:
        self.rng = random.Random(seed)
        self.limit, self.space, self.crash_rate = trials, space, crash_rate
        self.entries: list[dict[str, Any]] = []
        self.done: dict[int, list[int]] = {budget: [] for budget in BUDGETS}
        self.promoted: dict[int, set[int]] = {budget: set() for budget in BUDGETS}
        self.free = [(START + 2.0 * k, k) for k in range(slots)]

    def history(self) -> list[dict[str, Any]]:
        running: list[tuple[float, int, int]] = []
        while True:
            now, slot = self.free[0]
            while running and running[0][0] <= now:
                self._settle(*heapq.heappop(running)[1:])
            job = self._next(now)
            if job is None and not running:
                return self.entries
            heapq.heappop(self.free)
            if job is None:
                heapq.heappush(self.free, (running[0][0] + 1e-3, slot))
                continue
            end = self._train(*job, now)
            heapq.heappush(running, (end, *job))
            heapq.heappush(self.free, (end + 3.0, slot))

    def _next(self, now: float) -> tuple[int, int] | None:
        for budget, larger in reversed(list(itertools.pairwise(BUDGETS))):
            ranked = sorted(self.done[budget], key=lambda k: -self.entries[k]["metric"])
            for k in ranked[: len(ranked) // 3]:
                if k not in self.promoted[budget]:
                    self.promoted[budget].add(k)
                    return k, larger
        if len(self.entries) >= self.limit:
            return None
        self._start(now)
        return len(self.entries) - 1, BUDGETS[0]

    def _start(self, now: float) -> None:
        rec = len(self.entries)
        specs = sample_specs(self.space, self.rng) if rec else default_specs(self.space)
        self.entries.append(
            {
                "rec_id": rec, "origin": "search" if rec else "default", "parent": None, "job_id": f"run-{rec:04d}-1",
                "job_status": "SUCCEEDED", "status": "success", "metric": None, "objective_values": {}, "values": {},
                "budget": 0, "specs": specs, "curve": [], "started_at": now, "ended_at": now, "failure_class": None,
                "failure_reason": None, "advice": None, "log_path": None, "adjustments": [], "feedback": None,
            }
        )  # fmt: skip

    def _train(self, rec: int, budget: int, now: float) -> float:
        entry, begun = self.entries[rec], len(self.entries[rec]["curve"])
        crashes = rec > 0 and self.rng.random() < self.crash_rate
        last = max(begun, begun + (budget - begun) // 3) if crashes else budget
        for epoch in range(begun + 1, last + 1):
            entry["curve"].append([epoch, accuracy(entry["specs"], epoch, self.rng.gauss(0, 0.004))])
        entry["budget"] = budget
        pace = EPOCH_SECONDS * (0.7 + 0.6 * self.rng.random())
        end = now + 20.0 + pace * (last - begun)
        entry["ended_at"] = round(end, 3)
        entry.setdefault("jobs", []).append({"started_at": now, "ended_at": round(end, 3), "budget": budget})
        if crashes:
            self._crash(entry)
        else:
            entry["metric"] = entry["curve"][-1][1]
            entry["objective_values"] = {"val_acc": entry["metric"]}
        return end

    def _crash(self, entry: dict[str, Any]) -> None:
        cause, reason, advice = self.rng.choices(CRASHES, (6, 2, 1))[0]
        entry |= {
            "status": "failure", "failure_class": cause, "failure_reason": reason, "advice": advice,
            "log_path": f"/runs/one/jobs/{entry['job_id']}/log.txt", "job_status": "FAILED",
        }  # fmt: skip

    def _settle(self, rec: int, budget: int) -> None:
        if self.entries[rec]["status"] == "success":
            self.done[budget].append(rec)


def asha_result(
    trials: int = 40, *, slots: int = 4, seed: int = 0, params: int = 8, crash_rate: float = 0.04, jobs: bool = True
) -> dict[str, Any]:
    """A completed run with a baseline and a final evaluation."""
    space = wide_space(params)
    history = Run(trials, slots, seed, space, crash_rate).history()
    if not jobs:
        for entry in history:
            entry.pop("jobs", None)
    return wrap(history, space)


def wrap(history: list[dict[str, Any]], space: list[dict[str, Any]]) -> dict[str, Any]:
    """The result around a history."""
    good = [entry for entry in history if entry["status"] == "success" and entry["metric"] is not None]
    best = max(good, key=lambda entry: entry["metric"], default=None)
    final = round(best["metric"] - 0.0042, 6) if best else None
    base = 0.8731 if best else None
    causes: dict[str, int] = {}
    for entry in history:
        if entry["status"] == "failure":
            causes[entry["failure_class"]] = causes.get(entry["failure_class"], 0) + 1
    elapsed = max((entry["ended_at"] for entry in history), default=START) - START
    return {
        "status": "completed" if best else "failed",
        "failure_reason": None if best else "every trial failed",
        "best": best and _best(best),
        "pareto_front": [],
        "baseline": _evaluation("baseline", base, "run-baseline-1", final, best, base),
        "final_evaluation": _evaluation("final", final, "run-final-1", final, best, base),
        "progress": {
            "completed": len(history), "succeeded": len(good), "failed": sum(causes.values()), "stopped": 0,
            "running": 0, "total": len(history), "best_metric": best and best["metric"],
            "best_rec_id": best and best["rec_id"], "algorithm": "asha", "elapsed_s": elapsed, "eta_s": 0.0,
            "gpu_hours": 3.4 * elapsed / 3600, "trained_units": sum(len(entry["curve"]) for entry in history),
            "cost": None,
        },
        "history": history,
        "algorithm_state": {"algorithm": "asha", "asked": len(history), "seed": 0},
        "failures_by_cause": causes,
        "search_space": space,
        "settings": {"automl_algorithm": "asha", "gpu_count": 1, "automl_settings": {
            "metric": "val_acc", "direction": "maximize", "automl_max_epochs": 27, "automl_max_concurrent": 4,
            "automl_reduction_factor": 3, "seed": 0}},
        "metric": "val_acc",
        "direction": "maximize",
        "skill": "train-image-classifier",
        "platform": "slurm",
        "workspace": "/runs/one",
    }  # fmt: skip


def _best(entry: dict[str, Any]) -> dict[str, Any]:
    results = f"/runs/one/jobs/{entry['job_id']}/results"
    return {
        "rec_id": entry["rec_id"], "job_id": entry["job_id"], "specs": dict(entry["specs"]),
        "metric_value": entry["metric"], "objective_values": {"val_acc": entry["metric"]}, "values": {},
        "budget": entry["budget"], "checkpoint": f"{results}/epoch_{entry['budget']:03d}.pth", "results_path": results,
        "adjustments": [],
    }  # fmt: skip


def _evaluation(
    kind: str, value: float | None, job: str, final: float | None, best: dict[str, Any] | None, base: float | None
) -> dict[str, Any]:
    known = value is not None and final is not None and base is not None
    delta = {"delta": final - base, "improved": final > base, "direction": "maximize"} if known else None
    return {
        "status": "measured" if known else "not_run", "metric_name": "val_acc", "metric_value": value,
        "job_id": job if known else None, "record_path": f"/runs/one/evaluations/{kind}.json",
        "source": "evaluate action on the evaluation data" if known else None, "values": {},
        "failure_reason": None if known else "no trial succeeded",
        "comparison_to_best" if kind == "baseline" else "comparison_to_baseline": delta,
    }  # fmt: skip


def failed_result(trials: int = 6) -> dict[str, Any]:
    """Every trial failed, for one reason."""
    result = asha_result(trials, crash_rate=0.0, jobs=False)
    for entry in result["history"]:
        entry |= {"status": "failure", "metric": None, "curve": [], "budget": 1, "objective_values": {}} | dict(
            zip(("failure_class", "failure_reason", "advice"), CRASHES[0], strict=True)
        )
        entry["log_path"] = f"/runs/one/jobs/{entry['job_id']}/log.txt"
    return wrap(result["history"], result["search_space"])


def loss_result(trials: int = 24, seed: int = 3) -> dict[str, Any]:
    """A run that minimises, still running, with one budget, no baseline and values over several decades."""
    rng = random.Random(seed)
    result = asha_result(trials, seed=seed, crash_rate=0.0, jobs=False)
    for k, entry in enumerate(result["history"]):
        depth = -math.log10(entry["specs"]["train.optim.lr"])
        entry |= {"metric": round(0.05 * 10 ** (abs(depth - 2.6) + 0.2 * rng.random()), 6), "budget": 1, "curve": []}
        entry["objective_values"] = {"rmse": entry["metric"]}
        if k >= trials - 3:
            entry |= {"status": "running", "metric": None, "ended_at": None, "objective_values": {}}
            entry |= {"job_status": "RUNNING", "budget": 9, "curve": [[1, 1.25], [2, 0.75]][: k - trials + 3]}
    best = min((e for e in result["history"] if e["metric"] is not None), key=lambda e: e["metric"])
    nothing = {"status": "not_run", "metric_name": "rmse", "metric_value": None}
    nothing["failure_reason"] = "the run has not come to it"
    skipped = {**nothing, "status": "skipped", "failure_reason": "switched off by baseline=False"}
    progress = result["progress"] | {"running": 3, "completed": trials - 3, "failed": 0, "eta_s": 1260.0, "total": 50}
    progress |= {"best_metric": best["metric"], "best_rec_id": best["rec_id"], "algorithm": "bayesian"}
    return result | {
        "status": "running", "metric": "rmse", "direction": "minimize", "best": _best(best), "baseline": skipped,
        "final_evaluation": nothing, "progress": progress, "failures_by_cause": {}, "platform": "local",
        "skill": "train-tabular",
    }  # fmt: skip


def pareto_result(trials: int = 30) -> dict[str, Any]:
    """Two objectives and a constraint: accuracy against latency, which grows with the depth of the model."""
    result = asha_result(trials, seed=4, crash_rate=0.0)
    for entry in result["history"]:
        latency = round(2.0 + 1.7 * entry["specs"]["model.depth"], 3)
        entry["objective_values"] = {"val_acc": entry["metric"], "latency": latency}
        entry |= {"tracking": {"memory": 100.0 + 7 * entry["specs"]["model.depth"]}, "feasible": latency <= 20}
        if entry["specs"]["train.batch_size"] == 256:
            change = {"type": "effective_batch_cap", "key": "train.batch_size", "from": 256, "to": 100}
            entry["adjustments"] = [change | {"reason": "256 x 1 is more than the 100 samples"}]
    able = [entry for entry in result["history"] if entry["feasible"] and entry["metric"] is not None]
    front = [_best(entry) | {"spec_path": f"/runs/one/specs/trial_{entry['rec_id']:04d}.yaml"} | {
        "objective_values": entry["objective_values"], "tracking": entry["tracking"]} for entry in able
        if not any(_beats(other["objective_values"], entry["objective_values"]) for other in able)]  # fmt: skip
    members = [
        result["final_evaluation"] | {
            "rec_id": member["rec_id"], "metric_value": member["metric_value"] - 0.01, "comparison_to_baseline": None,
            "objective_values": {"val_acc": member["metric_value"] - 0.01}, "sem": 0.004,
        }
        for member in front
    ]  # fmt: skip
    leading = max(members, key=lambda member: member["metric_value"])
    delta = leading["metric_value"] - 0.8731
    compared = {"delta": delta, "improved": True, "direction": "maximize", "sem": 0.03, "within_noise": True}
    return result | {
        "best": None, "best_reason": "several objectives (val_acc, latency): see `pareto_front`",
        "pareto_front": front, "tracking_metrics": ["memory"], "unit": "iteration",
        "objectives": [{"metric": "val_acc", "direction": "maximize"}, {"metric": "latency", "direction": "minimize"}],
        "outcome_constraints": [{"text": "latency <= 20", "bound": 20.0}],
        "final_evaluation": leading | {"members": members, "comparison_to_baseline": compared},
        "baseline": result["baseline"] | {"comparison_to_best": None, "objective_values": {"val_acc": 0.8731}},
        "progress": result["progress"] | {"cost": 12.5, "best_metric": None, "best_rec_id": None},
    }  # fmt: skip


def _beats(one: dict[str, float], other: dict[str, float]) -> bool:
    as_good = one["val_acc"] >= other["val_acc"] and one["latency"] <= other["latency"]
    return as_good and one != other


def infeasible_result() -> dict[str, Any]:
    """No trial keeps the constraint."""
    result = asha_result(6, seed=4, crash_rate=0.0)
    for entry in result["history"]:
        entry["feasible"] = False
    why = "no trial keeps the outcome constraints; trial 2 comes nearest: latency <= 1: 1.25, 25% beyond"
    nothing = {"status": "not_run", "metric_name": "val_acc", "metric_value": None, "comparison_to_baseline": None}
    return result | {
        "best": None, "best_reason": why, "outcome_constraints": [{"text": "latency <= 1", "bound": 1.0}],
        "final_evaluation": nothing | {"failure_reason": "no trial keeps the outcome constraints"},
        "baseline": result["baseline"] | {"comparison_to_best": None},
    }  # fmt: skip


HOSTILE = "</script><script>alert(1)</script><img src=x onerror=alert(2)>'\"&\x1b[31mred\x00\u202e\u2028"


def hostile_result() -> dict[str, Any]:
    """Every text is an attack, and every second number is missing or wrong."""
    name = f"a.{HOSTILE}"
    space = [
        row(name, "choice", options=[HOSTILE, "—日本語—", {"deep": [HOSTILE]}], default=HOSTILE, description=HOSTILE),
        number_row("日本.学習率." + "x" * 300, "float", 0, 1, 0.5, "linear", when={HOSTILE: [HOSTILE]}),
        row(HOSTILE * 3, "int", low="1", high=None, default=[]),
    ]
    history: list[Any] = [
        {
            "rec_id": k, "status": "failure" if k % 3 == 0 else "success",
            "metric": [k / 10, float("nan"), None][k % 3],
            "specs": {name: HOSTILE, space[1]["name"]: k / 20, HOSTILE: None}, "failure_class": HOSTILE,
            "failure_reason": HOSTILE, "advice": HOSTILE, "log_path": HOSTILE, "job_id": HOSTILE,
            "curve": [[1, 0.5], [2], "x", [3, float("inf")], [4, k / 10]], "started_at": [START, None, "x"][k % 3],
            "ended_at": START - 5, "budget": ["9", 4, None][k % 3], "adjustments": [HOSTILE, {"type": HOSTILE}],
        }
        for k in range(20)
    ] + [None, "x", {}]  # fmt: skip
    return {
        "status": HOSTILE, "failure_reason": HOSTILE, "metric": HOSTILE, "direction": "sideways", "skill": HOSTILE,
        "platform": HOSTILE, "workspace": HOSTILE, "history": history, "search_space": space,
        "best": {"rec_id": 1, "metric_value": float("inf"), "specs": {name: HOSTILE}, "checkpoint": HOSTILE},
        "baseline": {"status": HOSTILE, "metric_value": "0.5", "failure_reason": HOSTILE},
        "final_evaluation": {"status": "measured", "metric_value": 0.5, "source": HOSTILE}, "progress": [],
        "failures_by_cause": {HOSTILE: 3}, "settings": {HOSTILE: {HOSTILE: [HOSTILE]}}, "pareto_front": "none",
    }  # fmt: skip


def plan(params: int = 8, batch: int = 5) -> dict[str, Any]:
    """A launch review."""
    space = wide_space(params)
    rng = random.Random(5)
    first = [{"rec_id": 0, "budget": 27, "specs": default_specs(space), "origin": "default"}]
    first += [
        {"rec_id": k, "budget": 1, "specs": sample_specs(space, rng), "origin": "search"} for k in range(1, batch)
    ]
    return {
        "skill": "train-image-classifier", "action": "train", "platform": "slurm", "image": None, "gpus": 2, "nodes": 1,
        "workspace": "/runs/one",
        "dataset": {"train": "/data/flowers/train", "eval": "/data/flowers/val", "facts": {"train_images": 3670},
                    "spec_keys": {"train": {"dataset.train_dir": "/data/flowers/train"},
                                  "evaluate": {"dataset.test_dir": "/data/flowers/val"}}},
        "algorithm": "asha", "settings": {"metric": "val_acc", "max_epochs": 27, "reduction_factor": 3, "seed": 0},
        "budget": {"recommendations": 40, "max_epochs": 27, "unit": "epoch", "max_wall_time_s": 43200.0,
                   "max_trial_time_s": None, "target_metric": None},
        "max_concurrent": 4, "metric": "val_acc", "direction": "maximize", "parameters": space,
        "fixed": {"train.seed": 7, "model": {"backbone": "resnet_50"}}, "first_batch": first,
        "estimate": {"seconds_per_recommendation": 1107.0, "wall_seconds_at_most": 11900.25, "gpu_hours_at_most": 24.6,
                     "assumptions": ["every recommendation is trained in full",
                                     "41 s an epoch, as the skill measured it on its sample data"]},
        "baseline": {"how": "the default configuration, trained in full, then the evaluate action", "blocker": None},
        "final_evaluation": {"how": None, "blocker": "the skill has no evaluate action"},
        "notes": ["train.optim.lr: two decades or more, so the scale is taken to be logarithmic"],
    }  # fmt: skip
