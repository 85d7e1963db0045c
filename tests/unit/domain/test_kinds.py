"""Lists, subsets, optional values, texts, conditions as expressions, and the coordinates of all of them."""

import random

import pytest

from tao_automl.domain.parameters import (
    AxisKind,
    Bool,
    Choice,
    Condition,
    Fixed,
    Float,
    Int,
    Monotone,
    Optional,
    Prior,
    Scale,
    Strength,
    Subset,
    Text,
    Vector,
)
from tao_automl.domain.space import SearchSpace
from tao_automl.errors import SearchSpaceError

STEP = Int(name="s", low=1, high=9, default=1)
OTHER = Int(name="s", low=1, high=8, default=1)
BETAS = Vector(
    name="betas",
    items=(
        Float(name="betas[0]", low=0.8, high=0.95, default=0.9),
        Float(name="betas[1]", low=0.9, high=0.999, default=0.99, prior=Prior(mean=0.95, strength=Strength.STRONG)),
    ),
)
STEPS = Vector(name="steps", items=(STEP, STEP, STEP), monotone=Monotone.INCREASING)
LAYERS = Subset(name="layers", options=("q", "k", "v"), default=("v", "q"), min_size=1, max_size=2)
CLIP = Optional(name="clip", inner=Float(name="clip", low=0.1, high=10, default=1, scale=Scale.LOG))
PROMPT = Text(name="prompt", default="hello", max_length=10)
SPACE = SearchSpace((BETAS, STEPS, LAYERS, CLIP, PROMPT))


def test_points_have_a_coordinate_for_each_element_and_option():
    assert SPACE.dimension == 2 + 3 + 3 + 2
    assert [(axis.index, axis.owner, axis.part, axis.kind, axis.cells) for axis in SPACE.axes] == [
        (0, "betas", "[0]", AxisKind.CONTINUOUS, None),
        (1, "betas", "[1]", AxisKind.CONTINUOUS, None),
        (2, "steps", "[0]", AxisKind.INTEGER, 9),
        (3, "steps", "[1]", AxisKind.INTEGER, 9),
        (4, "steps", "[2]", AxisKind.INTEGER, 9),
        (5, "layers", "[q]", AxisKind.CATEGORICAL, 2),
        (6, "layers", "[k]", AxisKind.CATEGORICAL, 2),
        (7, "layers", "[v]", AxisKind.CATEGORICAL, 2),
        (8, "clip", "?", AxisKind.CATEGORICAL, 2),
        (9, "clip", "", AxisKind.CONTINUOUS, None),
    ]
    assert [axis.label for axis in SPACE.axes][-2:] == ["clip?", "clip"]
    assert (SPACE.axes[1].expected, SPACE.axes[1].strength) == (pytest.approx(0.05 / 0.099), Strength.STRONG)
    assert (SPACE.axes[0].expected, SPACE.axes[0].strength) == (pytest.approx(2 / 3), Strength.WEAK)
    assert [axis.expected for axis in SPACE.axes[5:9]] == [0.75, 0.25, 0.75, 0.25]


def test_choices_carry_their_weights_and_order():
    space = SearchSpace((Choice(name="c", options=(8, 16, 32), default=16, ordered=True, weights=(1, 2, 1)),))
    (axis,) = space.axes
    assert (axis.kind, axis.cells, axis.weights, axis.expected) == (AxisKind.ORDINAL, 3, (1, 2, 1), 0.5)


def test_decoding():
    point = [0, 1, 0.9, 0.5, 0.1, 0.6, 0.7, 0.8, 0.2, 0.5]
    assert SPACE.decode(point) == {
        "betas": [0.8, 0.999],
        "steps": [1, 5, 9],
        "layers": ["k", "v"],
        "clip": None,
        "prompt": "hello",
    }
    assert SPACE.decode([*point[:8], 0.5, 0.5])["clip"] == 1.0


def test_what_is_null_has_no_coordinate():
    config = SPACE.default()
    encoded = SPACE.encode(config)
    assert (encoded.point[9], encoded.active[8:]) == (0.5, (True, False))
    assert SPACE.encode({**config, "clip": 0.1}).active[8:] == (True, True)


def test_texts_survive_the_unit_cube():
    config = SPACE.default() | {"prompt": "hi"}
    encoded = SPACE.encode(config)
    assert encoded.kept == {"prompt": "hi"}
    assert SPACE.decode(encoded) == config
    assert SPACE.decode(encoded.point) == config | {"prompt": "hello"}


def test_casting():
    sloppy = {"betas": ["0.9", 0.95], "steps": "[1, 2, 3]", "layers": "V, q", "clip": "none"}
    assert SPACE.cast(sloppy) == {
        "betas": [0.9, 0.95],
        "steps": [1, 2, 3],
        "layers": ["q", "v"],
        "clip": None,
        "prompt": "hello",
    }


