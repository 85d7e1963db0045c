"""The schema dialect of the public TAO bank: what is read into it, and what is left out with a reason."""

import json
import math
import random

import pytest
from tao_files import MODELS, facts_of, needs_facts, schema_document, schema_text, write_tao_skill

from tao_automl.bank import load_skill, read_space, support_gate
from tao_automl.bank.declarations import Action, Skill
from tao_automl.bank.dialect import load_schema
from tao_automl.bank.tao_dialect import is_tao_dialect
from tao_automl.bank.tao_math import MathCondition, read_math
from tao_automl.domain.parameters import Bool, Choice, Fixed, Float, Int, Monotone, Optional, Scale, Subset, Vector
from tao_automl.errors import SearchSpaceError

ALL = [(path.stem, action) for path in MODELS for action in json.loads(path.read_text())["schemas"]]
TRAIN = [name for name, action in ALL if action == "train"]


@pytest.fixture
def read(tmp_path):
    """Reads a document, or a text, as the train schema of a model."""

    def make(document, action="train", **asked):
        (tmp_path / "schemas").mkdir(exist_ok=True)
        text = document if isinstance(document, str) else json.dumps(document)
        (tmp_path / f"schemas/{action}.schema.json").write_text(text)
        actions = {action: Action(name=action)}
        skill = Skill(path=tmp_path, name="x", network_arch="x", automl_enabled=True, actions=actions, digest="")
        return read_space(skill, action, **asked)

    return make


def leaf(kind, default, **more):
    return {"type": kind, "default": default, "automl_enabled": "TRUE", **more}


def tree(**leaves):
    return {"type": "collection", "properties": {"train": {"type": "collection", "properties": leaves}}}


def only(read, node, **asked):
    """The one parameter of a schema, and the notes."""
    reading = read(tree(x=node, y={"type": "string", "default": "s"}), **asked)
    return reading.space.parameter("train.x"), reading.notes


# all models


@needs_facts
@pytest.mark.parametrize("name", TRAIN)
def test_every_train_schema_gives_a_finite_space_that_can_be_sampled(name, read):
    reading = read(schema_text(facts_of(name)["schemas"]["train"]))
    space = reading.space
    assert space.dimension > 0
    assert space.is_member(space.default())
    for config in space.sample_many(random.Random(0), 30):
        assert space.is_member(config)
        assert space.decode(space.encode(config)) == config
    for parameter in space.searched:
        if isinstance(parameter, Float | Int):
            assert math.isfinite(parameter.low)
            assert math.isfinite(parameter.high)
    left = set(facts_of(name)["schemas"]["train"]["automl_default_parameters"]) - set(space.names)
    assert all(any(missing in note and "not searched" in note for note in reading.notes) for missing in left)


@needs_facts
def test_there_are_33_of_them():
    assert len(TRAIN) == 33


@needs_facts
@pytest.mark.parametrize(("name", "action"), [pair for pair in ALL if pair[1] != "train"])
def test_the_schemas_of_other_actions_load_or_say_why_not(name, action, read):
    try:
        space = read(schema_text(facts_of(name)["schemas"][action]), action).space
    except SearchSpaceError as error:
        reason = error.message
    else:
        reason = ""
        assert space.is_member(space.sample(random.Random(0)))
    assert reason == "" or "automl_default_parameters is empty" in reason


@needs_facts
@pytest.mark.parametrize("path", MODELS, ids=lambda path: path.stem)
def test_every_skill_info_loads(path, tmp_path):
    facts = facts_of(path.stem)
    skill = load_skill(write_tao_skill(tmp_path / path.stem, facts))
    assert (skill.name, skill.network_arch) == (facts["name"], facts["network_arch"])
    assert set(skill.actions) == set(facts["actions"])
    assert skill.image_key == facts.get("image_key")
    if "train" in facts["schemas"]:
        support_gate(skill, "train")


@needs_facts
def test_a_detection_model_in_detail(read):
    space = read(schema_text(facts_of("tao-train-dino")["schemas"]["train"])).space
    lr, queries = space.parameter("train.optim.lr"), space.parameter("model.num_queries")
    assert (lr.low, lr.high, lr.legal_high, lr.scale, lr.scale_inferred) == (2e-07, 0.02, 1.0, Scale.LOG, True)
    assert (queries.low, queries.high) == (150, 600)
    assert {law.text for law in space.constraints} == {
        "dataset.augmentation.train_random_crop_max > dataset.augmentation.train_random_crop_min",
        "model.num_select <= model.num_queries",
    }
    assert space.parameter("train.optim.lr_backbone").scale is Scale.LOG


