"""``evals/evals.json``, in the form of agentskills.io, and the queries that must, or must not, lead to the skill."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from tao_automl.bank.files import Unreadable, is_file, parse_json, read_text
from tao_automl.bank.validation_types import Finding

EVALS, TRIGGERS = Path("evals", "evals.json"), Path("evals", "triggers.json")
NEAR_MISSES, FEWEST_QUERIES, MOST_QUERIES = 8, 16, 40
_SIZE_LIMIT = 1_000_000
_TEXTS = ("prompt", "expected_output")
_KEYS = {"id", "prompt", "expected_output", "files", "assertions"}


def check_evals(folder: Path) -> Iterator[Finding]:
    yield from _checked(folder / EVALS, "evals", lambda value: _eval_faults(folder, value))
    yield from _checked(folder / TRIGGERS, "triggers", _trigger_faults)


def _checked(path: Path, rule: str, faults: Any) -> Iterator[Finding]:
    try:
        value = parse_json(read_text(path, _SIZE_LIMIT))
    except Unreadable as error:
        yield Finding(path=path, rule=rule, text=str(error))
        return
    for text in faults(value):
        yield Finding(path=path, rule=rule, text=text)


def _eval_faults(folder: Path, value: Any) -> Iterator[str]:
    if not isinstance(value, dict) or set(value) != {"skill_name", "evals"} or not isinstance(value["evals"], list):
        yield 'must be {"skill_name": …, "evals": […]}'
        return
    if value["skill_name"] != folder.resolve().name:
        yield f"skill_name must be {folder.resolve().name!r}, got {value['skill_name']!r:.80}"
    if not value["evals"]:
        yield "evals must hold at least one case"
    names = [case.get("id") for case in value["evals"] if isinstance(case, dict)]
    for number, case in enumerate(value["evals"]):
        yield from (f"evals[{number}]: {fault}" for fault in _case_faults(folder, case))
        if isinstance(case, dict) and names.count(case.get("id")) > 1:
            yield f"evals[{number}]: the id must be used once, got {case.get('id')!r:.80}"


def _case_faults(folder: Path, case: Any) -> Iterator[str]:
    if not isinstance(case, dict):
        yield f"must be an object, got {case!r:.80}"
        return
    if set(case) != _KEYS:
        yield f"must have exactly the keys {', '.join(sorted(_KEYS))}, got {', '.join(sorted(case))}"
        return
    if not isinstance(case["id"], str | int) or isinstance(case["id"], bool) or case["id"] == "":
        yield f"id must be text or a number, got {case['id']!r:.80}"
    for key in _TEXTS:
        if not isinstance(case[key], str) or not case[key].strip():
            yield f"{key} must be text, got {case[key]!r:.80}"
    if not _is_texts(case["assertions"]) or not case["assertions"]:
        yield f"assertions must be a list of texts, got {case['assertions']!r:.80}"
    if not _is_texts(case["files"]):
        yield f"files must be a list of paths, got {case['files']!r:.80}"
    else:
        yield from (
            f"files: {name} must be a file of the skill"
            for name in case["files"]
            if not any(is_file(place / name) for place in (folder, folder / "evals"))
        )


def _trigger_faults(value: Any) -> Iterator[str]:
    """Stale queries help nobody: each once, and enough of both kinds."""
    if not isinstance(value, list) or not all(_is_query(entry) for entry in value):
        yield 'must be a list of {"query": text, "should_trigger": true or false}'
        return
    queries = [" ".join(entry["query"].lower().split()) for entry in value]
    twice = sorted({query for query in queries if queries.count(query) > 1})
    if twice:
        yield f"a query must come once, got twice: {twice[0]!r:.80}"
    if not FEWEST_QUERIES <= len(value) <= MOST_QUERIES:
        yield f"must have about 20 queries ({FEWEST_QUERIES} to {MOST_QUERIES}), got {len(value)}"
    misses = sum(entry["should_trigger"] is False for entry in value)
    if misses < NEAR_MISSES:
        yield f"at least {NEAR_MISSES} queries must be near misses (should_trigger: false), got {misses}"
    if len(value) - misses < NEAR_MISSES:
        yield f"at least {NEAR_MISSES} queries must trigger the skill, got {len(value) - misses}"


def _is_query(entry: Any) -> bool:
    if not isinstance(entry, dict) or set(entry) != {"query", "should_trigger"}:
        return False
    query = entry["query"]
    return isinstance(query, str) and bool(query.strip()) and isinstance(entry["should_trigger"], bool)


def _is_texts(value: Any) -> bool:
    return isinstance(value, list) and all(isinstance(item, str) and item for item in value)
