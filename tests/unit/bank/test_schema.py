import json
import random
import time

import pytest
from skill_files import SCHEMA, changed, group, leaf, with_leaf

from tao_automl.bank import read_space
from tao_automl.domain.parameters import Bool, Choice, Fixed, Float, Int, Scale
from tao_automl.errors import SearchSpaceError, SkillError


def fault_of(skill, **asked):
    with pytest.raises(SearchSpaceError) as caught:
        read_space(skill, "train", **asked)
    return caught.value


def only(skill, name, **asked):
    """The reading of a search for one parameter, and that parameter."""
    reading = read_space(skill, "train", hyperparameters=[name], **asked)
    return reading, reading.space.parameter(name)


def test_the_default_search(toy):
    reading = read_space(toy(), "train")
    assert reading.space.names == ("model.kind", "model.depth", "train.optim.lr")
    assert reading.space.parameter("model.kind").default == "mlp"
    assert reading.space.parameter("model.depth").when.to_json() == {"model.kind": ["mlp"]}
    assert reading.defaults["train.num_epochs"] == 27
    assert reading.defaults["dataset.extra_paths"] == []


def test_an_unsearched_ancestor_is_fixed_at_its_default_or_override(toy):
    reading, _ = only(toy(), "model.depth")
    assert reading.space.parameter("model.kind") == Fixed(name="model.kind", value="mlp")
    reading = read_space(toy(), "train", hyperparameters=["model.trees"], fixed={"model.kind": "forest"})
    assert reading.space.default() == {"model.kind": "forest", "model.trees": 100}


def test_the_order_of_the_question_does_not_matter(toy):
    names = ["train.optim.lr", "model.kind", "model.trees"]
    one = read_space(toy(), "train", hyperparameters=names)
    other = read_space(toy(), "train", hyperparameters=names[::-1])
    assert one == other


# inference of the scale


@pytest.mark.parametrize(
    ("name", "keywords", "scale", "low", "high"),
    [
        ("train.optim.lr", {}, Scale.LOG, 1e-6, 1),
        ("train.optim.lr", {"maximum": ...}, Scale.LOG, 1e-6, 0.1),
        ("train.optim.lr", {"minimum": ...}, Scale.LOG, 1e-6, 1),
        ("train.optim.lr", {"exclusiveMinimum": 0, "minimum": ...}, Scale.LOG, 1e-6, 1),
        ("train.optim.lr", {"search_minimum": 1e-4, "search_maximum": 0.1}, Scale.LOG, 1e-4, 0.1),
        ("train.optim.lr", {"scale": "linear"}, Scale.LINEAR, 0, 1),
        ("train.optim.lr", {"default": 0}, Scale.LINEAR, 0, 1),
        ("train.optim.lr", {"minimum": -1}, Scale.LINEAR, -1, 1),
        ("train.optim.weight_decay", {}, Scale.LOG, 1e-7, 0.01),
        ("model.dropout", {"depends_on": {}}, Scale.LINEAR, 0, 1),
        ("model.dropout", {"depends_on": {}, "default": 0.01}, Scale.LINEAR, 0, 1),
        ("model.dropout", {"depends_on": {}, "maximum": 2, "default": 0.2}, Scale.LOG, 0.0002, 2),
        ("model.dropout", {"depends_on": {}, "maximum": 2, "default": 0.21}, Scale.LINEAR, 0, 2),
    ],
)
def test_inferred_scales(toy, name, keywords, scale, low, high):
    reading, parameter = only(toy(schema=with_leaf(name, **keywords)), name)
    assert (parameter.scale, parameter.low, parameter.high) == (scale, low, high)
    assert parameter.scale_inferred == ("scale" not in keywords)
    assert any("inferred" in note for note in reading.notes) == (scale is Scale.LOG)


def test_what_cannot_be_inferred_is_refused_by_name(toy):
    error = fault_of(toy(schema=with_leaf("model.dropout", maximum=...)), hyperparameters=["model.dropout"])
    assert "model.dropout: finite `low < high` must hold, got (low=0, high=inf)" in error.message
    assert 'custom_param_ranges={"model.dropout": {"valid_min": …, "valid_max": …}}' in error.hint
    reading, _ = only(
        toy(schema=with_leaf("model.dropout", maximum=...)),
        "model.dropout",
        custom_param_ranges={"model.dropout": {"valid_max": 0.5}},
    )
    assert reading.space.parameter("model.dropout").high == 0.5


