"""Many configurations at once: column by column, so that a parameter is looked at once and not once a draw."""

import random
from collections.abc import Sequence
from typing import TypeAlias

from tao_automl.domain.assembly import Assembly
from tao_automl.domain.conditions import Condition
from tao_automl.domain.grid import computed, exists
from tao_automl.domain.json_types import JsonValue
from tao_automl.domain.parameters import Derived, Parameter

Config: TypeAlias = dict[str, JsonValue]
_REDRAWS = 24


def sample_rows(assembly: Assembly, rng: random.Random, count: int) -> list[Config]:
    """`count` members, independent and distributed as those of `Assembly.drawn`."""
    rows = _drawn(assembly.ordered, rng, count)
    if assembly.rules:
        _settle(assembly, rows, rng)
    return rows


def _drawn(ordered: Sequence[Parameter], rng: random.Random, count: int) -> list[Config]:
    always = [p for p in ordered if p.when is None and not isinstance(p, Derived)]
    names = [p.name for p in always]
    columns = [p.column(rng, count) for p in always]
    rows: list[Config] = [dict(zip(names, values, strict=True)) for values in zip(*columns, strict=True)]
    rows = rows or [{} for _ in range(count)]
    holding: dict[str, list[Config]] = {}
    for parameter in ordered:
        if isinstance(parameter, Derived):
            for row in rows:
                if exists(parameter, row):
                    row.update((parameter.name, value) for value in computed(parameter, row))
        elif parameter.when is not None:
            active = _active(parameter.when, rows, holding)
            for row, value in zip(active, parameter.column(rng, len(active)), strict=True):
                row[parameter.name] = value
    return rows


def _active(condition: Condition, rows: list[Config], known: dict[str, list[Config]]) -> list[Config]:
    """The rows in which it holds. Parents come first, so that the answer is the same for all who ask."""
    key = repr(condition)
    if key not in known:
        known[key] = [row for row in rows if condition.holds(row)]
    return known[key]


def _settle(assembly: Assembly, rows: list[Config], rng: random.Random) -> None:
    """Redraws what breaks rules, in place. Where that could change what is active, a row is settled by itself."""
    waiting = list(range(len(rows)))
    steering = _steering(assembly.ordered)
    for _ in range(_REDRAWS):
        broken = [(k, rules) for k in waiting if (rules := assembly.broken(rows[k]))]
        waiting = []
        for k, rules in broken:
            names = assembly.connected(rules)
            if names & steering or any(assembly.beyond_chance(rule) for rule in rules):
                rows[k] = assembly.settled(rows[k], rng)
            else:
                waiting.append(k)
                _redraw(assembly, rows[k], names, rng)
        if not waiting:
            return
    for k in waiting:
        if assembly.broken(rows[k]):
            rows[k] = assembly.settled(rows[k], rng)


def _redraw(assembly: Assembly, row: Config, names: set[str], rng: random.Random) -> None:
    for name in sorted(names):
        if name in row:
            row[name] = assembly.by_name[name].draw(rng)


def _steering(ordered: Sequence[Parameter]) -> set[str]:
    """The parameters on which others depend."""
    found: set[str] = set()
    for parameter in ordered:
        found.update(parameter.when.parents if parameter.when else ())
        found.update(parameter.expression.names if isinstance(parameter, Derived) else ())
    return found