# recognition


def test_the_dialect_is_recognised():
    assert is_tao_dialect(tree(x=leaf("int", 1)))
    assert is_tao_dialect(tree(x=leaf("integer", 1), y=leaf("categorical", "a", enum=["a"])))
    assert not is_tao_dialect({"properties": {"x": {"type": "integer"}}})
    ours = {"$schema": "https://json-schema.org/draft/2020-12/schema", "properties": {}}
    ours["properties"] = {"a": {"type": "integer"}, "b": {"type": "number"}, "c": {"type": "float"}}
    assert not is_tao_dialect(ours)
    for odd in (None, [], 3, {}, {"properties": 3}, {"properties": {"a": 3}}, {"type": "integer"}):
        assert not is_tao_dialect(odd)


def test_only_this_dialect_may_write_infinity(read):
    low = '{"properties": {"x": {"type": "%s", "minimum": -Infinity, "maximum": 3, "default": 1, "automl_enabled": 1}}}'
    space = read(low % "int").space
    assert (space.parameter("x").low, space.parameter("x").high) == (0, 3)
    with pytest.raises(SearchSpaceError, match="must be JSON, which has no -Infinity"):
        read(low % "integer")


# values


@pytest.mark.parametrize(
    ("node", "kind", "cells"),
    [
        (leaf("int", 3, minimum=1, maximum=9), Int, {"low": 1, "high": 9, "default": 3}),
        (leaf("int", "3", minimum="1", maximum="9"), Int, {"low": 1, "high": 9, "default": 3}),
        (leaf("int", 3.0, minimum=1, maximum=9), Int, {"default": 3}),
        (leaf("int", 3, valid_min=1, valid_max=9), Int, {"low": 1, "high": 9}),
        (leaf("float", 0.5, minimum=0, maximum=1), Float, {"low": 0, "high": 1, "scale": Scale.LINEAR}),
        (leaf("bool", "TRUE"), Bool, {"default": True}),
        (leaf("bool", "false"), Bool, {"default": False}),
        (
            leaf("categorical", "a", enum=["a", "b"], option_weights=[1, 3]),
            Choice,
            {"weights": (1, 3), "ordered": False},
        ),
        (leaf("categorical", "a", valid_options=["a", "b"]), Choice, {"options": ("a", "b")}),
        (leaf("string", "a", enum=["a", "b"]), Choice, {"options": ("a", "b")}),
        (leaf("ordered_int", 256, enum=[256, 512]), Choice, {"ordered": True, "options": (256, 512)}),
        (leaf("list_2", [35, 45]), Vector, {"monotone": Monotone.INCREASING, "width": 2}),
        (leaf("list", [0.9, 0.999]), Vector, {"monotone": None}),
        (leaf("list_2", [0.9, 0.99], minimum=[0.8, 0.9], maximum=[0.95, 0.999]), Vector, {"width": 2}),
        (leaf("list_1_backbone", [3], minimum=[1], maximum=[4]), Vector, {"width": 1}),
        (leaf("subset_list", ["b"], enum=["a", "b"]), Subset, {"default": ["b"], "min_size": 0, "max_size": 2}),
        (leaf("optional_list", [], enum=["a"]), Subset, {"default": []}),
        ({**leaf(None, 0.5), "anyOf": [{"type": "float", "minimum": 0, "maximum": 1}, {"type": "null"}]}, Optional, {}),
        ({**leaf("int", None, minimum=1, maximum=9), "type": ["int", "null"]}, Optional, {"width": 2}),
        ({**leaf(None, 1e-6, minimum=0.0), "anyOf": [{"type": "list"}, {"type": "float"}]}, Float, {"high": 1e-4}),
    ],
)
def test_types(read, node, kind, cells):
    node = {key: value for key, value in node.items() if value is not None or key == "default"}
    parameter, _ = only(read, node)
    assert isinstance(parameter, kind)
    assert {key: getattr(parameter, key) for key in cells} == cells


