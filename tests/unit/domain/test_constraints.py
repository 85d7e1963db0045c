import copy
import itertools
import math
import os
import pickle
import random
import time

import pytest
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st
from space_strategies import mixed_spaces

from tao_automl.domain.conditions import same_json
from tao_automl.domain.constraints import Constraint
from tao_automl.domain.expression_parser import parse
from tao_automl.domain.expressions import ExpressionError
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
    Vector,
)
from tao_automl.domain.space import SearchSpace
from tao_automl.errors import SearchSpaceError

MANY = max(100, int(os.environ.get("FUZZ", "0")) // 20)
seeds = st.integers(0, 2**32)


def space_of(*parameters, constraints=()):
    return SearchSpace(parameters, tuple(map(Constraint.of, constraints)))


def whole(name, low=1, high=10, **more):
    return Int(name=name, low=low, high=high, default=more.pop("default", low), **more)


def real(name, low=0.0, high=1.0, **more):
    return Float(name=name, low=low, high=high, default=more.pop("default", low), **more)


def check(space, config):
    assert space.validate(config) == ()
    assert all(constraint.holds(config) for constraint in space.constraints)
    assert same_json(space.decode(space.encode(config)), config)
    assert same_json(space.repair(config), config)
    assert same_json(space.cast(config), config)


@settings(max_examples=MANY, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(mixed_spaces(), seeds)
def test_whatever_comes_out_keeps_the_constraints(space, seed):
    rng = random.Random(seed)
    point = [rng.random() for _ in range(space.dimension)]
    for config in [space.default(), space.sample(rng), *space.sample_many(rng, 5), space.decode(point)]:
        check(space, config)
    for config in itertools.islice(space.grid(2), 5):
        check(space, config)


@settings(max_examples=MANY, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(mixed_spaces(), seeds)
def test_the_same_seed_gives_the_same_configurations(space, seed):
    again = pickle.loads(pickle.dumps(space))
    assert again == space == copy.deepcopy(space)
    assert space.sample(random.Random(seed)) == again.sample(random.Random(seed))
    assert space.sample_many(random.Random(seed), 3) == again.sample_many(random.Random(seed), 3)
    assert space.default() == again.default()


@settings(max_examples=50, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(mixed_spaces(), seeds)
def test_narrowed_and_fixed_spaces_keep_them_too(space, seed):
    config = space.sample(random.Random(seed))
    held = {p.name: config[p.name] for p in space.searched[:1] if p.name in config}
    assume(held)
    try:
        fixed = space.fix(held)
    except SearchSpaceError:  # a constraint that the member escapes because a condition switches its parameters off
        assume(False)
    member = fixed.sample(random.Random(seed))
    assert same_json({name: member[name] for name in held if name in member}, held)
    check(fixed, member)
    assert space.is_member(member)


# kinds of constraint


@pytest.mark.parametrize(
    ("parameters", "constraints"),
    [
        ((whole("a"), whole("b"), whole("c")), ["a <= b <= c"]),
        ((whole("a"), whole("b"), whole("c")), ["a + b + c == 10"]),
        ((whole("a"), whole("b"), whole("c", 0, 30)), ["2 * a + 3 * b == c"]),
        ((real("a"), real("b"), real("c")), ["a + b + c == 1"]),
        ((real("a"), real("b")), ["a + b <= 0.1"]),
        ((real("a"), real("b")), ["a < b"]),
        ((real("a", 1e-6, 1, scale=Scale.LOG), real("b", 1e-6, 1, scale=Scale.LOG)), ["a * b <= 1e-9", "a >= b"]),
        ((real("a", 1e-6, 1, scale=Scale.LOG), real("b", 1e-6, 1, scale=Scale.LOG)), ["a / b == 0.1"]),
        ((whole("batch", 8, 512, scale=Scale.POWER2), whole("steps", 1, 64)), ["batch * steps == 512"]),
        ((whole("width", 16, 256), whole("heads", 1, 16)), ["width % heads == 0", "width / heads >= 8"]),
        ((real("a", 0, 1, step=0.1), real("b", 0, 1, step=0.25)), ["a + b >= 1.6"]),
        ((Vector(name="v", items=(real("v"), real("v"), real("v"))),), ["sum(v) <= 1", "v[0] >= v[2]"]),
        ((Vector(name="v", items=(whole("v"),) * 3, monotone=Monotone.INCREASING),), ["v[2] - v[0] <= 2"]),
        ((Choice(name="k", options=("s", "l"), default="s"), whole("n")), ["k == 'l' or n <= 3"]),
        ((Bool(name="b", default=False), whole("n")), ["b or n == 1", "not b or n >= 9"]),
        (
            (Subset(name="s", options=("p", "q"), default=(), max_size=2), whole("n")),
            ["len(s) <= n - 1", "n <= 2"],
        ),
        ((Optional(name="o", inner=whole("o")), whole("n")), ["o < n"]),
        ((Choice(name="c", options=(8, 16, 32), default=8), whole("n", 1, 64)), ["c * n <= 64"]),
        ((whole("a", 1, 2**30), whole("b", 1, 2**30)), ["a * b == 2 ** 20"]),
        ((whole("a", 0, 99), whole("b", 0, 99)), ["a ** 2 + b ** 2 == 5000"]),
        ((real("a", 0, 100), real("b", 0, 100)), ["abs(a - b) <= 0.5", "max(a, b) >= 60"]),
    ],
)
def test_kinds_of_constraint(parameters, constraints):
    space = space_of(*parameters, constraints=constraints)
    rng = random.Random(0)
    points = [[rng.random() for _ in range(space.dimension)] for _ in range(20)]
    for config in [space.default(), *space.sample_many(rng, 40), *map(space.decode, points)]:
        check(space, config)


def test_equations_are_met_all_over_the_range():
    space = space_of(real("a"), real("b"), constraints=["a + b == 1"])
    values = [config["a"] for config in space.sample_many(random.Random(0), 400)]
    assert min(values) < 0.1
    assert max(values) > 0.9
    assert 0.4 < sum(values) / 400 < 0.6


def test_draws_are_conditional_on_the_constraints():
    """Uniform on the triangle: the mean of the smaller number is a third, that of the larger two thirds."""
    space = space_of(real("a"), real("b"), constraints=["a <= b"])
    for configs in (space.sample_many(random.Random(1), 3000), [space.sample(random.Random(k)) for k in range(1500)]):
        small = sum(c["a"] for c in configs) / len(configs)
        large = sum(c["b"] for c in configs) / len(configs)
        assert (small, large) == (pytest.approx(1 / 3, abs=0.02), pytest.approx(2 / 3, abs=0.02))


def test_repairs_go_the_short_way():
    space = space_of(real("a", 0, 10), real("b", 0, 10), whole("n", 0, 10), constraints=["a + b <= 10"])
    assert space.decode([0.8, 0.6, 0.5]) == {"a": 6.0, "b": 4.0, "n": 5}
    wide = space_of(real("a", 0, 100), real("b", 0, 1), constraints=["a + 10 * b <= 50"])
    repaired = wide.decode([0.6, 0.5])
    assert repaired["b"] == pytest.approx(0.485, abs=0.01)
    assert space.repair({"a": 20, "b": "3", "n": 2.0, "unknown": 1}) == {"a": 8.5, "b": 1.5, "n": 2}


def test_a_constraint_does_not_apply_to_what_is_inactive_or_null():
    space = space_of(
        Choice(name="kind", options=("cnn", "vit"), default="cnn"),
        whole("heads", 1, 16, when=Condition.of({"kind": ["vit"]})),
        whole("width", 2, 8),
        Optional(name="limit", inner=whole("limit")),
        constraints=["heads <= width", "limit <= width"],
    )
    assert space.is_member({"kind": "cnn", "width": 2, "limit": None})
    assert space.validate({"kind": "vit", "heads": 3, "width": 2, "limit": 9}) == (
        "`heads <= width` must hold, got (heads=3, width=2)",
        "`limit <= width` must hold, got (limit=9, width=2)",
    )


def test_constraints_that_never_meet_need_not_agree():
    """One holds in one branch, one in the other."""
    branch = Choice(name="k", options=("x", "y"), default="x")
    space = space_of(
        branch,
        whole("b", 1, 10),
        whole("low", 5, 10, when=Condition.of({"k": ["x"]})),
        whole("high", 1, 3, when=Condition.of({"k": ["y"]})),
        constraints=["low <= b", "b <= high"],
    )
    configs = space.sample_many(random.Random(0), 60)
    assert {config["k"] for config in configs} == {"x", "y"}
    for config in configs:
        check(space, config)


REFUSALS = [
    (
        (whole("a", 5, 9), whole("b", 1, 3)),
        ["a <= b"],
        "`a <= b` cannot be kept: within the ranges its sides miss each other by at least 2",
    ),
    (
        (whole("a", 10, 90), whole("b", 20, 30)),
        ["a * b <= 100"],
        "`a * b <= 100` cannot be kept: within the ranges its sides miss each other by a factor of at least 2",
    ),
    (
        (whole("a"), whole("b"), whole("c")),
        ["a < b", "c >= 1", "b < a"],
        "no configuration was found that keeps `a < b` and `b < a` at once",
    ),
    (
        (whole("n", 2, 9),),
        ["n ** 2 == 5"],
        "`n ** 2 == 5` cannot be kept: no values were found for it, with n an integer in [2, 9]",
    ),
    (
        (Choice(name="k", options=("p", "q"), default="p"),),
        ["k == 'r'"],
        "`k == 'r'` cannot be kept: no values were found for it, with k one of ['p', 'q']",
    ),
    (
        (Choice(name="k", options=("p", "q"), default="p"),),
        ["k + 1 > 2"],
        "`k + 1 > 2` cannot be kept: no values were found for it, with k one of ['p', 'q']",
    ),
    (
        (Fixed(name="f", value=3), whole("n", 5, 9)),
        ["n < f"],
        "`n < f` cannot be kept: within the ranges its sides miss each other by at least 2",
    ),
    (
        (whole("n"), Derived(name="d", expression=parse("n * 100"), high=50)),
        [],
        "`n * 100` cannot be kept: within the ranges its sides miss each other by at least 50",
    ),
]


@pytest.mark.parametrize(("parameters", "constraints", "message"), REFUSALS)
def test_what_cannot_be_kept_is_refused_with_the_reason(parameters, constraints, message):
    with pytest.raises(SearchSpaceError) as caught:
        space_of(*parameters, constraints=constraints)
    assert caught.value.message == message


def test_unknown_names_are_shown():
    with pytest.raises(SearchSpaceError) as caught:
        space_of(whole("depth"), constraints=["dept <= 3"])
    assert caught.value.message == "constraint: dept: no such parameter\n    dept <= 3\n    ^"
    assert caught.value.hint == "did you mean depth?"


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("a + b", "a constraint must compare, as in `a <= b`\n    a + b\n      ^"),
        ("1 <= 2", "a constraint must name a parameter\n    1 <= 2\n    ^"),
        ("a <=", "a value must stand here, got the end\n    a <=\n        ^"),
    ],
)
def test_what_is_no_constraint(text, message):
    with pytest.raises(ExpressionError) as caught:
        Constraint.of(text)
    assert caught.value.message == message


def test_a_narrowing_that_leaves_nothing_is_refused():
    space = space_of(whole("a"), whole("b"), constraints=["a < b"])
    assert space.narrow({"b": (2, 3)}).default() == {"a": 1, "b": 2}
    with pytest.raises(SearchSpaceError, match="`a < b` cannot be kept"):
        space.narrow({"a": (9, 10), "b": (2, 3)})
    with pytest.raises(SearchSpaceError, match="`a < b` cannot be kept"):
        space.fix({"a": 10})
    assert space.select(["a"]).default() == space.default() == {"a": 1, "b": 2}


# grids


def test_grids_leave_out_what_breaks_constraints():
    space = space_of(whole("a", 1, 3), whole("b", 1, 3), constraints=["a <= b"])
    assert [tuple(c.values()) for c in space.grid(9)] == [(1, 1), (1, 2), (1, 3), (2, 2), (2, 3), (3, 3)]
    assert space.grid_size(9) == 6


def test_a_grid_on_which_nothing_keeps_the_constraints_gives_members_near_it():
    space = space_of(real("a"), real("b"), constraints=["a + b == 0.7"])
    grid = list(space.grid(3))
    assert grid
    for config in grid:
        check(space, config)
    assert len({space.signature(config) for config in grid}) == len(grid)


def test_a_large_grid_with_a_narrow_constraint_does_not_hang():
    parameters = [real(f"x{k}") for k in range(30)]
    total = " + ".join(p.name for p in parameters)
    space = space_of(*parameters, constraints=[f"{total} >= 29.5"])
    start = time.process_time()
    check(space, next(space.grid(3)))
    assert time.process_time() - start < 20


def test_grid_sizes_of_large_constrained_grids_are_bounds():
    space = space_of(*[whole(f"n{k}") for k in range(9)], constraints=["n0 <= n1"])
    assert space.grid_size(10) == 10**9


def test_a_lattice_has_the_levels_of_each_coordinate():
    space = space_of(whole("a", 1, 3), Optional(name="o", inner=Bool(name="o", default=True)))
    assert space.lattice(3) == ((1 / 6, 0.5, 5 / 6), (0.25, 0.75), (0.25, 0.75))


# derived parameters


def test_derived_parameters_follow_and_are_checked():
    space = space_of(
        whole("gpus", 1, 8),
        Derived(name="twice", expression=parse("2 * gpus")),
        Derived(name="more", expression=parse("twice / 2 + 1"), whole=True),
        constraints=["more <= 5"],
    )
    assert space.dimension == 1
    assert space.default() == {"gpus": 1, "twice": 2, "more": 2}
    assert {space.sample(random.Random(k))["gpus"] for k in range(40)} == {1, 2, 3, 4}
    assert space.cast({"gpus": "3"}) == {"gpus": 3, "twice": 6, "more": 4}
    assert space.validate({"gpus": 3, "twice": 7, "more": 4}) == ("twice: must be the value of 2 * gpus, got 7",)
    assert space.validate({"gpus": 3}) == ("twice: must have a value, got none", "more: must have a value, got none")
    assert space.signature({"gpus": 3}) == space.signature(space.cast({"gpus": 3}))


def test_what_cannot_be_computed_is_no_member():
    space = space_of(whole("n", 0, 4), Derived(name="d", expression=parse("12 / n"), whole=True))
    assert {space.sample(random.Random(k))["n"] for k in range(60)} == {1, 2, 3, 4}
    assert space.validate({"n": 0}) == ("d: must have a value, got none",)
    assert space.is_member({"n": 3, "d": 4})


def test_what_is_derived_from_the_inactive_is_inactive():
    space = space_of(
        Bool(name="on", default=False),
        whole("n", when=Condition.of("on")),
        Derived(name="d", expression=parse("n * 2")),
        whole("child", when=Condition.of("d > 4")),
    )
    assert space.default() == {"on": False}
    assert space.active({"on": True, "n": 3}) == ("on", "n", "d", "child")
    assert space.validate({"on": False, "d": 2}) == (
        "d: must be absent, a parameter that it is derived from is absent",
    )
    for config in space.sample_many(random.Random(0), 50):
        check(space, config)


def test_nothing_is_derived_from_null():
    space = space_of(
        Optional(name="o", inner=whole("o")),
        Derived(name="d", expression=parse("o * 2")),
        Derived(name="e", expression=parse("o == null")),
    )
    assert space.default() == {"o": None, "e": True}
    assert space.repair({"o": 3}) == {"o": 3, "d": 6, "e": False}
    for config in space.sample_many(random.Random(0), 30):
        check(space, config)


def test_derived_parameters_must_not_form_a_circle():
    with pytest.raises(SearchSpaceError, match="in a circle, got a -> b -> a"):
        space_of(Derived(name="a", expression=parse("b + 1")), Derived(name="b", expression=parse("a + 1")))
    with pytest.raises(SearchSpaceError, match="a: an expression of others must hold"):
        Derived(name="a", expression=parse("a + 1"))
    with pytest.raises(SearchSpaceError, match="a: an expression that names a parameter must hold"):
        Derived(name="a", expression=parse("1 + 1"))
    chain = [whole("d0"), *(Derived(name=f"d{k}", expression=parse(f"d{k - 1} + d{k - 1}")) for k in range(1, 30))]
    with pytest.raises(SearchSpaceError, match="derived parameters must not be nested so deep"):
        space_of(*chain)


# extension


OLD = space_of(
    whole("n", 2, 5),
    Choice(name="k", options=("a", "b"), default="a"),
    Subset(name="s", options=("p", "q"), default=("p",), max_size=1),
    Vector(name="v", items=(real("v"),)),
    Optional(name="o", inner=whole("o")),
    constraints=["n <= 4"],
)


def with_one(name, new):
    return SearchSpace(tuple(new if p.name == name else p for p in OLD.parameters), OLD.constraints)


@pytest.mark.parametrize(
    "new",
    [
        OLD,
        with_one("n", whole("n", 1, 9)),
        with_one("k", Choice(name="k", options=("a", "b", "c"), default="c")),
        with_one("s", Subset(name="s", options=("p", "q", "r"), default=("p",), max_size=2)),
        with_one("v", Vector(name="v", items=(real("v", -1, 2),))),
        with_one("o", Optional(name="o", inner=whole("o", 0, 20))),
        SearchSpace(OLD.parameters),
    ],
)
def test_what_extends_a_space(new):
    assert new.extends(OLD)
    assert all(new.is_member(OLD.sample(random.Random(k))) for k in range(20))


@pytest.mark.parametrize(
    ("new", "fault"),
    [
        (with_one("n", whole("n", 3, 9)), "n: a range must not shrink, got [3, 9] instead of [2, 5]"),
        (with_one("n", real("n", 1, 9)), "n: the type must stay, got float instead of int"),
        (with_one("n", whole("n", 1, 9, step=2)), "n: the grid must keep its values, got `low + k * 2` from 1"),
        (
            with_one("k", Choice(name="k", options=("a", "c"), default="a")),
            "k: an option must not go, got none of ['b']",
        ),
        (
            with_one("s", Subset(name="s", options=("p", "q"), default=("p",), min_size=1, max_size=1)),
            "s: the allowed sizes must not shrink, got 1 to 1 instead of 0 to 1",
        ),
        (
            with_one("v", Vector(name="v", items=(real("v"), real("v")))),
            "v: the length and the order of the list must stay",
        ),
        (
            with_one("o", Optional(name="o", inner=whole("o", 2, 9))),
            "o: a range must not shrink, got [2, 9]",
        ),
        (with_one("n", whole("n", 2, 5, when=Condition.of("o == 1"))), "n: the condition must stay"),
        (space_of(whole("z")), "n: a parameter must not go, once trials have it"),
        (SearchSpace((*OLD.parameters, whole("z"))), "z: a parameter must not come, once trials lack it"),
        (
            SearchSpace(OLD.parameters, (*OLD.constraints, Constraint.of("n <= 3"))),
            "`n <= 3`: a constraint must not come, once trials may break it",
        ),
    ],
)
def test_what_does_not(new, fault):
    assert not new.extends(OLD)
    assert any(text.startswith(fault) for text in new.extension_faults(OLD))


# speed


def fifty():
    """Fifty parameters: constraints, conditions, one derived."""
    found = [Choice(name="kind", options=("a", "b", "c"), default="a")]
    for k in range(12):
        deep = Condition.of("kind == 'a' and n0 > 5")
        found += [
            real(f"lr{k}", 1e-5, 1, scale=Scale.LOG, when=Condition.of({"kind": ["a", "b"]}) if k % 3 == 0 else None),
            whole(f"n{k}", 1, 100),
            real(f"u{k}"),
            Bool(name=f"b{k}", default=True)
            if k % 2
            else Choice(name=f"b{k}", options=("p", "q", "r"), default="p", when=deep),
        ]
    found.append(Derived(name="d", expression=parse("n0 * 2")))
    laws = ["n0 <= n1", "u0 + u1 + u2 <= 1.5", "n2 * n3 <= 2500", "lr0 < lr1", "n4 + n5 >= 60"]
    return space_of(*found, constraints=laws)


def test_sampling_fifty_constrained_parameters_is_quick():
    """About 15,000 a second on one core of an idle machine; the bound leaves room for a busy one."""
    space = fifty()
    assert len(space.parameters) == 50
    best = math.inf
    for seed in range(5):
        start = time.process_time()
        configs = space.sample_many(random.Random(seed), 1000)
        best = min(best, time.process_time() - start)
    assert all(space.is_member(config) for config in configs[:100])
    assert 1000 / best > 4000
