"""Random parameters and spaces for property tests."""

from hypothesis import strategies as st

from tao_automl.domain.parameters import Bool, Choice, Condition, Fixed, Float, Int, Scale
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
def parameters(draw, name="x", when=None):
    kind = draw(st.sampled_from(["float", "int", "bool", "choice", "fixed"]))
    if kind == "bool":
        return Bool(name=name, default=draw(st.booleans()), when=when)
    if kind == "fixed":
        return Fixed(name=name, value=draw(json_values), when=when)
    return draw({"float": floats, "int": ints, "choice": choices}[kind](name, when))


@st.composite
def conditions(draw, parents):
    chosen = draw(st.lists(st.sampled_from(parents), min_size=1, max_size=2, unique_by=lambda p: p.name))
    clauses = []
    for parent in chosen:
        values = list(parent.levels(3))
        clauses.append((parent.name, tuple(draw(st.lists(st.sampled_from(values), min_size=1, max_size=2)))))
    return Condition(clauses=tuple(clauses))


@st.composite
def spaces(draw, max_size=7):
    found = []
    for index in range(draw(st.integers(1, max_size))):
        when = draw(conditions(found)) if found and draw(st.booleans()) else None
        found.append(draw(parameters(f"p{index}", when)))
    return SearchSpace(tuple(draw(st.permutations(found))))
