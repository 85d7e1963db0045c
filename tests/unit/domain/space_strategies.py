"""Random parameters and spaces for property tests."""

from hypothesis import strategies as st

from tao_automl.domain.constraints import Constraint
from tao_automl.domain.expression_parser import parse
from tao_automl.domain.parameters import (
    Bool,
    Choice,
    Condition,
    Derived,
    Fixed,
    Float,
    Int,
    Monotone,
    Optional,
    Scale,
    Subset,
    Text,
    Vector,
)
from tao_automl.domain.space import SearchSpace

json_scalars = (
    st.none() | st.booleans() | st.integers(-9, 9) | st.floats(-9, 9).map(lambda x: x + 0.5) | st.text(max_size=3)
)
json_values = st.recursive(json_scalars, lambda inner: st.lists(inner, max_size=2), max_leaves=3)


def _key(value):
    if isinstance(value, list):
        return ("list", *map(_key, value))
    return (isinstance(value, bool), isinstance(value, int | float), value)


@st.composite
def floats(draw, name="x", when=None):
    scale = draw(st.sampled_from([Scale.LINEAR, Scale.LOG, Scale.LOGIT, Scale.POWER2]))
    if scale is Scale.LOGIT:
        low, high = draw(st.floats(1e-6, 0.4)), draw(st.floats(0.5, 0.999999))
        return Float(name=name, low=low, high=high, default=high, scale=scale, when=when)
    if scale is Scale.POWER2:
        low = draw(st.integers(-20, 10))
        high = low + draw(st.integers(1, 20))
        default = 2.0 ** draw(st.integers(low, high))
        return Float(name=name, low=2.0**low, high=2.0**high, default=default, scale=scale, when=when)
    if scale is Scale.LOG:
        low = 10 ** draw(st.floats(-12, 3))
        return Float(
            name=name, low=low, high=low * 10 ** draw(st.floats(0.01, 12)), default=low, scale=scale, when=when
        )
    low, width = draw(st.floats(-1e6, 1e6)), draw(st.floats(0.01, 1e6))
    step = draw(st.none() | st.sampled_from([0.1, 0.25, 0.5]))
    if step is not None:
        low, width = round(low), step * draw(st.integers(1, 50))
    return Float(name=name, low=low, high=low + width, default=low, scale=scale, step=step, when=when)


@st.composite
def ints(draw, name="x", when=None):
    scale = draw(st.sampled_from([Scale.LINEAR, Scale.LOG, Scale.POWER2]))
    low = draw(st.integers(1, 2**20)) if scale is not Scale.LINEAR else draw(st.integers(-(2**30), 2**30))
    high = low + draw(st.integers(1, 2**38))
    if scale is Scale.POWER2:
        high = max(high, 2 * low)
        return Int(name=name, low=low, high=high, default=2 ** (low - 1).bit_length(), scale=scale, when=when)
    step = draw(st.none() | st.integers(1, high - low)) if draw(st.booleans()) else None
    return Int(name=name, low=low, high=high, default=low, scale=scale, step=step, when=when)


@st.composite
def choices(draw, name="x", when=None):
    options = tuple(draw(st.lists(json_values, min_size=2, max_size=5, unique_by=_key)))
    weights = draw(st.none() | st.lists(st.floats(0.1, 5), min_size=len(options), max_size=len(options)).map(tuple))
    ordered = draw(st.booleans())
    default = draw(st.sampled_from(options))
    return Choice(name=name, options=options, default=default, ordered=ordered, weights=weights, when=when)


@st.composite
def vectors(draw, name="x", when=None):
    if draw(st.booleans()):
        low = draw(st.integers(-50, 50))
        item = Int(name=name, low=low, high=low + draw(st.integers(1, 99)), default=low)
        order = draw(st.sampled_from([None, *Monotone]))
        return Vector(name=name, items=(item,) * draw(st.integers(1, 4)), monotone=order, when=when)
    items = draw(st.lists(floats(name) | ints(name), min_size=1, max_size=3))
    return Vector(name=name, items=tuple(items), when=when)


@st.composite
def subsets(draw, name="x", when=None):
    options = tuple(draw(st.lists(json_values, min_size=1, max_size=5, unique_by=_key)))
    most = draw(st.integers(1, len(options)))
    least = draw(st.integers(0, most if most < len(options) else most - 1))
    default = draw(st.permutations(options))[: draw(st.integers(least, most))]
    return Subset(name=name, options=options, min_size=least, max_size=most, default=default, when=when)


@st.composite
def optionals(draw, name="x", when=None):
    kinds = [
        floats(name),
        ints(name),
        vectors(name),
        subsets(name),
        choices(name).filter(lambda c: not c.contains(None)),
    ]
    inner = draw(st.one_of(*kinds))
    return Optional(name=name, inner=inner, default=draw(st.sampled_from([None, inner.default])), when=when)


