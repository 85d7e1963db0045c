import copy
import math
import pickle
import random

import pytest
from hypothesis import given
from hypothesis import strategies as st
from space_strategies import choices, floats, ints, parameters

from tao_automl.domain.conditions import json_key, same_json
from tao_automl.domain.parameters import Bool, Choice, Condition, Fixed, Float, Int, Prior, Scale
from tao_automl.errors import SearchSpaceError

units = st.floats(0, 1)


@given(parameters(), units)
def test_decoding_gives_members_and_encoding_goes_back(parameter, unit):
    value = parameter.at([unit] * parameter.width)
    place = parameter.place(value)
    assert parameter.contains(value)
    assert same_json(parameter.at(place), value)
    assert type(parameter.at(place)) is type(value)
    assert all(0 <= x <= 1 for x in place)
    assert len(place) == len(parameter.axes()) == len(parameter.lattice(2)) == len(parameter.present(value))


@given(parameters(), st.integers(0, 99))
def test_draws_and_columns_are_members(parameter, seed):
    rng = random.Random(seed)
    for value in [parameter.draw(rng), *parameter.column(rng, 5), *parameter.levels(3)[:50]]:
        assert parameter.contains(value)
        assert parameter.allows(value)
        assert same_json(parameter.cast(value), value)
        assert same_json(parameter.at(parameter.place(value)), value)


@given(parameters())
def test_axes_know_their_cells_and_expectations(parameter):
    for k, axis in enumerate(parameter.axes()):
        assert (axis.index, axis.owner) == (k, "x")
        assert 0 <= axis.expected <= 1
        if axis.cells is not None and axis.cells < 1000:
            units = list(parameter.place(parameter.default))
            for cell in range(axis.cells):
                units[k] = (cell + 0.5) / axis.cells
                back = parameter.place(parameter.at(units))
                assert len(back) == len(units)


@given(parameters())
def test_defaults_and_ends_survive_the_unit_cube(parameter):
    landmarks = [parameter.default, *parameter.levels(2)]
    if isinstance(parameter, Float | Int):
        landmarks += [v for v in (parameter.low, parameter.high) if parameter.contains(v)]
    for value in landmarks:
        assert same_json(parameter.at(parameter.place(value)), value)


@given(st.one_of(floats(), ints()), units, units)
def test_encoding_is_monotone(parameter, one, other):
    low, high = sorted((parameter.decode(one), parameter.decode(other)))
    assert parameter.encode(low) <= parameter.encode(high)


@given(st.floats(-5, 5))
def test_coordinates_outside_the_cube_are_clamped(unit):
    parameter = Float(name="x", low=1, high=2, default=1)
    assert parameter.low <= parameter.decode(unit) <= parameter.high


@given(st.floats(0.001, 1.0).map(lambda x: float(f"{x:.12g}")))
def test_every_number_of_twelve_digits_survives(value):
    for scale in (Scale.LINEAR, Scale.LOG):
        parameter = Float(name="x", low=0.0005, high=1.0, default=0.1, scale=scale)
        rounded = round(value, 12)
        assert parameter.decode(parameter.encode(rounded)) == rounded


def test_a_default_of_full_precision_survives():
    parameter = Float(name="x", low=0, high=1, default=1 / 3)
    assert parameter.decode(parameter.encode(1 / 3)) == 1 / 3


@given(parameters())
def test_parameters_pickle_and_copy(parameter):
    assert pickle.loads(pickle.dumps(parameter)) == parameter
    assert copy.deepcopy(parameter) == parameter


@given(choices())
def test_editing_a_decoded_list_does_not_edit_the_space(parameter):
    before = repr(parameter.options)
    value = parameter.decode(0.0)
    if isinstance(value, list):
        value.append("mine")
    assert repr(parameter.options) == before


def test_integers_have_equal_shares():
    parameter = Int(name="n", low=1, high=4, default=1)
    values = [parameter.decode((k + 0.5) / 400) for k in range(400)]
    assert [values.count(v) for v in (1, 2, 3, 4)] == [100] * 4