@pytest.mark.parametrize(
    ("node", "low", "high", "scale", "note"),
    [
        (leaf("float", 1e-4, minimum=0.0), 1e-7, 0.01, Scale.LOG, "searched on a logarithm, inferred"),
        (
            leaf("float", 1e-4, minimum=0.0, maximum=1.0),
            1e-7,
            0.01,
            Scale.LOG,
            "up to 0.01 (100 times the default) of 1.0",
        ),
        (leaf("float", 0.9, minimum=0.0), 0, 1, Scale.LINEAR, "read as a share"),
        (leaf("float", 2.0, minimum=1.0), 1, 8, Scale.LOG, "from 1.0 to 8.0, 4 times the default at most"),
        (leaf("float", 2.0, maximum=3.0), 0, 3, Scale.LINEAR, "no lower bound, so the search begins at 0"),
        (leaf("int", 8, minimum=1), 2, 32, Scale.LOG, "from 2 to 32, 4 times the default at most"),
        (leaf("int", 300, minimum=100), 150, 600, Scale.LOG, "from 150 to 600, 2 times the default at most"),
        (leaf("int", 10, minimum=1, maximum=10000), 1, 10000, Scale.LOG, "more than 10 times beyond the default"),
        (leaf("int", 8, minimum=1, maximum=256, math_cond="^ 2"), 1, 256, Scale.POWER2, ""),
        (leaf("float", 0.5, minimum=0.0, maximum=1.0, math_cond="> 0.0"), 0.001, 1, Scale.LINEAR, "exclusive"),
        (leaf("float", 0.5, math_cond="> 0.0 <= 1.0"), 0.001, 1, Scale.LINEAR, ""),
        (
            leaf("float", 0.0, minimum=0.0, maximum=0.5, math_cond="> 0.0"),
            0,
            0.5,
            Scale.LINEAR,
            "the default 0.0 counts",
        ),
        (leaf("float", 9.0, minimum=0.0, maximum=5.0), 0, 9, Scale.LINEAR, "the default 9.0 counts, not maximum 5.0"),
        (leaf("int", None, minimum=1, maximum=3), 1, 3, Scale.LINEAR, "no default, so the search begins at 2"),
    ],
)
def test_ranges(read, node, low, high, scale, note):
    parameter, notes = only(read, node)
    assert (parameter.low, parameter.high, parameter.scale) == (low, high, scale)
    assert any(note in text for text in notes) or note == ""
    assert (scale is Scale.LOG) == parameter.scale_inferred or scale is not Scale.LOG


def test_multiples_and_exceptions(read):
    parameter, _ = only(read, leaf("int", 256, minimum=64, maximum=1024, math_cond="/ 8"))
    assert {parameter.decode(k / 50) % 8 for k in range(51)} == {0}
    space = read(tree(x=leaf("int", -1, minimum=-2, maximum=2, math_cond="!= 0"))).space
    assert {space.decode([k / 4])["train.x"] for k in range(5)} == {-2, -1, 1, 2}


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", {}),
        (None, {}),
        ("> 0.0", {"bounds": {"exclusiveMinimum": 0}}),
        (">0", {"bounds": {"exclusiveMinimum": 0}}),
        (">=0", {"bounds": {"minimum": 0}}),
        (">= 1", {"bounds": {"minimum": 1}}),
        ("> 0.0 <= 1.0", {"bounds": {"exclusiveMinimum": 0, "maximum": 1}}),
        ("> 0 and < 1", {"bounds": {"exclusiveMinimum": 0, "exclusiveMaximum": 1}}),
        ("!= 0", {"unequal": (0,)}),
        ("^ 2", {"powers_of_two": True}),
        ("/ 8", {"multiple": 8}),
        ("> depends_on", {"relations": (">",)}),
    ],
)
def test_math_conditions(text, expected):
    assert read_math(text) == MathCondition(**{"bounds": {}, **expected})


@pytest.mark.parametrize("text", ["> x", "2", "^ 3", "/ 0", "/ depends_on", "> 0 |", ">" * 300, 3, [], "> 1e", "≥ 1"])
def test_math_conditions_that_are_not_understood(text, read):
    assert read_math(text) is None
    _, notes = only(read, leaf("int", 4, minimum=1, maximum=8, math_cond=text))
    assert any("is not understood, so it is not kept" in note for note in notes)


# what parameters say about each other


