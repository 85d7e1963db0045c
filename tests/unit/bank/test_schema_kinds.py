"""Lists, subsets, optional values, texts, derived parameters, expressions and constraints in our dialect."""

import json
import random

import pytest
from jsonschema import Draft202012Validator
from kind_files import CONSTRAINTS, EXTRA, TEMPLATE_WITH, schema_with
from skill_files import group, leaf, with_leaf

from tao_automl.bank import nest, read_space, render_spec
from tao_automl.domain.parameters import Choice, Derived, Fixed, Int, Optional, Scale, Strength, Subset, Text, Vector
from tao_automl.errors import SearchSpaceError, SettingsError


@pytest.fixture
def kinds(toy):
    return toy(schema=schema_with(CONSTRAINTS), template=TEMPLATE_WITH)


def reading_of(skill, *names, **asked):
    return read_space(skill, "train", hyperparameters=[f"train.{name}" for name in names], **asked)


def fault_of(skill, *names, **asked):
    with pytest.raises(SearchSpaceError) as caught:
        reading_of(skill, *names, **asked)
    return caught.value


def test_a_list_has_a_range_scale_and_prior_for_each_element(kinds):
    betas = reading_of(kinds, "betas").space.parameter("train.betas")
    assert isinstance(betas, Vector)
    assert [(item.low, item.high, item.scale) for item in betas.items] == [
        (0.8, 0.95, Scale.LINEAR),
        (0.9, 0.9999, Scale.LOGIT),
    ]
    assert [(item.prior.mean, item.prior.strength) for item in betas.items] == [
        (0.9, Strength.STRONG),
        (0.99, Strength.STRONG),
    ]
    assert betas.default == [0.9, 0.999]
    assert betas.popular == ([0.85, 0.98],)


def test_a_monotone_list_stays_so(kinds):
    space = reading_of(kinds, "lr_steps").space
    steps = space.parameter("train.lr_steps")
    assert {type(item) for item in steps.items} == {Int}
    rng = random.Random(0)
    assert all(a <= b < 27 for a, b in (space.sample(rng)["train.lr_steps"] for _ in range(50)))
    assert space.decode([0.9, 0.1]) == {"train.lr_steps": [3, 25], "train.num_epochs": 27}


def test_a_subset_keeps_the_order_of_its_options(kinds):
    space = reading_of(kinds, "layers").space
    layers = space.parameter("train.layers")
    assert isinstance(layers, Subset)
    assert (layers.default, layers.min_size, layers.max_size) == (["q", "v"], 1, 3)
    assert space.decode([0.9, 0.8, 0.7, 0.6]) == {"train.layers": ["q", "k", "v"]}
    assert space.decode([0.1, 0.2, 0.3, 0.4]) == {"train.layers": ["o"]}
    assert space.cast({"train.layers": "v, q"}) == {"train.layers": ["q", "v"]}


def test_optional_numbers(kinds):
    space = reading_of(kinds, "clip", "patience").space
    clip, patience = space.parameter("train.clip"), space.parameter("train.patience")
    assert isinstance(clip, Optional)
    assert (clip.default, clip.inner.default, clip.inner.scale) == (None, 1.0, Scale.LOG)
    assert (patience.default, patience.inner.low, patience.inner.high) == (5, 1, 9)
    encoded = space.encode({"train.clip": None, "train.patience": 2})
    assert encoded.active == (True, False, True, True)
    assert [axis.label for axis in space.axes] == ["train.clip?", "train.clip", "train.patience?", "train.patience"]


def test_texts_are_proposed_by_those_who_write(kinds):
    reading = reading_of(kinds, "prompt", "warmup")
    space = reading.space
    assert isinstance(space.parameter("train.prompt"), Text)
    assert space.dimension == 1
    written = {"train.prompt": "which class?", "train.warmup": 3, "train.num_epochs": 27}
    assert space.is_member(written)
    assert space.decode(space.encode(written)) == written
    assert space.sample(random.Random(0))["train.prompt"] == "classify"
    assert any("only searchers that write" in note for note in reading.notes)
    assert reading_of(kinds, "prompt").space.dimension == 0


