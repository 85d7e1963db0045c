"""evals.json and triggers.json of a skill; near misses are what its neighbours are asked."""

from collections.abc import Mapping
from typing import Any

from model_skills.schemas import search_plan
from model_skills.sources import Source

_GENERIC_MISSES = (
    "Convert my annotations from VOC XML to COCO JSON",
    "Upload the dataset folder to S3",
    "Show the leaderboard of my last AutoML run",
    "Why is my Slurm job pending?",
    "Train gradient boosting on a CSV of customers",
    "Write a Dockerfile for a web service",
)
QUERIES = 20


def build_triggers(source: Source, others: Mapping[str, Source]) -> list[dict[str, Any]]:
    """20 queries: the model's own, then at least 8 near misses, the neighbours' first."""
    own = list(source.overlay["queries"]) + _usual(source)
    wanted = list(dict.fromkeys(own))[: QUERIES - 9]
    misses = [query for name in source.overlay["neighbours"] for query in _unmistakable(source, others, name)]
    rest = list(dict.fromkeys([*misses, *_GENERIC_MISSES]))[: QUERIES - len(wanted)]
    return [{"query": text, "should_trigger": True} for text in wanted] + [
        {"query": text, "should_trigger": False} for text in rest
    ]


def _unmistakable(source: Source, others: Mapping[str, Source], name: str) -> list[str]:
    if name not in others:
        raise source.fault(f"neighbours: must name models with an overlay, got {name!r}")
    return list(others[name].overlay["queries"])[:2]


def _usual(source: Source) -> list[str]:
    title = source.overlay["title"]
    return [
        f"Tune the hyperparameters of {title} on my data",
        f"Which parameters of {title} are worth searching?",
        f"Resume the killed {title} training",
        f"What does {title} need as a data folder?",
        f"Evaluate the best {title} checkpoint on the held-out data",
        f"Plan a {title} search on our cluster and tell me what it costs",
    ]


def build_evals(source: Source) -> dict[str, Any]:
    cases = [_refusal(source)] if source.overlay.get("refused") else [_search(source), _restraint(source)]
    cases += [_failure(source, index, case) for index, case in enumerate(source.overlay.get("failures", [])[:2], 1)]
    return {"skill_name": source.name, "evals": cases}


def _case(name: str, prompt: str, expected: str, assertions: list[str]) -> dict[str, Any]:
    return {"id": name, "prompt": prompt, "expected_output": expected, "files": [], "assertions": assertions}


def _refusal(source: Source) -> dict[str, Any]:
    title, reason = source.overlay["title"], source.overlay["refused"]
    return _case(
        "refuses-early",
        f"Search the hyperparameters of {title} on my data tonight.",
        f"Says before anything is staged or launched that it cannot be searched, and why: {reason}",
        ["No job is launched and no search space is invented", "The reason is given", "An alternative is offered"],
    )


def _search(source: Source) -> dict[str, Any]:
    title, metric = source.overlay["title"], _primary(source)
    names = list(search_plan(source, "train")["search"])[:3]
    return _case(
        "plan-first",
        f"Find good hyperparameters for {title}. The data is in /data/set; use docker.",
        f"Runs `tao-automl plan {source.name}` first, optimises {metric['name']} ({metric['direction']}), shows the "
        "review, and launches only after a confirmation.",
        [
            f"The metric is {metric['name']} with direction {metric['direction']}",
            f"{', '.join(names)} are in the search",
            "`tao-automl plan` runs before `tao-automl run`",
        ],
    )


def _restraint(source: Source) -> dict[str, Any]:
    title, waste = source.overlay["title"], source.overlay["waste"][0]
    return _case(
        "no-waste",
        f"Put every {title} parameter you can find into the search, we want to be thorough.",
        f"Argues for the few parameters that matter and against this: {waste}",
        ["Few parameters are searched, and the answer says why", "train.seed and the number of epochs stay fixed"],
    )


def _failure(source: Source, index: int, case: Mapping[str, str]) -> dict[str, Any]:
    return _case(
        f"failure-{index}",
        f"My {source.overlay['title']} job: {case['see']}. What now?",
        f"Cause: {case['why']}. Fix: {case['do']}.",
        ["The cause is named", f"The fix is given: {case['do']}", "The search is not restarted before the fix"],
    )


def _primary(source: Source) -> dict[str, Any]:
    metrics: list[dict[str, Any]] = source.overlay["metrics"]
    return next((metric for metric in metrics if metric.get("primary")), metrics[0])
