"""Laws that every configuration must keep."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from tao_automl.domain.expression_forms import Law, laws
from tao_automl.domain.expression_nodes import Comparison, Inversion, Literal, Logic, Name, Node, substituted, walk
from tao_automl.domain.expression_parser import parse
from tao_automl.domain.expression_values import Fault
from tao_automl.domain.expressions import Expression
from tao_automl.domain.parameters import Derived, Parameter, Vector
from tao_automl.errors import SearchSpaceError

_LARGEST = 2_000  # nodes of a constraint, once the expressions of derived parameters have taken their places
_TALLEST = 200


@dataclass(frozen=True, slots=True)
class Constraint:
    """An expression that must be true. It does not apply where one of its parameters is inactive, or null and used as
    a number.
    """

    expression: Expression

    def __post_init__(self) -> None:
        tree = self.expression.tree
        if not isinstance(tree, Comparison | Logic | Inversion | Name):
            raise self.expression.error("a constraint must compare, as in `a <= b`", tree.at)
        if not self.expression.names:
            raise self.expression.error("a constraint must name a parameter", tree.at)

    @classmethod
    def of(cls, text: str) -> "Constraint":
        """Raises ExpressionError with the place of the fault."""
        return cls(parse(text))

    @property
    def names(self) -> tuple[str, ...]:
        return self.expression.names

    @property
    def text(self) -> str:
        return self.expression.text

    def holds(self, config: Mapping[str, object]) -> bool:
        return _kept(self.expression.tree, self.names, config)


def _kept(tree: Node, names: Sequence[str], values: Mapping[str, object]) -> bool:
    for name in names:
        if name not in values:
            return True
    try:
        return tree.value(values) is True
    except Fault:
        return any(values[name] is None for name in names)


@dataclass(frozen=True, slots=True)
class Rule:
    """A constraint of a space, in terms of the parameters that can be chosen: derived ones are written out."""

    constraint: Constraint
    tree: Node
    names: tuple[str, ...]
    laws: tuple[Law, ...]

    def keeps(self, values: Mapping[str, object]) -> bool:
        """`values` of a configuration, or of more: a constraint on an inactive derived parameter does not apply."""
        return _kept(self.tree, self.names, values)

    def describe(self, config: Mapping[str, object]) -> str:
        """Why a configuration is refused."""
        shown = ", ".join(f"{name}={config[name]!r:.40}" for name in self.constraint.names if name in config)
        return f"`{self.constraint.text}` must hold, got ({shown})"


def rules_of(parameters: Sequence[Parameter], constraints: Sequence[Constraint]) -> tuple[Rule, ...]:
    """The constraints, and that each derived parameter can be computed. `parameters` come parents first."""
    lengths = {p.name: p.width for p in parameters if isinstance(p, Vector)}
    derived = {p.name: p for p in parameters if isinstance(p, Derived)}
    trees: dict[str, Node] = {}
    for name, parameter in derived.items():
        trees[name] = _written_out(parameter.expression.tree, trees, name)
    implied = [(Constraint(_computable(p)), trees) for p in derived.values()]
    found = []
    for constraint, known in [*implied, *((constraint, trees) for constraint in constraints)]:
        tree = _written_out(constraint.expression.tree, known, constraint.text)
        names = tuple(dict.fromkeys(node.name for node in walk(tree) if isinstance(node, Name)))
        found.append(Rule(constraint, tree, names, laws(tree, lengths)))
    return tuple(found)


def _written_out(tree: Node, trees: Mapping[str, Node], place: str) -> Node:
    if not any(isinstance(node, Name) and node.name in trees for node in walk(tree)):
        return tree
    sizes = {name: sum(1 for _ in walk(known)) for name, known in trees.items()}
    size = sum(sizes.get(node.name, 1) if isinstance(node, Name) else 1 for node in walk(tree))
    found = substituted(tree, trees) if size <= _LARGEST else tree
    if size > _LARGEST or _height(found) > _TALLEST:
        raise SearchSpaceError(f"{place:.80}: derived parameters must not be nested so deep")
    return found


def _height(tree: Node) -> int:
    level, height = [tree], 0
    while level:
        level = [child for node in level for child in node.children()]
        height += 1
    return height


def _computable(parameter: Derived) -> Expression:
    """That the expression of a derived parameter has a value, inside the bounds if it has some."""
    expression = parameter.expression
    at = expression.tree.at
    first, links = expression.tree, []
    if parameter.low > float("-inf"):
        first = Literal(at, parameter.low)
        links.append(("<=", at, expression.tree))
    if parameter.high < float("inf"):
        links.append(("<=", at, Literal(at, parameter.high)))
    tree: Node = Comparison(at, first, tuple(links) or (("==", at, expression.tree),))
    return Expression(expression.source, tree, expression.start, expression.end)