def test_declared_scales_and_search_ranges(toy):
    reading = read_space(toy(), "train", hyperparameters=["model.trees", "train.batch_size", "model.kind"])
    trees, batch = reading.space.parameter("model.trees"), reading.space.parameter("train.batch_size")
    assert (trees.low, trees.high, trees.legal_low, trees.scale) == (10, 500, 1, Scale.LOG)
    assert {batch.decode(k / 20) for k in range(21)} == {8, 16, 32, 64, 128, 256, 512}
    assert not trees.scale_inferred


def test_kinds(toy):
    schema = with_leaf(
        "train.batch_size", enum=[16, 32], ordered=True, option_weights=[1, 3], scale=..., minimum=..., maximum=...
    )
    names = ["train.batch_size", "train.optim.nesterov", "train.optim.lr", "model.depth"]
    space = read_space(toy(schema=schema), "train", hyperparameters=names).space
    kinds = [type(space.parameter(name)) for name in names]
    assert kinds == [Choice, Bool, Float, Int]
    assert (space.parameter("train.batch_size").ordered, space.parameter("train.batch_size").weights) == (True, (1, 3))


def test_multiples_and_open_ends(toy):
    width = leaf("integer", 32, minimum=1, maximum=100, multipleOf=8, automl_enabled=True)
    momentum = leaf("number", 0.9, minimum=0, exclusiveMaximum=1, automl_enabled=True)
    schema = changed(SCHEMA, ("properties", "model", "properties", "width"), width)
    schema = changed(schema, ("properties", "model", "properties", "momentum"), momentum)
    space = read_space(toy(schema=schema), "train", hyperparameters=["model.width", "model.momentum"]).space
    assert space.parameter("model.width").levels(99) == tuple(range(8, 97, 8))
    assert space.parameter("model.momentum").high == 0.999
    assert not space.parameter("model.momentum").allows(1.0)


def test_one_value_is_fixed(toy):
    schema = with_leaf("train.optim.nesterov", enum=[False])
    reading = read_space(toy(schema=schema), "train", hyperparameters=["train.optim.nesterov", "train.optim.lr"])
    assert reading.space.parameter("train.optim.nesterov") == Fixed(name="train.optim.nesterov", value=False)
    assert "train.optim.nesterov: fixed at False, the only option" in reading.notes


def test_a_default_outside_the_searched_range_moves_and_says_so(toy):
    schema = with_leaf("train.optim.lr", search_minimum=0.01, search_maximum=0.1)
    reading, parameter = only(toy(schema=schema), "train.optim.lr")
    assert parameter.default == 0.01
    assert (
        "train.optim.lr: the default 0.001 lies outside the searched range; the search begins at 0.01" in reading.notes
    )


# faults of the schema


