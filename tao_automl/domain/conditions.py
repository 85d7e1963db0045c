"""When a parameter exists."""

from collections.abc import Hashable, Mapping, Sequence
from dataclasses import dataclass, field

from tao_automl.domain.expression_compiler import Run, compiled
from tao_automl.domain.expression_parser import parse
from tao_automl.domain.expression_values import Fault
from tao_automl.domain.expressions import Expression
from tao_automl.domain.json_types import JsonValue
from tao_automl.domain.json_values import is_json, json_key, same_json
from tao_automl.errors import SearchSpaceError

__all__ = ["Condition", "is_json", "json_key", "same_json"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Condition:
    """Holds when every named parent is active and has one of its allowed values, and the expression is true.

    An expression that cannot be computed, such as a division by zero, does not hold.
    """

    clauses: tuple[tuple[str, tuple[JsonValue, ...]], ...] = ()
    expression: Expression | None = None
    _allowed: tuple[tuple[str, frozenset[Hashable]], ...] = field(init=False, repr=False, compare=False)
    _run: Run | None = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        if not self.parents:
            raise SearchSpaceError("a condition must name at least one parent, got none")
        names = [name for name, _ in self.clauses]
        if len(set(names)) != len(names):
            raise SearchSpaceError(f"a condition must name each parent once, got {names}")
        for name, values in self.clauses:
            if not values:
                raise SearchSpaceError(f"a condition on {name} must allow at least one value, got none")
        object.__setattr__(self, "_allowed", tuple((n, frozenset(map(json_key, v))) for n, v in self.clauses))
        object.__setattr__(self, "_run", compiled(self.expression.tree) if self.expression else None)

    def __reduce__(self) -> tuple[object, ...]:
        """Copies and pickles are built anew: a compiled expression is a function."""
        return _condition, (self.clauses, self.expression)

    @classmethod
    def of(cls, allowed: Mapping[str, Sequence[JsonValue]] | str) -> "Condition":
        """From ``{parent: [allowed values]}``, or from an expression."""
        if isinstance(allowed, str):
            return cls(expression=parse(allowed))
        return cls(clauses=tuple((name, tuple(values)) for name, values in allowed.items()))

    @property
    def parents(self) -> tuple[str, ...]:
        named = self.expression.names if self.expression else ()
        return tuple(dict.fromkeys((*(name for name, _ in self.clauses), *named)))

    def holds(self, config: Mapping[str, object]) -> bool:
        """`config` holds active parameters only, so that a child of an inactive parent is inactive too."""
        for name, allowed in self._allowed:
            if name not in config or json_key(config[name]) not in allowed:
                return False
        if self._run is None or self.expression is None:
            return True
        for name in self.expression.names:
            if name not in config:
                return False
        try:
            return self._run(config) is True
        except Fault:
            return False

    def to_json(self) -> dict[str, JsonValue]:
        """Allowed values by parent; an expression comes under the key ``expression``."""
        shown: dict[str, JsonValue] = {name: list(values) for name, values in self.clauses}
        return shown | ({"expression": self.expression.text} if self.expression else {})


def _condition(clauses: tuple[tuple[str, tuple[JsonValue, ...]], ...], expression: Expression | None) -> Condition:
    return Condition(clauses=clauses, expression=expression)