def test_constraints_bring_what_they_name_and_are_kept(kinds):
    reading = reading_of(kinds, "warmup", "batch_size", "accumulate")
    space = reading.space
    assert space.parameter("train.num_epochs") == Fixed(name="train.num_epochs", value=27)
    assert [law.text for law in space.constraints] == CONSTRAINTS[:2]
    assert "constraint: train.warmup <= train.num_epochs" in reading.notes
    for config in space.sample_many(random.Random(0), 300):
        assert config["train.batch_size"] * config.get("train.accumulate", 1) <= 1024
        assert ("train.accumulate" in config) == (config["train.batch_size"] < 128)


def test_the_context_of_the_job_counts(kinds):
    space = reading_of(kinds, "warmup", context={"train.num_epochs": 2, "unknown": 1, "train.num_gpus": "x"}).space
    assert {space.sample(random.Random(k))["train.warmup"] for k in range(30)} == {0, 1, 2}
    reading = reading_of(kinds, "warmup", "lr_steps", fixed={"train.num_epochs": 2})
    assert reading.space.default()["train.warmup"] == 2
    assert "train.warmup: the default 3 breaks a constraint; the search begins at 2" in reading.notes
    assert reading.space.default()["train.lr_steps"] == [1, 1]


def test_derived_parameters_follow(kinds):
    reading = reading_of(kinds, "batch_size", context={"train.num_gpus": 8})
    total = reading.space.parameter("train.total_batch")
    assert isinstance(total, Derived)
    configs = reading.space.sample_many(random.Random(0), 100)
    assert {c["train.total_batch"] for c in configs} == {64, 128, 256, 512, 1024, 2048}  # 4096 is beyond its maximum
    assert reading.space.validate(configs[0] | {"train.total_batch": 7}) == (
        "train.total_batch: must be the value of train.batch_size * max(1, train.num_gpus), got 7",
    )
    assert "train.total_batch" not in reading_of(kinds, "warmup").space.names


def test_derived_keys_are_written_unless_they_are_given(kinds):
    spec = render_spec(kinds, "train", params={"train.batch_size": 64}, fixed_values={"train.num_gpus": 4})
    assert spec["train"]["total_batch"] == 256
    given = render_spec(kinds, "train", overrides={"train.total_batch": 99}, params={"train.batch_size": 64})
    assert given["train"]["total_batch"] == 99
    assert "accumulate" in spec["train"]
    assert "accumulate" not in render_spec(kinds, "train", params={"train.batch_size": 256})["train"]
    with pytest.raises(SettingsError, match=r"train.total_batch: .* must be <= maximum 2048, got 4096"):
        render_spec(kinds, "train", params={"train.batch_size": 512}, fixed_values={"train.num_gpus": 8})


def test_nothing_is_derived_from_null(toy):
    schema = schema_with(total_batch=leaf("integer", 32, derived="2 * train.patience"))
    spec = render_spec(toy(schema=schema, template=TEMPLATE_WITH), "train", params={"train.patience": None})
    assert "total_batch" not in spec["train"]


def test_members_satisfy_the_schema(toy):
    skill = toy(schema=schema_with(CONSTRAINTS))
    names = ["betas", "lr_steps", "layers", "clip", "patience", "prompt", "warmup", "batch_size", "accumulate"]
    space = reading_of(skill, *names).space
    validator = Draft202012Validator(json.loads(skill.schema_path("train").read_text()))
    for config in space.sample_many(random.Random(1), 100):
        validator.validate(nest(config))
        assert space.decode(space.encode(config)) == config
        assert space.cast(json.loads(json.dumps(config))) == config
    json.dumps(space.to_json())


def test_a_fixed_pair_that_breaks_a_constraint_is_refused(kinds):
    error = fault_of(kinds, "clip", fixed={"train.warmup": 9, "train.num_epochs": 5})
    assert (
        "automl_constraints[0]: the fixed values must keep `train.warmup <= train.num_epochs`, "
        "got (train.warmup=9, train.num_epochs=5)" in error.message
    )


def test_constraints_that_cannot_be_kept_are_refused_with_the_reason(kinds):
    ranges = {"train.warmup": {"valid_min": 10}}
    error = fault_of(kinds, "warmup", "lr_steps", fixed={"train.num_epochs": 5}, custom_param_ranges=ranges)
    assert (
        "automl_constraints: `train.warmup <= train.num_epochs` cannot be kept: "
        "within the ranges its sides miss each other by at least 5" in error.message
    )