@pytest.mark.parametrize(
    ("name", "keywords", "law"),
    [
        (
            "train.optim.lr",
            {"minmum": 0},
            "properties.train.properties.optim.properties.lr: must have known keywords only, got 'minmum'",
        ),
        ("train.optim.lr", {"automl_enable": True}, "must have known keywords only, got 'automl_enable'"),
        ("train.optim.lr", {"default": 2}, "default must be <= maximum 1, got 2"),
        ("train.optim.lr", {"default": "a"}, "default must be of type number, got 'a'"),
        ("train.optim.lr", {"default": True}, "default must be of type number, got True"),
        ("train.optim.lr", {"default": ...}, "a searched parameter must have a default, got none"),
        ("train.optim.lr", {"maximum": "1"}, "maximum must be a finite number, got '1'"),
        ("train.optim.lr", {"minimum": 2}, "`minimum <= maximum` must hold, got (2, 1)"),
        ("train.optim.lr", {"search_maximum": 7}, "search_maximum must be <= maximum 1, got 7"),
        (
            "train.optim.lr",
            {"search_minimum": 0.5, "search_maximum": 0.1},
            "`search_minimum <= search_maximum` must hold",
        ),
        (
            "train.optim.lr",
            {"scale": "logarithmic"},
            "scale must be one of linear, log, logit, power2, got 'logarithmic'",
        ),
        (
            "train.optim.lr",
            {"scale": "log", "minimum": -1},
            "train.optim.lr: `0 < low` must hold, got (low=-1, high=1, scale=log)",
        ),
        ("train.optim.lr", {"popular": [3]}, "popular must be <= maximum 1, got 3"),
        ("train.optim.lr", {"popular": True}, "popular must be a list of values, got True"),
        ("train.optim.lr", {"prior": {"mean": 0.1, "strength": "huge"}}, "prior must be"),
        ("train.optim.lr", {"type": "float"}, "type must be among number, integer"),
        ("train.optim.lr", {"type": ...}, "a property must have a type"),
        (
            "train.optim.lr",
            {"derived": "2 * model.depth"},
            "a derived parameter is never searched: automl_enabled must be false, got True",
        ),
        (
            "train.optim.lr",
            {"depends_on": {"model.knd": ["mlp"]}},
            "depends_on must name a property of this schema, got 'model.knd'",
        ),
        (
            "train.optim.lr",
            {"depends_on": {"model.kind": ["cnn"]}},
            "depends_on: model.kind must be one of ['mlp', 'forest'], got 'cnn'",
        ),
        (
            "train.optim.lr",
            {"depends_on": {"model.kind": "mlp"}},
            "depends_on must map model.kind to a list of allowed values, got 'mlp'",
        ),
        (
            "train.optim.lr",
            {"depends_on": {"model.kind": []}},
            "depends_on must map model.kind to a list of allowed values, got []",
        ),
        (
            "train.optim.lr",
            {"depends_on": "model.kind == 'mlpp'"},
            "depends_on: model.kind must be one of ['mlp', 'forest'], got 'mlpp'\n    model.kind == 'mlpp'",
        ),
        (
            "train.optim.lr",
            {"depends_on": {"train.optim.lr": [0.1]}},
            "must not depend on each other in a circle, got train.optim.lr",
        ),
        ("train.batch_size", {"multipleOf": 0}, "multipleOf must be > 0, got 0"),
        ("model.kind", {"enum": []}, "enum must be a list of values, got []"),
        ("model.kind", {"default": "cnn"}, "default must be one of ['mlp', 'forest'], got 'cnn'"),
        ("model.kind", {"option_weights": [1]}, "model.kind: one finite weight >= 0 per option"),
        (
            "train.optim.lr",
            {"type": "object", "default": {}, "minimum": ..., "maximum": ...},
            "numbers, booleans, texts, lists and enums can be searched, got type object without enum",
        ),
        ("model.kind", {"automl_enabled": False}, "model.kind: automl_enabled must be true, got none or false"),
    ],
)
def test_faults_of_a_leaf(toy, name, keywords, law):
    error = fault_of(toy(schema=with_leaf(name, **keywords)))
    assert law in error.message
    assert "train.schema.json: " in error.message


def test_a_default_must_lie_on_its_own_grid(toy):
    error = fault_of(toy(schema=with_leaf("train.batch_size", default=33)), hyperparameters=["train.batch_size"])
    assert (
        "train.batch_size: a default in [low, high] that is a power of two must hold, got (default=33" in error.message
    )


@pytest.mark.parametrize(
    ("path", "value", "law"),
    [
        (("properties",), ..., "(root): a schema must have properties"),
        (
            ("automl_constraints",),
            ["model.depth <= model.tree"],
            "automl_constraints[0]: model.tree: no such property of this schema\n"
            "    model.depth <= model.tree\n                   ^",
        ),
        (
            ("automl_default_parameters",),
            ["train.optim.lrr"],
            "automl_default_parameters: must name properties of this schema, got 'train.optim.lrr'",
        ),
        (("automl_disabled_parameters",), "model.kind", "automl_disabled_parameters: must be a list of dotted names"),
        (("automl_defaults",), [], "(root): must have known keywords only, got 'automl_defaults'"),
        (("allOf",), [], "(root): must have known keywords only, got 'allOf'"),
        (("properties", "train.x"), leaf("integer", 1), "a property's name must have no dots or blanks, got 'train.x'"),
        (("properties", "train"), 7, "properties.train: a property must be an object, got 7"),
        (
            ("properties", "train", "depends_on"),
            {},
            "properties.train: must have known keywords only, got 'depends_on'",
        ),
    ],
)
def test_faults_of_the_document(toy, path, value, law):
    assert law in fault_of(toy(schema=changed(SCHEMA, path, value))).message


