"""Expressions over a configuration: one small grammar of our own.

Constraints, derived parameters, conditions, objectives and outcome constraints are written in it. Numbers that agree
to nine digits are equal in every comparison, so that ``0.1 + 0.2 <= 0.3`` holds.
"""

from collections.abc import Iterable
from dataclasses import dataclass, field

from tao_automl.domain.expression_nodes import Name, Node, Values, walk
from tao_automl.domain.expression_values import Fault, truth
from tao_automl.domain.json_types import JsonValue
from tao_automl.domain.nearest import nearest_hint
from tao_automl.errors import UserError

_SHOWN = 100  # characters of an expression in an error


class ExpressionError(UserError):
    """An expression breaks the grammar, or cannot be computed. The message shows the place with a caret.

    Args:
        fault: what is wrong, without the place.
        text, at: the expression, and the offset of the fault in it.
    """

    def __init__(self, fault: str, text: str, at: int, hint: str = "") -> None:
        self.fault = fault
        start = max(0, min(at, len(text)) - _SHOWN // 2)
        shown = "".join(c if c.isprintable() else " " for c in text[start : start + _SHOWN])
        lead, tail = "… " if start else "", " …" if start + _SHOWN < len(text) else ""
        super().__init__(f"{fault}\n    {lead}{shown}{tail}\n    {' ' * (len(lead) + at - start)}^", hint)


@dataclass(frozen=True, slots=True)
class Expression:
    """A parsed expression: characters `start` to `end` of `source`. Equal when it is written alike."""

    source: str = field(compare=False)
    tree: Node
    start: int = field(compare=False)
    end: int = field(compare=False)
    names: tuple[str, ...] = field(init=False, compare=False)

    def __post_init__(self) -> None:
        found = dict.fromkeys(node.name for node in walk(self.tree) if isinstance(node, Name))
        object.__setattr__(self, "names", tuple(found))

    @property
    def text(self) -> str:
        return self.source[self.start : self.end].strip()

    def __str__(self) -> str:
        return self.text

    def evaluate(self, values: Values) -> JsonValue:
        """Raises ExpressionError where it cannot be computed: a missing name, a wrong type, a division by zero."""
        try:
            return self.tree.value(values)
        except Fault as fault:
            raise self.error(fault.text, fault.at) from None

    def holds(self, values: Values) -> bool:
        """As `evaluate`, for an expression that must be true or false."""
        try:
            return truth(self.tree.value(values), self.tree.at)
        except Fault as fault:
            raise self.error(fault.text, fault.at) from None

    def error(self, fault: str, at: int, hint: str = "") -> ExpressionError:
        return ExpressionError(fault, self.text, max(0, at - self.start - self._indent()), hint)

    def _indent(self) -> int:
        part = self.source[self.start : self.end]
        return len(part) - len(part.lstrip())

    def check_names(self, known: Iterable[str], kind: str = "parameter") -> None:
        """Raises ExpressionError at the first name that is not `known`."""
        names = set(known)
        for node in walk(self.tree):
            if isinstance(node, Name) and node.name not in names:
                raise self.error(f"{node.name}: no such {kind}", node.at, nearest_hint(node.name, sorted(names)))