@pytest.mark.parametrize(
    ("name", "value", "problem"),
    [
        ("betas", [0.9], "betas: must be a list of 2 elements: a number in [0.8, 0.95]; a number in [0.9, 0.999], got"),
        ("betas", 0.9, "betas: must be a list of 2 elements"),
        (
            "steps",
            [3, 2, 1],
            "steps: must be a list of 3 elements, increasing, each an integer in [1, 9], got",
        ),
        ("layers", ["v", "q"], "layers: must be 1 to 2 of ['q', 'k', 'v'], in this order, got ['v', 'q']"),
        ("layers", [], "layers: must be 1 to 2 of"),
        ("layers", ["q", "q"], "layers: must be 1 to 2 of"),
        ("clip", 99.0, "clip: must be null, or a number in [0.1, 10.0], got 99.0"),
        ("prompt", "x" * 11, "prompt: must be a text of at most 10 characters, got"),
        ("prompt", 3, "prompt: must be a text"),
    ],
)
def test_validation(name, value, problem):
    (found,) = SPACE.validate(SPACE.default() | {name: value})
    assert found.startswith(problem)


@pytest.mark.parametrize(
    ("name", "value", "law"),
    [
        ("betas", [0.9], "betas: a list of 2 numbers is needed, got [0.9]"),
        ("betas", "0.9", "betas: a list of 2 numbers is needed, got '0.9'"),
        ("steps", [1, 2, 2.5], "s: an integer is needed, got 2.5"),
        ("layers", ["z"], "layers: options among ['q', 'k', 'v'] are needed, got 'z'"),
        ("layers", ["q", "Q"], "layers: distinct options are needed, got ['q', 'Q']"),
        ("layers", 3, "layers: a list of options is needed, got 3"),
        ("clip", "much", "clip: a finite number is needed, got 'much'"),
        ("prompt", 3, "prompt: a text is needed, got 3"),
    ],
)
def test_casting_refuses_what_it_cannot_mean(name, value, law):
    with pytest.raises(SearchSpaceError) as caught:
        SPACE.parameter(name).cast(value)
    assert caught.value.message == law


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: Vector(name="v", items=()), "v: at least one element must hold"),
        (
            lambda: Vector(
                name="v", items=(STEP, Int(name="s", low=1, high=8, default=1)), monotone=Monotone.INCREASING
            ),
            "v: one range, scale and step for all elements of a monotone list must hold, got (2 different)",
        ),
        (
            lambda: Vector(
                name="v", items=(Int(name="s", low=1, high=9, default=5), STEP), monotone=Monotone.INCREASING
            ),
            "v: a default whose elements are increasing must hold, got (default=[5, 1])",
        ),
        (lambda: Vector(name="v", items=(STEP,), popular=([99],)), "v: every popular value a member must hold"),
        (lambda: Subset(name="s", options=(), default=(), max_size=0), "s: at least one option must hold"),
        (lambda: Subset(name="s", options=("a", "a"), default=(), max_size=1), "s: distinct options must hold"),
        (
            lambda: Subset(name="s", options=("a", "b"), default=(), min_size=2, max_size=2),
            "s: `0 <= min_size <= max_size <= options`, and more than one subset, must hold",
        ),
        (
            lambda: Subset(name="s", options=("a", "b"), default=("c",), max_size=2),
            "s: a default of distinct options must hold, got (default=['c'], min_size=0, max_size=2, options=2)",
        ),
        (
            lambda: Subset(name="s", options=("a", "b"), default=("a", "b"), max_size=1),
            "s: a default of an allowed size must hold",
        ),
        (
            lambda: Optional(name="o", inner=STEP, default=10),
            "o: a default that is null or a value of the inner kind must hold, got (default=10)",
        ),
        (
            lambda: Optional(name="o", inner=Choice(name="c", options=(None, 1), default=1)),
            "o: an inner kind without null must hold",
        ),
        (lambda: Text(name="t", default="long", max_length=3), "t: a text as default that is not too long must hold"),
        (lambda: Text(name="t", default="", max_length=-1), "t: `0 <= max_length <= 100000` must hold"),
    ],
)
def test_impossible_parameters_cannot_be_constructed(make, message):
    with pytest.raises(SearchSpaceError) as caught:
        make()
    assert caught.value.message.startswith(message)


