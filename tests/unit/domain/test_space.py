import copy
import itertools
import json
import pickle
import random
import time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from space_strategies import spaces

from tao_automl.domain.conditions import same_json
from tao_automl.domain.parameters import Bool, Choice, Condition, Fixed, Float, Int, Scale
from tao_automl.domain.space import SearchSpace
from tao_automl.errors import SearchSpaceError

SPACE = SearchSpace(
    (
        Float(name="lr", low=1e-5, high=1.0, default=1e-3, scale=Scale.LOG, description="step size"),
        Choice(name="kind", options=("cnn", "vit"), default="cnn"),
        Int(name="heads", low=1, high=8, default=4, when=Condition.of({"kind": ["vit"]})),
        Bool(name="bias", default=True, when=Condition.of({"heads": [1, 2]})),
        Fixed(name="epochs", value=3),
    )
)
seeds = st.integers(0, 2**32)


@given(spaces(), seeds)
def test_samples_are_members_and_survive_the_unit_cube(space, seed):
    config = space.sample(random.Random(seed))
    encoded = space.encode(config)
    assert space.validate(config) == ()
    assert set(config) == set(space.active(config))
    assert len(encoded.point) == len(encoded.active) == space.dimension
    assert same_json(space.decode(encoded.point), config)
    assert all(x == 0.5 for x, on in zip(encoded.point, encoded.active, strict=True) if not on)


@given(spaces(), st.data())
def test_every_point_is_a_member(space, data):
    point = data.draw(st.lists(st.floats(0, 1), min_size=space.dimension, max_size=space.dimension))
    config = space.decode(point)
    assert space.is_member(config)
    assert same_json(space.cast(config), config)


@given(spaces(), seeds)
def test_signatures_tell_configurations_apart_and_nothing_else(space, seed):
    rng = random.Random(seed)
    one, other = space.sample(rng), space.sample(rng)
    shuffled = dict(sorted(one.items(), reverse=True))
    assert space.signature(one) == space.signature(shuffled) == space.signature(json.loads(json.dumps(one)))
    assert (space.signature(one) == space.signature(other)) == same_json(one, other)


@settings(max_examples=50)
@given(spaces(max_size=4), st.integers(1, 3))
def test_the_grid_has_no_duplicates_and_its_size_is_known(space, levels):
    size = space.grid_size(levels)
    found = list(itertools.islice(space.grid(levels), 300))
    signatures = [space.signature(config) for config in found]
    assert len(set(signatures)) == len(found) == min(size, 300)
    assert all(space.is_member(config) for config in found[:20])


@given(spaces(), seeds)
def test_selecting_and_fixing(space, seed):
    names = [p.name for p in space.searched][:2]
    selected = space.select(names)
    assert [p.name for p in selected.searched] == names
    config = space.sample(random.Random(seed))
    held = space.fix(config)
    assert set(held.names) == set(space.names)
    assert same_json({name: held.default()[name] for name in config}, config)


@given(spaces())
def test_spaces_copy_and_describe_themselves(space):
    assert pickle.loads(pickle.dumps(space)) == space
    assert copy.deepcopy(space) == space
    rows = json.loads(json.dumps(space.to_json()))
    assert [row["name"] for row in rows] == list(space.names)


def test_same_seed_same_sample():
    assert SPACE.sample(random.Random(7)) == SPACE.sample(random.Random(7))


def test_weights_decide_how_often_an_option_is_drawn():
    space = SearchSpace((Choice(name="c", options=("a", "b"), default="a", weights=(1, 3)),))
    rng = random.Random(0)
    share = sum(space.sample(rng)["c"] == "b" for _ in range(4000)) / 4000
    assert 0.72 < share < 0.78


def test_conditions_are_transitive():
    assert SPACE.default() == {"lr": 1e-3, "kind": "cnn", "epochs": 3}
    assert set(SPACE.active({"kind": "vit", "heads": 2})) == {"lr", "kind", "heads", "bias", "epochs"}
    assert set(SPACE.active({"kind": "cnn", "heads": 2, "bias": True})) == {"lr", "kind", "epochs"}


def test_validate_names_every_problem():
    problems = SPACE.validate({"lr": 7.0, "kind": "cnn", "heads": 2, "hads": 1})
    assert problems == (
        "lr: must be a number in [1e-05, 1.0], got 7.0",
        "epochs: must have a value, got none",
        'heads: must be absent, its condition {"kind": ["vit"]} does not hold',
        "hads: no such parameter",
    )


def test_cast_takes_sloppy_input_and_fills_in_fixed_values():
    assert SPACE.cast({"lr": "0.1", "kind": "ViT", "heads": 2.0, "bias": "false"}) == {
        "lr": 0.1,
        "kind": "vit",
        "heads": 2,
        "bias": False,
        "epochs": 3,
    }
    with pytest.raises(SearchSpaceError, match=r"lr: must be a number in \[1e-05, 1.0\], got 5.0"):
        SPACE.cast({"lr": "5", "kind": "cnn"})


