"""Many configurations at once: column by column, so that a parameter is looked at once and not once a draw."""

import random
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TypeAlias

from tao_automl.domain.assembly import Assembly
from tao_automl.domain.conditions import Condition
from tao_automl.domain.constraints import Rule
from tao_automl.domain.grid import computed, exists, inputs
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
    """Redraws what breaks rules, in place; what no draw mends is repaired."""
    plans: dict[frozenset[str], _Plan] = {}
    waiting = [(k, assembly.rules) for k in range(len(rows))]
    for _ in range(_REDRAWS):
        broken = [(k, found) for k, rules in waiting if (found := [rule for rule in rules if rule.broken(rows[k])])]
        waiting = []
        for k, rules in broken:
            if any(assembly.beyond_chance(rule) for rule in rules):
                rows[k] = assembly.settled(rows[k], rng)
                continue
            names = assembly.connected(rules)
            plan = plans.get(names) or plans.setdefault(names, _Plan.of(assembly, names))
            plan.redraw(rows[k], rng)
            waiting.append((k, plan.rules))
        if not waiting:
            return
    for k, _ in waiting:
        if assembly.broken(rows[k]):
            rows[k] = assembly.settled(rows[k], rng)


@dataclass(frozen=True, slots=True)
class _Plan:
    """What to draw anew: `names`; `touched` has them and all that depend on them, parents first. `rules` may change.

    Parameters that are `touched` come with the place of their condition among the distinct ones, or None.
    """

    names: frozenset[str]
    touched: tuple[tuple[Parameter, int | None], ...]
    rules: tuple[Rule, ...]

    @classmethod
    def of(cls, assembly: Assembly, names: frozenset[str]) -> "_Plan":
        found = set(names)
        touched = []
        conditions: dict[str, int] = {}
        for parameter in assembly.ordered:
            if parameter.name in found or not found.isdisjoint(inputs(parameter)):
                found.add(parameter.name)
                known = None if parameter.when is None else conditions.setdefault(repr(parameter.when), len(conditions))
                touched.append((parameter, known))
        rules = tuple(rule for rule in assembly.rules if not found.isdisjoint(rule.waits_for))
        return cls(names, tuple(touched), rules)

    def redraw(self, row: Config, rng: random.Random) -> None:
        """In place. A condition is decided once: its parents come before all that have it."""
        decided: dict[int, bool] = {}
        for parameter, place in self.touched:
            name = parameter.name
            if place is not None and parameter.when is not None:
                if place not in decided:
                    decided[place] = parameter.when.holds(row)
                if not decided[place]:
                    row.pop(name, None)
                    continue
            if isinstance(parameter, Derived):
                row.pop(name, None)
                if exists(parameter, row):
                    row.update((name, value) for value in computed(parameter, row))
            elif name in self.names or name not in row:
                row[name] = parameter.draw(rng)