KINDS = {
    "float": floats,
    "int": ints,
    "choice": choices,
    "vector": vectors,
    "subset": subsets,
    "optional": optionals,
}


@st.composite
def parameters(draw, name="x", when=None):
    kind = draw(st.sampled_from([*KINDS, "bool", "fixed", "text"]))
    if kind == "bool":
        return Bool(name=name, default=draw(st.booleans()), when=when)
    if kind == "fixed":
        return Fixed(name=name, value=draw(json_values), when=when)
    if kind == "text":
        return Text(name=name, default=draw(st.text(max_size=5)), when=when)
    return draw(KINDS[kind](name, when))


@st.composite
def conditions(draw, parents):
    chosen = draw(st.lists(st.sampled_from(parents), min_size=1, max_size=2, unique_by=lambda p: p.name))
    clauses = []
    for parent in chosen:
        values = list(parent.levels(3))
        clauses.append((parent.name, tuple(draw(st.lists(st.sampled_from(values), min_size=1, max_size=2)))))
    written = draw(st.none() | st.sampled_from([f"{p.name} != 3 or {p.name} == 3" for p in chosen]))
    return Condition(clauses=tuple(clauses), expression=parse(written) if written else None)


@st.composite
def spaces(draw, max_size=7):
    found = []
    for index in range(draw(st.integers(1, max_size))):
        when = draw(conditions(found)) if found and draw(st.booleans()) else None
        found.append(draw(parameters(f"p{index}", when)))
    return SearchSpace(tuple(draw(st.permutations(found))))


@st.composite
def numbers(draw, name, when=None):
    """Ranges that overlap, so that constraints can be kept by more than a few values."""
    low = draw(st.sampled_from([1, 1, 2, 4]))
    kind = draw(st.sampled_from(["int", "int", "float", "log", "power2", "step", "choice", "list"]))
    match kind:
        case "int":
            return Int(name=name, low=low, high=64, default=low, when=when)
        case "float":
            return Float(name=name, low=low, high=64, default=low, when=when)
        case "log":
            return Float(name=name, low=low, high=640, default=low, scale=Scale.LOG, when=when)
        case "power2":
            return Int(name=name, low=low, high=64, default=low, scale=Scale.POWER2, when=when)
        case "step":
            return Float(name=name, low=low, high=low + 60, default=low, step=0.5, when=when)
        case "choice":
            return Choice(name=name, options=(8, 16, 32, 4), default=8, ordered=True, when=when)
    item = Float(name=name, low=low, high=64, default=low)
    return Vector(name=name, items=(item, item), monotone=draw(st.sampled_from([None, *Monotone])), when=when)


def _term(parameter):
    return f"{parameter.name}[0]" if isinstance(parameter, Vector) else parameter.name


@st.composite
def constraints(draw, found):
    one, other, third = (draw(st.sampled_from(found)) for _ in range(3))
    a, b, c = map(_term, (one, other, third))
    return draw(
        st.sampled_from(
            [
                f"{a} <= {b}",
                f"{a} <= 2 * {b} and {b} <= {c} + 40",
                f"{a} + 2 * {b} <= 100",
                f"{a} * {b} <= 600",
                f"{a} / {b} >= 0.25",
                f"{a} % 4 == 0 or {b} > 8",
                f"max({a}, {b}) >= {c}",
                f"{a} < {b} + 30",
                f"sqrt({a}) * {b} ** 2 <= 4000",
                f"not ({a} == {b}) or {a} <= 32",
            ]
        )
    )


@st.composite
def constrained_spaces(draw):
    """Numbers with constraints, some of them conditional, and a derived parameter now and then."""
    switch = Choice(name="kind", options=("x", "y", "z"), default="x")
    found = []
    for index in range(draw(st.integers(2, 5))):
        when = Condition.of({"kind": ["x", "y"]}) if draw(st.integers(0, 3)) == 0 else None
        found.append(draw(numbers(f"n{index}", when)))
    laws = draw(st.lists(constraints(found), min_size=1, max_size=3))
    extra = []
    if draw(st.booleans()):
        base = draw(st.sampled_from(found))
        extra.append(Derived(name="d", expression=parse(f"2 * {_term(base)}"), high=120))
        laws.append(f"d <= 4 * {_term(found[0])} + 60")
    everything = draw(st.permutations([switch, *found, *extra]))
    return SearchSpace(tuple(everything), tuple(map(Constraint.of, laws)))


@st.composite
def mixed_spaces(draw):
    """Constrained numbers beside parameters of all kinds, some of which exist only under a condition."""
    base = draw(constrained_spaces())
    under = st.none() | st.just(Condition.of({"kind": ["x"]})) | st.just(Condition.of("kind in ['y', 'z']"))
    others = [draw(parameters(f"p{k}", draw(under))) for k in range(draw(st.integers(0, 4)))]
    return SearchSpace((*base.parameters, *others), base.constraints)