@pytest.mark.parametrize(
    ("text", "law"),
    [
        (b"", "line 1: must be JSON"),
        (b"[]", "(root): a schema must be an object, got 'list'"),
        (b"\xff", "must be UTF-8 text"),
        (b'{"a": NaN}', "must be JSON, which has no NaN"),
        (b'{"properties": {"x": {"type": "number", "maximum": Infinity}}}', "must be JSON, which has no Infinity"),
        (b'{"a": 1e999}', "a number must be finite"),
        (b'{"a": 1, "a": 2}', "a name must occur once in an object, got 'a' twice"),
        (b"[" * 100_000, "must be nested at most 64 deep"),
        (b'{"a":' * 1000 + b"1" + b"}" * 1000, "must be nested at most 64 deep"),
        (b"9" * 5000, "must be JSON"),
        (b" " * 10_000_001, "must be at most 10,000,000 bytes"),
        (b'{"properties": {}}', "the search space is empty"),
    ],
)
def test_bad_files(toy, text, law):
    skill = toy()
    skill.schema_path("train").write_bytes(text)
    error = fault_of(skill)
    assert law in error.message
    assert str(skill.schema_path("train")) in error.message


def test_a_missing_schema_and_action(toy):
    assert "evaluate.schema.json: must be a regular file, not found" in _evaluate_fault(toy())
    with pytest.raises(SkillError, match="must declare the action"):
        read_space(toy(), "trian")


def _evaluate_fault(skill):
    with pytest.raises(SearchSpaceError) as caught:
        read_space(skill, "evaluate")
    return caught.value.message


def test_ten_thousand_properties(toy):
    leaves = {f"p{k}": leaf("number", 0.5, minimum=0, maximum=1, automl_enabled=True) for k in range(10_000)}
    skill = toy(schema=group(**leaves))
    start = time.perf_counter()
    space = read_space(skill, "train").space
    assert space.dimension == 10_000
    assert space.is_member(space.sample(random.Random(0)))
    assert time.perf_counter() - start < 10


def test_a_cycle_of_three(toy):
    schema = with_leaf("model.kind", depends_on={"model.depth": [2]})
    error = fault_of(toy(schema=schema))
    assert (
        "conditions must not depend on each other in a circle, got model.depth -> model.kind -> model.depth"
        in error.message
    )


# what the user asks for


def test_hyperparameters(toy):
    error = fault_of(toy(), hyperparameters=["train.optim.lrr"])
    assert "automl_hyperparameters: train.optim.lrr: no such parameter" in error.message
    assert "did you mean train.optim.lr" in error.hint
    assert "is never searched, by this rule" in fault_of(toy(), hyperparameters=["train.num_gpus"]).message
    error = fault_of(toy(), hyperparameters=["train.num_epochs"])
    assert "train.num_epochs: automl_enabled must be true to search it" in error.message
    assert "must be a list of names" in fault_of(toy(), hyperparameters="train.optim.lr").message


def test_an_empty_space_says_which_rule_removed_what(toy):
    assert (
        "the search space is empty: automl_hyperparameters=[] asks for nothing"
        in fault_of(toy(), hyperparameters=[]).message
    )
    error = fault_of(toy(), fixed={"train.optim.lr": 0.1, "model.kind": "forest"})
    assert "train.optim.lr: fixed at 0.1; " in error.message
    assert "model.kind: fixed at 'forest'" in error.message
    assert "model.depth: never active, because model.kind is never 'mlp'" in error.message
    schema = changed(SCHEMA, ("automl_disabled_parameters",), SCHEMA["automl_default_parameters"])
    assert "model.kind: listed in automl_disabled_parameters" in fault_of(toy(schema=schema)).message
    schema = changed(SCHEMA, ("automl_default_parameters",), [])
    assert "automl_default_parameters is empty" in fault_of(toy(schema=schema)).message