# custom ranges


def test_custom_ranges_of_the_other_kinds(kinds):
    ranges = {
        "train.betas": {"valid_min": [0.85, 0.95], "valid_max": 0.96},
        "train.layers": {"valid_options": ["k", "o", "v"]},
        "train.clip": {"valid_max": 1.0},
        "train.patience": {"valid_options": [None, 3]},
        "train.lr_steps": {"valid_options": [[5, 10], [10, 20]]},
        "train.warmup": {"depends_on": "train.batch_size >= 32"},
    }
    space = reading_of(kinds, *[name.removeprefix("train.") for name in ranges], custom_param_ranges=ranges).space
    assert [(i.low, i.high) for i in space.parameter("train.betas").items] == [(0.85, 0.96), (0.95, 0.96)]
    assert space.parameter("train.layers").default == ["v"]
    assert space.parameter("train.clip").inner.high == 1.0
    assert space.parameter("train.patience") == Choice(name="train.patience", options=(None, 3), default=None)
    assert space.parameter("train.lr_steps").options == ([5, 10], [10, 20])
    assert space.parameter("train.warmup").when.to_json() == {"expression": "train.batch_size >= 32"}


@pytest.mark.parametrize(
    ("name", "entry", "law"),
    [
        ("betas", {"valid_max": [0.9]}, "valid_max must be one number or 2, got [0.9]"),
        ("betas", {"valid_max": 1.5}, "valid_max [0] must be < exclusiveMaximum 1, got 1.5"),
        ("betas", {"valid_max": "x"}, "valid_max must be a finite number, or one for each element, got 'x'"),
        ("layers", {"valid_options": ["z"]}, "every one of valid_options must be one of ['q', 'k', 'v', 'o'], got 'z'"),
        ("layers", {"valid_min": 1}, "valid_min is for numbers; this parameter has options ['q', 'k', 'v', 'o']"),
        ("prompt", {"valid_min": 1}, "valid_min is for numbers; this parameter has type string"),
        ("clip", {"valid_max": 11}, "valid_max must be <= maximum 10, got 11"),
        ("warmup", {"depends_on": "train.batch_siz > 1"}, "train.batch_siz: no such property of this schema"),
        ("warmup", {"depends_on": "1 +"}, "depends_on: a value must stand here, got the end\n    1 +\n       ^"),
        ("lr_steps", {"valid_options": [[20, 10]]}, "every one of valid_options must have increasing elements"),
    ],
)
def test_faults_of_custom_ranges(kinds, name, entry, law):
    assert law in fault_of(kinds, name, custom_param_ranges={f"train.{name}": entry}).message


# faults of the schema