def test_powers_of_two_only():
    parameter = Int(name="n", low=10, high=100, default=16, scale=Scale.POWER2)
    assert {parameter.decode(k / 50) for k in range(51)} == {16, 32, 64}
    assert parameter.contains(32)
    assert not parameter.contains(48)


def test_steps_on_a_logarithm():
    parameter = Int(name="n", low=8, high=1024, default=16, scale=Scale.LOG, step=8)
    assert {parameter.decode(k / 200) % 8 for k in range(201)} == {0}
    assert parameter.decode(1.0) == 1024


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (
            lambda: Float(name="lr", low=0.0, high=math.inf, default=1),
            "lr: finite `low < high` must hold, got (low=0.0, high=inf)",
        ),
        (lambda: Float(name="lr", low=2, high=1, default=1), "lr: finite `low < high` must hold, got (low=2, high=1)"),
        (lambda: Float(name="lr", low=-1e308, high=1e308, default=1), "lr: finite `low < high` must hold"),
        (
            lambda: Float(name="lr", low=0, high=1, default=0.1, scale=Scale.LOG),
            "lr: `0 < low` must hold, got (low=0, high=1, scale=log)",
        ),
        (
            lambda: Float(name="p", low=0.5, high=1, default=0.5, scale=Scale.LOGIT),
            "p: `0 < low` and `high < 1` must hold",
        ),
        (
            lambda: Float(name="x", low=0, high=1, default=2),
            "x: `low <= default <= high` must hold, got (default=2.0, low=0.0, high=1.0)",
        ),
        (lambda: Float(name="x", low=0, high=1, default=math.nan), "x: `low <= default <= high` must hold"),
        (lambda: Float(name="x", low=0, high=1, default=True), "x: `low <= default <= high` must hold"),
        (
            lambda: Float(name="x", low=1e6, high=1e6 + 1e-8, default=1e6),
            "x: a range that 12 digits tell apart must hold",
        ),
        (
            lambda: Float(name="x", low=0, high=1, default=0, legal_low=0.1),
            "x: `legal_low <= low`, `high <= legal_high` must hold",
        ),
        (lambda: Float(name="x", low=0, high=1, default=0, popular=(3,)), "x: every popular value a member must hold"),
        (
            lambda: Float(name="x", low=0, high=1, default=0, prior=Prior(mean=4)),
            "x: `low <= prior mean <= high` must hold",
        ),
        (
            lambda: Float(name="x", low=0, high=1, default=0.3, step=0.2),
            "x: a default in [low, high] that is `low + k * 0.2` must hold",
        ),
        (lambda: Float(name="x", low=0, high=1, default=0, step=2), "x: `0 < step <= high - low` must hold"),
        (lambda: Int(name="n", low=1, high=2**50, default=1), "n: `-2**40 <= low < high <= 2**40` must hold"),
        (lambda: Int(name="n", low=1, high=10**400, default=1), "n: finite `low < high` must hold"),
        (lambda: Int(name="n", low=1, high=8.5, default=1), "n: an integer high must hold, got (high=8.5)"),
        (
            lambda: Int(name="n", low=8, high=64, default=24, scale=Scale.POWER2),
            "n: a default in [low, high] that is a power of two",
        ),
        (lambda: Bool(name="b", default=1), "b: a default of true or false must hold, got (default=1)"),
        (lambda: Choice(name="c", options=("a",), default="a"), "c: at least two options must hold"),
        (lambda: Choice(name="c", options=(1, 1.0), default=1), "c: distinct options must hold"),
        (lambda: Choice(name="c", options=("a", "b"), default="z"), "c: a default among the options must hold"),
        (
            lambda: Choice(name="c", options=("a", "b"), default="a", weights=(1,)),
            "c: one finite weight >= 0 per option",
        ),
        (
            lambda: Choice(name="c", options=("a", "b"), default="a", weights=(0, 0)),
            "c: one finite weight >= 0 per option",
        ),
        (lambda: Choice(name="c", options=("a", math.inf), default="a"), "a number must be finite, got inf"),
        (lambda: Fixed(name="f", value={1, 2}), "a value must be JSON, got set"),
        (lambda: Condition(clauses=()), "a condition must name at least one parent"),
        (lambda: Condition.of({"a": []}), "a condition on a must allow at least one value"),
    ],
)
def test_impossible_parameters_cannot_be_constructed(make, message):
    with pytest.raises(SearchSpaceError) as caught:
        make()
    assert caught.value.message.startswith(message)