def test_signatures_unify_integers_and_floats_by_declared_type():
    assert SPACE.signature({"lr": 1, "kind": "cnn"}) == SPACE.signature({"lr": 1.0, "kind": "cnn", "epochs": 3})
    assert SPACE.signature(SPACE.default()) == "3eb2fb825b7c25c4"  # stored in journals: it must never change


def test_unknown_names_come_with_the_nearest():
    with pytest.raises(SearchSpaceError) as caught:
        SPACE.parameter("head")
    assert caught.value.message == "head: no such parameter"
    assert "heads" in caught.value.hint


@pytest.mark.parametrize(
    ("parameters", "message"),
    [
        (
            (Fixed(name="a", value=1), Fixed(name="a", value=2)),
            "every parameter must have a name of its own, got a twice",
        ),
        (
            (Bool(name="a", default=True, when=Condition.of({"b": [1]})),),
            "a: depends on b, which is no parameter of this space",
        ),
        (
            (
                Bool(name="a", default=True, when=Condition.of({"c": [True]})),
                Bool(name="b", default=True, when=Condition.of({"a": [True]})),
                Bool(name="c", default=True, when=Condition.of({"b": [True]})),
            ),
            "conditions must not depend on each other in a circle, got a -> c -> b -> a",
        ),
        (
            (Bool(name="a", default=True, when=Condition.of({"a": [True]})),),
            "conditions must not depend on each other in a circle, got a -> a",
        ),
    ],
)
def test_impossible_spaces(parameters, message):
    with pytest.raises(SearchSpaceError) as caught:
        SearchSpace(parameters)
    assert caught.value.message == message


def test_points_of_the_wrong_length_and_without_numbers():
    with pytest.raises(SearchSpaceError, match="a point must have 4 coordinates, got 1"):
        SPACE.decode([0.5])
    with pytest.raises(SearchSpaceError, match="every coordinate must be a number, got nan"):
        SPACE.decode([float("nan")] * 4)
    assert SPACE.is_member(SPACE.decode([-3, 9, 2, 7]))


def test_narrowing():
    space = SPACE.narrow({"lr": (1e-2, 1e-1), "kind": ["vit"]})
    assert space.parameter("lr").default == 1e-2
    assert space.parameter("kind") == Fixed(name="kind", value="vit")
    with pytest.raises(SearchSpaceError, match="lr: a range inside the present one must hold"):
        SPACE.narrow({"lr": (1e-6, 1e-1)})
    with pytest.raises(SearchSpaceError, match="kind: one of"):
        SPACE.narrow({"kind": ["rnn"]})


def test_fixing_may_leave_the_searched_range_but_not_the_legal_one():
    space = SearchSpace((Float(name="x", low=0.1, high=1, default=0.5, legal_low=0, legal_high=2),))
    assert space.fix({"x": 1.5}).default() == {"x": 1.5}
    with pytest.raises(SearchSpaceError, match="x: a value that training accepts is needed"):
        space.fix({"x": 3})


def test_a_grid_of_conditions():
    space = SPACE.select(["kind", "heads", "bias"])
    grid = list(space.grid(2))
    assert [(c["kind"], c.get("heads"), c.get("bias")) for c in grid] == [
        ("cnn", None, None),
        ("vit", 1, False),
        ("vit", 1, True),
        ("vit", 8, None),
    ]
    assert space.grid_size(2) == 4


def test_a_large_grid_is_lazy():
    space = SearchSpace(tuple(Float(name=f"x{i}", low=0, high=1, default=0) for i in range(2000)))
    assert len(next(space.grid(3))) == 2000
    assert space.grid_size(3) == 3**2000


def test_sampling_twenty_parameters_is_quick():
    pairs = [
        (
            Float(name=f"f{i}", low=1e-5, high=1, default=0.1, scale=Scale.LOG),
            Int(name=f"i{i}", low=1, high=9, default=1),
        )
        for i in range(10)
    ]
    space = SearchSpace(tuple(itertools.chain(*pairs)))
    rng = random.Random(0)
    best = min(_seconds(lambda: space.sample(rng)) for _ in range(200))
    assert best < 100e-6


def _seconds(call):
    start = time.perf_counter()
    call()
    return time.perf_counter() - start


def test_the_review_row():
    assert SPACE.to_json()[0] == {
        "name": "lr",
        "type": "float",
        "low": 1e-5,
        "high": 1.0,
        "scale": "log",
        "scale_inferred": False,
        "step": None,
        "options": None,
        "weights": None,
        "default": 1e-3,
        "popular": [],
        "when": None,
        "description": "step size",
    }