@pytest.mark.parametrize(
    ("name", "keywords", "law"),
    [
        ("betas", {"default": [0.9]}, "default must have at least minItems 2 elements, got [0.9]"),
        ("betas", {"default": [0.9, 1]}, "default [1] must be < exclusiveMaximum 1, got [0.9, 1]"),
        (
            "betas",
            {"maxItems": 3},
            "a searched list must have a fixed length and numbers, got (minItems=2, maxItems=3)",
        ),
        ("betas", {"prefixItems": [{"type": "number", "scale": "x"}]}, "prefixItems[0]: scale must be one of linear"),
        ("betas", {"prefixItems": 3}, "prefixItems must be a list of schemas, got 3"),
        ("betas", {"prior": {"mean": []}}, "prior must be"),
        (
            "betas",
            {"monotone": "increasing"},
            "one range, scale and step for all elements of a monotone list must hold",
        ),
        ("lr_steps", {"default": [20, 10]}, "default must have increasing elements, got [20, 10]"),
        ("lr_steps", {"monotone": "up"}, "monotone must be one of increasing, decreasing, got 'up'"),
        (
            "lr_steps",
            {"items": {"type": "string"}, "default": ["a", "b"]},
            "the elements of a searched list must be num",
        ),
        ("lr_steps", {"items": {"type": "integer", "minmum": 1}}, "items: must have known keywords only, got 'minmum'"),
        ("lr_steps", {"items": [1]}, "items: must be an object, got [1]"),
        ("lr_steps", {"minItems": -1}, "minItems must be a whole number >= 0, got -1"),
        ("layers", {"default": ["q", "z"]}, "default [1] must be one of ['q', 'k', 'v', 'o'], got ['q', 'z']"),
        ("layers", {"default": ["q", "q"]}, "default must have distinct elements, got ['q', 'q']"),
        (
            "layers",
            {"maxItems": 0, "minItems": 0, "default": []},
            "`0 <= min_size <= max_size <= options`, and more than",
        ),
        (
            "clip",
            {"maximum": ...},
            "an optional number whose default is null must have a finite range, got (0.1, None)",
        ),
        ("clip", {"type": ["string", "null"]}, "numbers, booleans, texts, lists and enums can be searched"),
        ("prompt", {"maxLength": 3}, "default must have at most maxLength 3 characters, got 'classify'"),
        (
            "warmup",
            {"depends_on": "train.clip <"},
            "depends_on: a value must stand here, got the end\n    train.clip <\n",
        ),
        ("warmup", {"depends_on": 3}, "depends_on must be an expression, or map parents to lists of values, got 3"),
        ("warmup", {"depends_on": "1 < 2"}, "a condition must name at least one parent, got none"),
    ],
)
def test_faults_of_a_leaf(toy, name, keywords, law):
    node = {key: value for key, value in {**EXTRA[name], **keywords}.items() if value is not ...}
    skill = toy(schema=schema_with(**{name: node}))
    assert law in fault_of(skill, name).message


@pytest.mark.parametrize(
    ("keywords", "law"),
    [
        ({"derived": "train.batch_siz * 2"}, "derived: train.batch_siz: no such property of this schema"),
        ({"derived": "train.total_batch * 2"}, "must not depend on each other in a circle, got train.total_batch"),
        ({"derived": "2 * 3"}, "derived must name a property, got '2 * 3'"),
        ({"derived": 6}, "derived must be an expression, got 6"),
        ({"derived": "train.batch_size *"}, "derived: a value must stand here, got the end"),
        ({"derived": "train.batch_size", "automl_enabled": True}, "a derived parameter is never searched"),
    ],
)
def test_faults_of_derived_parameters(toy, keywords, law):
    skill = toy(schema=schema_with(total_batch=leaf("integer", 32, **keywords)))
    assert law in fault_of(skill, "batch_size").message


@pytest.mark.parametrize(
    ("constraint", "law"),
    [
        ("train.warmup + 1", "automl_constraints[0]: a constraint must compare, as in `a <= b`"),
        ("1 < 2", "automl_constraints[0]: a constraint must name a parameter\n    1 < 2\n    ^"),
        ("train.warmup <=", "automl_constraints[0]: a value must stand here, got the end"),
        (7, "automl_constraints[0]: must be an expression, got 7"),
        (
            "train.warmup >= 5",
            "automl_constraints[0]: the defaults must keep `train.warmup >= 5`, got (train.warmup=3)",
        ),
        ("model.kind == 'cnn'", "model.kind must be one of ['mlp', 'forest'], got 'cnn'\n    model.kind == 'cnn'\n"),
        ("train.prompt <= 5", "the defaults must keep `train.prompt <= 5`, got (train.prompt='classify')"),
    ],
)
def test_faults_of_constraints(toy, constraint, law):
    assert law in fault_of(toy(schema=schema_with([constraint])), "warmup").message


def test_derived_parameters_are_not_searched(kinds):
    assert "is never searched, it is derived as 'train.batch_size * max(" in fault_of(kinds, "total_batch").message


def test_what_is_never_active_is_said(toy):
    schema = with_leaf("model.depth", depends_on="model.kind == 'mlp' and train.num_epochs > 99")
    with pytest.raises(SearchSpaceError) as caught:
        read_space(toy(schema=schema), "train", hyperparameters=["model.depth"])
    assert (
        "model.depth: never active, because `model.kind == 'mlp' and train.num_epochs > 99` does not hold"
        in caught.value.message
    )
    lone = toy(schema={"x_skill": {}, **group(a=leaf("integer", 1, minimum=1, maximum=3, automl_enabled=True))})
    assert read_space(lone, "train").space.dimension == 1