def test_an_unbounded_range_says_how_to_bound_it():
    with pytest.raises(SearchSpaceError) as caught:
        Float(name="train.optim.lr", low=0.0, high=math.inf, default=0.1)
    assert 'custom_param_ranges={"train.optim.lr"' in caught.value.hint


@pytest.mark.parametrize(
    ("parameter", "sloppy", "value"),
    [
        (Float(name="x", low=0, high=1, default=0), "0.1", 0.1),
        (Float(name="x", low=0, high=1, default=0), "1e-3", 0.001),
        (Float(name="x", low=0, high=1, default=0), 1, 1.0),
        (Int(name="x", low=0, high=20, default=0), "16", 16),
        (Int(name="x", low=0, high=20, default=0), 16.0, 16),
        (Int(name="x", low=0, high=2000, default=0), "1e3", 1000),
        (Bool(name="x", default=True), "False", False),
        (Bool(name="x", default=True), 1, True),
        (Choice(name="x", options=(8, 16), default=8), "16", 16),
        (Choice(name="x", options=(8, 16), default=8), 16.0, 16),
        (Choice(name="x", options=(None, "a"), default="a"), "null", None),
        (Choice(name="x", options=("Adam", "sgd"), default="sgd"), "adam", "Adam"),
        (Fixed(name="x", value=3), "3", 3),
    ],
)
def test_casting_sloppy_values(parameter, sloppy, value):
    found = parameter.cast(sloppy)
    assert found == value
    assert type(found) is type(value)


@pytest.mark.parametrize(
    ("parameter", "value"),
    [
        (Float(name="x", low=0, high=1, default=0), "abc"),
        (Float(name="x", low=0, high=1, default=0), True),
        (Float(name="x", low=0, high=1, default=0), "nan"),
        (Float(name="x", low=0, high=1, default=0), None),
        (Int(name="x", low=0, high=20, default=0), 16.5),
        (Bool(name="x", default=True), "maybe"),
        (Bool(name="x", default=True), 2),
        (Choice(name="x", options=("1", 1), default=1), "one"),
        (Choice(name="x", options=(True, "a"), default="a"), 1),
        (Fixed(name="x", value=3), 4),
    ],
)
def test_casting_refuses_what_it_cannot_mean(parameter, value):
    with pytest.raises(SearchSpaceError, match="x: "):
        parameter.cast(value)


def test_json_equality_keeps_booleans_apart_from_numbers():
    assert same_json(1, 1.0)
    assert not same_json(1, True)
    assert same_json({"a": [1, None]}, {"a": [1.0, None]})
    assert json_key("1") != json_key(1)


def test_levels_are_distinct_and_spread():
    assert Float(name="x", low=0.01, high=1, default=0.1, scale=Scale.LOG).levels(3) == (0.01, 0.1, 1.0)
    assert Int(name="x", low=1, high=3, default=2).levels(10) == (1, 2, 3)
    assert Int(name="x", low=1, high=3, default=2).levels(1) == (2,)
    assert Choice(name="x", options=("a", "b"), default="b").levels(5) == ("a", "b")


@given(st.one_of(floats(), ints()), units, units)
def test_narrowing_keeps_members(parameter, one, other):
    low, high = sorted((parameter.decode(one), parameter.decode(other)))
    if parameter.scale is not Scale.POWER2 and high - low <= 1e-6 * max(abs(low), abs(high), 1e-9):
        return
    new = parameter.narrowed((low, high))
    assert new.contains(new.default)
    assert parameter.contains(new.decode(0.7))
    assert low <= new.decode(0.0) <= new.decode(1.0) <= high