def test_without_a_list_everything_enabled_is_searched(toy):
    reading = read_space(toy(schema=changed(SCHEMA, ("automl_default_parameters",), ...)), "train")
    assert "train.num_gpus" not in reading.space.names
    assert reading.space.dimension == 8
    assert "everything that is enabled is searched" in reading.notes[0]


def test_fixed_values(toy):
    reading = read_space(toy(), "train", fixed={"model.depth": 3, "dataset.train_path": "/data"})
    assert "model.depth" not in reading.space.names
    assert reading.defaults["model.depth"] == 3
    assert "model.depth: fixed at 3; not searched" in reading.notes
    assert "model.depth must be <= maximum 8, got 9" in fault_of(toy(), fixed={"model.depth": 9}).message
    assert "model.deph: no such parameter" in fault_of(toy(), fixed={"model.deph": 9}).message


# custom_param_ranges

LR = "train.optim.lr"


@pytest.mark.parametrize(
    ("name", "entry", "low", "high"),
    [
        (LR, {"valid_min": 1e-6, "valid_max": 1e-3, "scale": "log"}, 1e-6, 1e-3),
        (LR, {"valid_max": 0.5}, 1e-6, 0.5),
        (LR, {"valid_min": 1e-4, "valid_max": None}, 1e-4, 1),
        ("model.trees", {"valid_min": 2, "valid_max": 900}, 2, 900),
        ("model.trees", {"valid_min": 2.0}, 2, 500),
    ],
)
def test_custom_ranges_may_leave_the_searched_range(toy, name, entry, low, high):
    asked = {"hyperparameters": [name, "model.kind"], "custom_param_ranges": {name: entry}}
    parameter = read_space(toy(), "train", **asked).space.parameter(name)
    assert (parameter.low, parameter.high) == (low, high)
    assert parameter.contains(parameter.default)


def test_custom_options_weights_steps_and_conditions(toy):
    ranges = {
        "train.batch_size": {"valid_options": [8, 24, 32], "option_weights": [1, 1, 2]},
        "model.depth": {"valid_min": 2, "valid_max": 8, "step": 3, "depends_on": {"model.kind": ["forest"]}},
        "train.optim.nesterov": {"valid_options": [True]},
    }
    names = [*ranges, "model.kind"]
    space = read_space(toy(), "train", hyperparameters=names, custom_param_ranges=ranges).space
    batch, depth = space.parameter("train.batch_size"), space.parameter("model.depth")
    assert (batch.options, batch.weights, batch.ordered, batch.default) == ((8, 24, 32), (1, 1, 2), True, 32)
    assert depth.levels(9) == (2, 5, 8)
    assert depth.when.to_json() == {"model.kind": ["forest"]}
    assert space.parameter("train.optim.nesterov").value is True


def test_a_range_outside_the_default_moves_it_and_a_single_value_fixes_it(toy):
    reading, parameter = only(toy(), LR, custom_param_ranges={LR: {"valid_min": 0.01, "valid_max": 0.1}})
    assert parameter.default == 0.01
    assert any("lies outside the searched range" in note for note in reading.notes)
    error = fault_of(toy(), hyperparameters=[LR], custom_param_ranges={LR: {"valid_min": 0.1, "valid_max": 0.1}})
    assert "train.optim.lr: fixed at 0.1" in error.message


def test_a_range_of_an_unlisted_parameter_adds_it_to_the_default_search(toy):
    ranges = {"train.batch_size": {"valid_max": 64}}
    reading = read_space(toy(), "train", custom_param_ranges=ranges)
    assert "train.batch_size" in reading.space.names
    assert "train.batch_size: searched because custom_param_ranges names it" in reading.notes
    error = fault_of(toy(), hyperparameters=[LR], custom_param_ranges=ranges)
    assert "train.batch_size: it is not searched, so its range has no effect" in error.message


