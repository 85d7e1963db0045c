"""Laws that every configuration must keep."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from tao_automl.domain.conditions import Condition
from tao_automl.domain.expression_compiler import Run, compiled
from tao_automl.domain.expression_forms import Law, laws
from tao_automl.domain.expression_nodes import (
    Call,
    Comparison,
    Inversion,
    Literal,
    Logic,
    Name,
    Node,
    substituted,
    walk,
)
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
    derived: str = ""  # the derived parameter, if it says that this one can be computed

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
        return _kept(self.expression.tree.value, self.names, config)


def _kept(run: Run, names: Sequence[str], values: Mapping[str, object]) -> bool:
    for name in names:
        if name not in values:
            return True
    try:
        return run(values) is True
    except Fault:
        return any(values[name] is None for name in names)


@dataclass(frozen=True, slots=True)
class Rule:
    """A constraint of a space, in terms of the parameters that can be chosen: derived ones are written out.

    `gates` are the conditions of those derived parameters; without them the constraint does not apply.
    """

    constraint: Constraint
    names: tuple[str, ...]
    laws: tuple[Law, ...]
    gates: tuple[Condition, ...]
    run: Run

    @property
    def waits_for(self) -> frozenset[str]:
        """All parameters on which it depends whether it is broken."""
        return frozenset((*self.names, *(name for gate in self.gates for name in gate.parents)))

    def applies(self, config: Mapping[str, object]) -> bool:
        return all(name in config for name in self.names) and all(gate.holds(config) for gate in self.gates)

    def keeps(self, values: Mapping[str, object]) -> bool:
        """Whether values of its parameters satisfy it, whatever the gates say."""
        return _kept(self.run, self.names, values)

    def broken(self, config: Mapping[str, object]) -> bool:
        if _kept(self.run, self.names, config):
            return False
        return all(gate.holds(config) for gate in self.gates)

    def describe(self, config: Mapping[str, object]) -> str:
        """Why a configuration is refused."""
        shown = ", ".join(f"{name}={config[name]!r:.40}" for name in self.constraint.names if name in config)
        return f"`{self.constraint.text}` must hold, got ({shown})"


def rules_of(parameters: Sequence[Parameter], constraints: Sequence[Constraint]) -> tuple[Rule, ...]:
    """The constraints, and that each derived parameter can be computed. `parameters` come parents first."""
    writer = _Writer({p.name: p.width for p in parameters if isinstance(p, Vector)})
    implied = [writer.derived(p) for p in parameters if isinstance(p, Derived)]
    return tuple(writer.rule(constraint) for constraint in (*implied, *constraints))


class _Writer:
    """Writes derived parameters out, in the order in which they depend on each other."""

    def __init__(self, lengths: Mapping[str, int]) -> None:
        self._lengths = lengths
        self._trees: dict[str, Node] = {}
        self._gates: dict[str, tuple[Condition, ...]] = {}

    def derived(self, parameter: Derived) -> Constraint:
        """Learns how a derived parameter is computed; gives back that it can be."""
        tree = parameter.expression.tree
        own = (parameter.when,) if parameter.when else ()
        self._gates[parameter.name] = (*own, *self._gates_of(tree))
        self._trees[parameter.name] = self._written_out(tree, parameter.name)
        return Constraint(_computable(parameter), derived=parameter.name)

    def rule(self, constraint: Constraint) -> Rule:
        tree = self._written_out(constraint.expression.tree, constraint.text)
        names = tuple(dict.fromkeys(node.name for node in walk(tree) if isinstance(node, Name)))
        gates = self._gates.get(constraint.derived, ()) or self._gates_of(constraint.expression.tree)
        run = compiled(tree)
        if constraint.derived and isinstance(tree, Comparison) and tree.links[0][2] is tree.first:
            run = _computes(compiled(tree.first))
        return Rule(constraint, names, laws(tree, self._lengths), gates, run)

    def _gates_of(self, tree: Node) -> tuple[Condition, ...]:
        names = dict.fromkeys(node.name for node in walk(tree) if isinstance(node, Name))
        return tuple(gate for name in names for gate in self._gates.get(name, ()))

    def _written_out(self, tree: Node, place: str) -> Node:
        if not any(isinstance(node, Name) and node.name in self._trees for node in walk(tree)):
            return tree
        sizes = {name: sum(1 for _ in walk(known)) for name, known in self._trees.items()}
        size = sum(sizes.get(node.name, 1) if isinstance(node, Name) else 1 for node in walk(tree))
        found = substituted(tree, self._trees) if size <= _LARGEST else tree
        if size > _LARGEST or _height(found) > _TALLEST:
            raise SearchSpaceError(f"{place:.80}: derived parameters must not be nested so deep")
        return found


def _computes(run: Run) -> Run:
    """Whether there is a value, whatever it is."""

    def computes(values: Mapping[str, object]) -> bool:
        run(values)
        return True

    return computes


def _height(tree: Node) -> int:
    level, height = [tree], 0
    while level:
        level = [child for node in level for child in node.children()]
        height += 1
    return height


def _computable(parameter: Derived) -> Expression:
    """That the expression of a derived parameter has a value, one inside the bounds, and whole if it has to be."""
    expression, at = parameter.expression, parameter.expression.tree.at
    bounds: list[Node] = []
    if parameter.low > -math.inf:
        bounds.append(Comparison(at, Literal(at, parameter.low), (("<=", at, expression.tree),)))
    if parameter.high < math.inf:
        bounds.append(Comparison(at, expression.tree, (("<=", at, Literal(at, parameter.high)),)))
    if parameter.whole:
        bounds.append(Comparison(at, Call(at, "round", (expression.tree,)), (("==", at, expression.tree),)))
    bounds = bounds or [Comparison(at, expression.tree, (("==", at, expression.tree),))]
    tree = bounds[0] if len(bounds) == 1 else Logic(at, "and", tuple(bounds))
    return Expression(expression.source, tree, expression.start, expression.end)