def test_relations(read):
    leaves = {
        "crop_max": leaf("int", 600, minimum=32, maximum=1333, math_cond="> depends_on", depends_on="train.crop_min"),
        "crop_min": leaf("int", 384, minimum=32, maximum=1024, parent_param="TRUE"),
        "select": leaf("int", 300, minimum=1, maximum=1000, depends_on="queries"),
        "queries": leaf("int", 300, minimum=100, maximum=900, parent_param="TRUE"),
        "kernel": {"type": "list_3", "default": [15, 15], "depends_on": "train.crop_min,train.crop_max"},
    }
    reading = read(tree(**leaves))
    assert [law.text for law in reading.space.constraints] == [
        "train.crop_max > train.crop_min",
        "train.select <= train.queries",
        "max(train.kernel) <= train.crop_min",
        "max(train.kernel) <= train.crop_max",
    ]
    assert (
        "train.select: depends_on train.queries does not say how; read as train.select <= train.queries"
        in reading.notes
    )
    for config in reading.space.sample_many(random.Random(0), 50):
        assert config["train.crop_max"] > config["train.crop_min"]
        assert config["train.select"] <= config["train.queries"]


def test_relations_that_mean_nothing_are_said(read):
    leaves = {
        "a": leaf("int", 3, minimum=1, maximum=9, depends_on="nowhere"),
        "b": leaf("subset_list", ["p"], enum=["p", "q"], depends_on="train.c"),
        "c": {"type": "optional_list", "default": [], "enum": ["v"]},
    }
    reading = read(tree(**leaves))
    assert reading.space.constraints == ()
    assert "train.a: depends_on nowhere: no such parameter in this schema; ignored" in reading.notes
    assert any("train.b: depends_on train.c: what that means" in note for note in reading.notes)


def test_defaults_that_break_a_relation_give_way(read):
    leaves = {
        "small": leaf("int", 9, minimum=1, maximum=9, depends_on="large"),
        "large": {"type": "int", "default": 4, "minimum": 1, "maximum": 9},
    }
    reading = read(tree(**leaves))
    assert reading.space.default() == {"train.small": 4, "train.large": 4}
    assert reading.space.parameter("train.large") == Fixed(name="train.large", value=4)
    assert "train.small: the default 9 breaks a constraint; the search begins at 4" in reading.notes


# what is searched


def test_lists_of_names_stand_at_any_node(read):
    document = tree(
        a=leaf("int", 1, minimum=1, maximum=9), b=leaf("int", 1, minimum=1, maximum=9), c=leaf("bool", True)
    )
    document["properties"]["train"] |= {"automl_default_parameters": ["a", "c"], "automl_disabled_parameters": ["c"]}
    document |= {"automl_default_parameters": ["train.b", "train.zz"]}
    reading = read(document)
    assert reading.space.names == ("train.a", "train.b")
    assert "automl_default_parameters: train.zz: no such parameter in this schema; ignored" in reading.notes
    assert "train.c: listed in automl_disabled_parameters; not searched" in reading.notes
    assert read(tree(a=leaf("bool", True), b=leaf("bool", "x"))).space.names == ("train.a",)


def test_what_belongs_to_others_is_left_out_and_named(read):
    number = leaf("int", 1, minimum=1, maximum=9)
    document = {
        "type": "collection",
        "properties": {
            "train": {"type": "collection", "properties": {"a": number, "eval_margin": number}},
            "evaluate": {"type": "collection", "properties": {"a": number}},
            "distill": {"type": "collection", "properties": {"a": number}},
            "dataset": {"properties": {"val_dataset": {"properties": {"a": number}}, "test_size": number}},
        },
    }
    reading = read(document)
    assert reading.space.names == ("train.a",)
    assert "not searched, because it belongs to the action evaluate: evaluate.a" in reading.notes
    reason = "not searched, because it is about the data or the measure of validation, test or inference: "
    assert reason + "train.eval_margin, dataset.val_dataset.a, dataset.test_size" in reading.notes
    assert read(document, "distill").space.names == ("train.a", "distill.a")
    assert read(document, hyperparameters=["evaluate.a"]).space.names == ("evaluate.a",)


