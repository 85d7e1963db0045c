"""Why a job failed: one class, the line that shows it, and what to do. The knowledge is in `failures.yaml`."""

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from typing import Any

import yaml

from tao_automl.domain.job import FailureAnalysis, FailureClass, JobState, JobStatus
from tao_automl.platforms.redact import Redactor
from tao_automl.platforms.tracebacks import Utterance, utterances

LINES_READ = 500  # an older error is not why the job ended
EVIDENCE_LIMIT = 500

_ERROR_LINE = re.compile(r"^(?:[\w./-]+: )?error: ", re.IGNORECASE)
_HINT_LINE = re.compile(r"^hint: (?P<text>.*\S)", re.IGNORECASE)
_BAD_INPUT = 2  # exit code by which a program says that it was asked for the wrong thing
_BLAMES_INPUT = (FailureClass.SPEC, FailureClass.DATA_VISIBILITY, FailureClass.CREDENTIAL, FailureClass.IMAGE)


@dataclass(frozen=True, slots=True, kw_only=True)
class Rule:
    """An entry of the table."""

    pattern: re.Pattern[str]
    failure_class: FailureClass
    advice: str
    retriable: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class FailureTable:
    """`failures.yaml`, parsed."""

    status: tuple[Rule, ...]
    log: tuple[Rule, ...]
    exit: tuple[Rule, ...]
    follow_ups: tuple[re.Pattern[str], ...]
    advice: dict[FailureClass, str]

    def is_follow_up(self, text: str) -> bool:
        return any(pattern.search(text) for pattern in self.follow_ups)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Finding:
    failure_class: FailureClass
    evidence: str
    advice: str = ""
    retriable: bool = False


def analyse(
    lines: Sequence[str], status: JobStatus, *, redactor: Redactor | None = None, log_path: str | None = None
) -> FailureAnalysis:
    """Classifies a job that FAILED or is LOST, from the last `lines` of its log and the platform's word for it.

    The evidence is redacted; by default with the credentials of this process's environment."""
    clean = redactor or Redactor.from_environment()
    recent = lines[-LINES_READ:]
    table = failure_table()
    finding = (
        _lost(status)
        or _from_word(table.status, status.detail)
        or _from_bad_input(table, recent, status)
        or _from_log(table, recent)
        or _from_word(table.exit, status.detail)
        or _unknown(recent, status)
    )
    return FailureAnalysis(
        failure_class=finding.failure_class,
        evidence=clean(finding.evidence.strip())[:EVIDENCE_LIMIT],
        advice=clean(finding.advice or table.advice[finding.failure_class]),
        retriable=finding.retriable,
        log_path=log_path,
    )


@cache
def failure_table() -> FailureTable:
    """The shipped table."""
    text = files("tao_automl.platforms").joinpath("failures.yaml").read_text(encoding="utf-8")
    return parse_failure_table(yaml.safe_load(text))


def parse_failure_table(data: dict[str, Any]) -> FailureTable:
    """Raises ValueError if a class is unknown or has no advice, or if more than infrastructure would be retriable."""
    advice = {FailureClass(name): text for name, text in data["classes"].items()}
    if missing := set(FailureClass) - set(advice):
        raise ValueError(f"every failure class needs an advice, none for {sorted(c.value for c in missing)}")
    sections = {name: tuple(_rule(entry, advice) for entry in data[name]) for name in ("status", "log", "exit")}
    return FailureTable(**sections, follow_ups=tuple(map(_pattern, data["follow_ups"])), advice=advice)


def _rule(entry: dict[str, Any], advice: dict[FailureClass, str]) -> Rule:
    failure_class = FailureClass(entry["class"])
    is_infrastructure = failure_class is FailureClass.INFRASTRUCTURE
    retriable = bool(entry.get("retriable", is_infrastructure))
    if retriable and not is_infrastructure:
        raise ValueError(f"only infrastructure is retriable, got {entry}")
    return Rule(
        pattern=_pattern(entry["pattern"]),
        failure_class=failure_class,
        advice=entry.get("advice", advice[failure_class]),
        retriable=retriable,
    )


def _pattern(text: str) -> re.Pattern[str]:
    return re.compile(text, re.IGNORECASE)


def _lost(status: JobStatus) -> _Finding | None:
    if status.state is not JobState.LOST:
        return None
    evidence = status.detail or "the platform no longer knows the job"
    return _Finding(failure_class=FailureClass.INFRASTRUCTURE, evidence=evidence, retriable=True)


def _from_word(rules: Iterable[Rule], word: str) -> _Finding | None:
    rule = _first_match(rules, word)
    return None if rule is None else _found(rule, word)


def _found(rule: Rule, evidence: str) -> _Finding:
    return _Finding(failure_class=rule.failure_class, evidence=evidence, advice=rule.advice, retriable=rule.retriable)


def _first_match(rules: Iterable[Rule], text: str) -> Rule | None:
    return next((rule for rule in rules if rule.pattern.search(text)), None)


def _from_bad_input(table: FailureTable, lines: Sequence[str], status: JobStatus) -> _Finding | None:
    """A program that ends with code 2 names what it was given in a line `error: …`, and perhaps a line `hint: …`."""
    said = [index for index, line in enumerate(lines) if _ERROR_LINE.match(line)]
    if status.exit_code != _BAD_INPUT or not said:
        return None
    line, following = lines[said[-1]], lines[said[-1] + 1 : said[-1] + 2]
    rule = _first_match((rule for rule in table.log if rule.failure_class in _BLAMES_INPUT), line)
    hint = next((match["text"] for match in map(_HINT_LINE.match, following) if match), "")
    return _Finding(
        failure_class=rule.failure_class if rule else FailureClass.SPEC,
        evidence=line,
        advice=hint or (rule.advice if rule else ""),
    )


def _from_log(table: FailureTable, lines: Sequence[str]) -> _Finding | None:
    """The last thing said that is an error and not only the echo of one."""
    said = utterances(lines)
    telling = [entry for entry in said if entry.is_exception or _first_match(table.log, entry.text)]
    telling += [entry for entry in said if not entry.is_exception and table.is_follow_up(entry.text)]
    if not telling:
        return None
    original = [entry for entry in telling if not table.is_follow_up(entry.text)]
    return _classified(table, max(original or telling, key=lambda entry: entry.line))


def _classified(table: FailureTable, entry: Utterance) -> _Finding:
    """By its own words, else by those of the exceptions that led to it."""
    candidate: Utterance | None = entry
    while candidate is not None:
        if rule := _first_match(table.log, candidate.text):
            return _found(rule, candidate.text)
        candidate = candidate.cause
    failure_class = FailureClass.MODEL_CODE if entry.is_exception else FailureClass.UNKNOWN
    return _Finding(failure_class=failure_class, evidence=entry.text)


def _unknown(lines: Sequence[str], status: JobStatus) -> _Finding:
    last = next((line for line in reversed(lines) if line.strip()), "")
    return _Finding(failure_class=FailureClass.UNKNOWN, evidence=last or status.detail)