@pytest.mark.parametrize(
    ("name", "entry", "law", "hint"),
    [
        ("train.optim.lrr", {"valid_min": 0.1}, "no such parameter", "did you mean train.optim.lr"),
        (LR, {"min": 0.1}, "must have known keys only, got 'min'", "did you mean valid_min?"),
        (LR, {"max": 0.1}, "must have known keys only, got 'max'", "did you mean valid_max?"),
        (LR, {"values": [0.1]}, "must have known keys only, got 'values'", "did you mean valid_options?"),
        (LR, {"valid_mim": 0.1}, "must have known keys only, got 'valid_mim'", "did you mean valid_min"),
        (LR, {}, "a range must be a mapping with some of valid_min", ""),
        (LR, [0, 1], "a range must be a mapping with some of valid_min", ""),
        (LR, {"valid_min": 0.5, "valid_max": 0.1}, "`valid_min <= valid_max` must hold, got (0.5, 0.1)", ""),
        (LR, {"valid_max": 2}, "valid_max must be <= maximum 1, got 2", "what training accepts"),
        (LR, {"valid_min": -1}, "valid_min must be >= minimum 0, got -1", ""),
        (LR, {"valid_min": "0"}, "valid_min must be a finite number, got '0'", ""),
        (LR, {"valid_min": float("nan")}, "valid_min must be a finite number, got nan", ""),
        (LR, {"scale": "exp"}, "scale must be one of linear, log, logit, power2, got 'exp'", ""),
        (LR, {"step": 0}, "step must be a number > 0, got 0", ""),
        (LR, {"valid_options": [0.1], "valid_min": 0}, "valid_options and valid_min exclude each other", ""),
        (LR, {"valid_options": []}, "valid_options must be a list of at least one value, got []", ""),
        (LR, {"valid_options": "0.1"}, "valid_options must be a list of at least one value, got '0.1'", ""),
        (LR, {"valid_options": [0.1, 3]}, "every one of valid_options must be <= maximum 1, got 3", ""),
        (LR, {"valid_options": [0.1, 0.1]}, "valid_options must be distinct", ""),
        (LR, {"option_weights": [1]}, "option_weights must come with valid_options", ""),
        (
            LR,
            {"depends_on": {"model.knd": [1]}},
            "depends_on must name a property of this schema",
            "did you mean model.kind",
        ),
        (LR, {"depends_on": ["model.kind"]}, "depends_on must map parents to lists of values", ""),
        (
            "model.kind",
            {"valid_min": 1},
            "valid_min is for numbers; this parameter has options ['mlp', 'forest']",
            "use valid_options",
        ),
        (
            "model.kind",
            {"valid_options": ["cnn"]},
            "every one of valid_options must be one of ['mlp', 'forest'], got 'cnn'",
            "",
        ),
        ("model.kind", {"option_weights": [1, -1]}, "option_weights must be 2 numbers >= 0, one of them > 0", ""),
        ("model.depth", {"valid_min": 1.5}, "valid_min must be of type integer, got 1.5", ""),
    ],
)
def test_faults_of_custom_ranges(toy, name, entry, law, hint):
    error = fault_of(toy(), custom_param_ranges={name: entry})
    assert law in error.message
    assert hint in error.hint
    assert error.message.startswith(f"custom_param_ranges: {name}")


def test_a_custom_condition_must_not_close_a_circle(toy):
    ranges = {"model.kind": {"depends_on": {"model.depth": [2]}}}
    assert "circle" in fault_of(toy(), custom_param_ranges=ranges).message


def test_a_range_that_ends_below_the_searched_one_is_empty(toy):
    error = fault_of(
        toy(), hyperparameters=["model.trees", "model.kind"], custom_param_ranges={"model.trees": {"valid_max": 5}}
    )
    assert "model.trees: finite `low < high` must hold, got (low=10, high=5)" in error.message


# properties of all readings


def test_every_member_satisfies_the_schema(toy):
    from jsonschema import Draft202012Validator

    from tao_automl.bank import nest

    skill = toy(schema=changed(SCHEMA, ("automl_default_parameters",), ...))
    space = read_space(skill, "train").space
    validator = Draft202012Validator(json.loads(skill.schema_path("train").read_text()))
    rng = random.Random(3)
    for _ in range(200):
        config = space.sample(rng)
        validator.validate(nest(config))
        assert space.decode(space.encode(config).point) == config