@pytest.mark.parametrize(
    ("node", "reason"),
    [
        (leaf("int", -1, minimum=-1), "it has no upper bound, and a default of -1 tells none"),
        (leaf("float", 0.0, minimum=0.0), "it has no upper bound, and a default of 0.0 tells none"),
        (leaf("string", "path"), "a parameter of type 'string' without options cannot be searched"),
        (leaf("collection", {}), "a parameter of type 'collection' without options cannot be searched"),
        (leaf("list", ["a"]), "its default is no list of numbers, got ['a']"),
        (leaf("list", [-1.0]), "it has no bounds, and the default [-1.0] tells none"),
        (leaf("subset_list", []), "a subset without options cannot be searched"),
        (leaf("subset_list", ["z"], enum=["a", "b"]), "its default [0] must be one of ['a', 'b'], got ['z']"),
        (leaf("float", "fast", minimum=0, maximum=1), "its default is no number, got 'fast'"),
        ({**leaf("int", 1), "automl_enabled": "FALSE"}, "automl_enabled is not true"),
    ],
)
def test_what_cannot_be_searched_says_why(read, node, reason):
    document = tree(x=node, other=leaf("bool", True))
    document["automl_default_parameters"] = ["train.x", "train.other"]
    reading = read(document)
    assert reading.space.names == ("train.other",)
    assert f"not searched, because {reason}: train.x" in reading.notes
    document["automl_default_parameters"] = ["train.x"]
    with pytest.raises(SearchSpaceError, match="the search space is empty"):
        read(document)


def test_an_empty_space_says_what_was_left_out(read):
    with pytest.raises(SearchSpaceError) as caught:
        read(tree(x=leaf("int", -1, minimum=-1)))
    assert "the search space is empty" in caught.value.message
    assert "it has no upper bound, and a default of -1 tells none: train.x" in caught.value.message


def test_users_may_bound_what_has_no_bounds(read):
    reading = read(
        tree(x=leaf("float", 2.0, minimum=1.0)),
        hyperparameters=["train.x"],
        custom_param_ranges={"train.x": {"valid_max": 50}},
    )
    assert reading.space.parameter("train.x").high == 50


def test_defaults_of_sections_count(read):
    document = tree(x={"type": "int", "minimum": 1, "maximum": 9, "automl_enabled": True})
    document["default"] = {"train": {"x": 5}}
    assert read(document).space.parameter("train.x").default == 5
    document["properties"]["train"]["default"] = {"x": 7}
    assert read(document).space.parameter("train.x").default == 7


def test_what_is_not_searched_is_as_lenient_as_its_default(read):
    leaves = {
        "a": leaf("bool", True),
        "scheduler": {"type": "categorical", "default": "MultiStepLR", "enum": ["MultiStep", "StepLR"]},
        "size": {"type": "int", "default": None, "minimum": 1},
        "limit": {"type": "float", "default": math.inf, "maximum": math.inf},
        "odd": {"default": {"deep": [1]}},
        "new": {"type": "some_future_type", "default": 3},
    }
    reading = read(tree(**leaves), fixed={"train.scheduler": "anything", "train.size": None, "train.new": "x"})
    assert reading.defaults["train.limit"] is None
    with pytest.raises(SearchSpaceError, match=r"train.a must be of type boolean, got 'x'"):
        read(tree(**leaves), fixed={"train.a": "x"})


@pytest.mark.parametrize(
    ("document", "law"),
    [
        ({"properties": {"a": {"type": "int"}, "b": 3}}, "b: a property must be an object, got 3"),
        ({"properties": {"a": {"type": "int"}, "b": {"properties": 3}}}, "b: properties must be an object, got 3"),
        ({"properties": {"a.b": {"type": "int"}}}, "a property's name must have no dots or blanks, got 'a.b'"),
    ],
)
def test_what_is_no_schema_is_refused(read, document, law):
    with pytest.raises(SearchSpaceError) as caught:
        read(document)
    assert law in caught.value.message
    assert "train.schema.json" in caught.value.message


@needs_facts
def test_a_large_schema_is_read_quickly(tmp_path):
    document = schema_document(facts_of("tao-train-foundation-stereo")["schemas"]["train"])
    for k in range(5000):
        document["properties"][f"p{k}"] = leaf("float", 0.5, minimum=0.0, maximum=1.0)
    path = tmp_path / "train.schema.json"
    path.write_text(json.dumps(document))
    assert len(load_schema(path).root["properties"]) > 5000