def test_narrowing():
    narrow = SPACE.narrow(
        {
            "betas": [[0.85, 0.9], [0.95, 0.99]],
            "steps": (2, 5),
            "layers": ["v", "k"],
            "clip": (1, 2),
            "prompt": ["hi"],
        }
    )
    assert [(i.low, i.high) for i in narrow.parameter("betas").items] == [(0.85, 0.9), (0.95, 0.99)]
    assert narrow.parameter("steps").default == [2, 2, 2]
    assert (narrow.parameter("layers").options, narrow.parameter("layers").default) == (("k", "v"), ["v"])
    assert (narrow.parameter("clip").inner.low, narrow.parameter("clip").default) == (1, None)
    assert narrow.parameter("prompt") == Fixed(name="prompt", value="hi")
    assert SPACE.narrow({"layers": ["q"]}).parameter("layers") == Fixed(name="layers", value=["q"])
    assert SPACE.narrow({"clip": [None]}).parameter("clip") == Fixed(name="clip", value=None)
    assert SPACE.narrow({"clip": (2, 2)}).parameter("clip") == Choice(name="clip", options=(None, 2.0), default=None)
    assert SPACE.narrow({"steps": (3, 3)}).parameter("steps") == Fixed(name="steps", value=[3, 3, 3])
    assert narrow.sample(random.Random(0))["steps"][0] >= 2


@pytest.mark.parametrize(
    ("ranges", "law"),
    [
        ({"betas": [[0.8, 0.9]]}, "betas: one range, or 2 of them must hold"),
        ({"betas": [[0.85, 0.85], [0.9, 0.95]]}, "betas: a range of at least two values for each element must hold"),
        ({"layers": []}, "layers: at least `min_size` options must hold"),
        ({"layers": ["z"]}, "layers: options among"),
        ({"prompt": ["a", "b"]}, "prompt: exactly one text must hold"),
        ({"clip": (0.01, 1)}, "clip: a range inside the present one must hold"),
    ],
)
def test_faults_of_narrowing(ranges, law):
    with pytest.raises(SearchSpaceError) as caught:
        SPACE.narrow(ranges)
    assert caught.value.message.startswith(law)


def test_grids_stay_small():
    assert len(list(SearchSpace((STEPS,)).grid(3))) == 10
    assert len(LAYERS.levels(9)) == 6
    assert CLIP.levels(2) == (None, 0.1, 10.0)
    assert all(len(p.levels(1)) == 1 for p in SPACE.parameters)
    long = Vector(name="v", items=(Float(name="v", low=0, high=1, default=0.5),) * 12)
    assert len(long.levels(3)) == 1 + 12 * 2
    many = Subset(name="s", options=tuple(range(40)), default=(3,), min_size=1, max_size=40)
    assert len(many.levels(2)) == 40
    assert len(many.draw(random.Random(0))) > 5


def test_rows_of_a_launch_review():
    rows = {row["name"]: row for row in SPACE.to_json()}
    assert rows["betas"]["type"] == "list"
    assert (rows["betas"]["low"], rows["betas"]["scale"]) == (None, "linear")
    assert [element["low"] for element in rows["betas"]["elements"]] == [0.8, 0.9]
    assert rows["betas"]["elements"][1]["prior"] == {"mean": 0.95, "strength": "strong"}
    assert (rows["steps"]["low"], rows["steps"]["high"], rows["steps"]["monotone"]) == (1, 9, "increasing")
    assert (rows["layers"]["min_size"], rows["layers"]["max_size"], rows["layers"]["default"]) == (1, 2, ["q", "v"])
    assert (rows["clip"]["type"], rows["clip"]["low"], rows["clip"]["default"]) == ("optional float", 0.1, None)
    assert (rows["prompt"]["type"], rows["prompt"]["max_length"]) == ("text", 10)


# conditions as expressions


def test_conditions_as_expressions():
    space = SearchSpace(
        (
            Int(name="depth", low=1, high=9, default=4),
            Bool(name="deep", default=True, when=Condition.of("depth >= 4 and depth % 2 == 0")),
            Bool(name="odd", default=True, when=Condition.of("10 / (depth - 5) > 0 or deep")),
        )
    )
    assert space.default() == {"depth": 4, "deep": True, "odd": True}
    assert space.active({"depth": 7}) == ("depth",)  # `odd` names `deep`, which is inactive
    assert space.active({"depth": 8, "deep": False}) == ("depth", "deep", "odd")
    assert space.validate({"depth": 2, "deep": True}) == (
        'deep: must be absent, its condition {"expression": "depth >= 4 and depth % 2 == 0"} does not hold',
    )


def test_clauses_and_an_expression_must_both_hold():
    condition = Condition(clauses=(("a", (1,)),), expression=Condition.of("b > 2").expression)
    assert condition.parents == ("a", "b")
    assert condition.holds({"a": 1, "b": 3})
    assert not condition.holds({"a": 2, "b": 3})
    assert not condition.holds({"a": 1, "b": 1})
    assert not condition.holds({"a": 1})
    assert condition.to_json() == {"a": [1], "expression": "b > 2"}


def test_an_expression_that_cannot_be_computed_does_not_hold():
    assert not Condition.of("1 / b > 0").holds({"b": 0})
    assert not Condition.of("b > 0").holds({"b": "text"})
    assert not Condition.of("b").holds({"b": 1})
    with pytest.raises(SearchSpaceError, match="a condition must name at least one parent"):
        Condition.of("1 < 2")
