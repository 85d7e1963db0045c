import copy
import json
import math
import tomllib

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st
from skill_files import INFO, TEMPLATE, changed, write_skill

from tao_automl.bank import (
    apply_overrides,
    data_source_overrides,
    dump_spec,
    flatten,
    known_properties,
    load_skill,
    nest,
    read_template,
    render_spec,
    spec_file,
)
from tao_automl.bank.spec_formats import read_spec
from tao_automl.bank.spec_yaml import dump_yaml
from tao_automl.errors import SettingsError, SkillError

keys = st.text(alphabet=st.characters(exclude_characters=".", exclude_categories=["Cs"]), min_size=1, max_size=6)
scalars = (
    st.none()
    | st.booleans()
    | st.integers(-(10**20), 10**20)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(st.characters(exclude_categories=["Cs"]), max_size=12)
    | st.sampled_from(
        [
            "1e-5",
            "1e5",
            "yes",
            "null",
            "~",
            "0x1F",
            "1_000",
            "12:30",
            "2024-01-01",
            "=",
            "<<",
            "",
            " a",
            "a: b",
            "#x",
            ".5",
            "0o7",
            "-",
            "é\u2028",
        ]
    )
)
values = st.recursive(scalars, lambda v: st.lists(v, max_size=3) | st.dictionaries(keys, v, max_size=3), max_leaves=8)
trees = st.dictionaries(keys, values, max_size=4)


@settings(max_examples=300)
@given(trees)
def test_yaml_gives_back_the_identical_object(tree):
    loaded = yaml.safe_load(dump_yaml(tree))
    assert loaded == tree
    assert repr(loaded) == repr(tree)


@given(st.floats(allow_nan=False, allow_infinity=False))
def test_floats_stay_floats_and_texts_stay_texts(number):
    loaded = yaml.safe_load(dump_yaml({"number": number, "text": repr(number)}))
    assert isinstance(loaded["number"], float)
    assert (loaded["number"], loaded["text"]) == (number, repr(number))
    assert math.copysign(1, loaded["number"]) == math.copysign(1, number)


def test_small_numbers_are_written_so_that_every_reader_sees_a_number():
    assert dump_yaml({"lr": 1e-05, "name": "1e-05", "a": [1, {"b": None}]}) == (
        "lr: 1.0e-05\nname: '1e-05'\na:\n- 1\n- b: null\n"
    )


@settings(max_examples=300)
@given(trees)
def test_json_gives_back_the_identical_object(tree):
    assert repr(json.loads(dump_spec(tree, "json"))) == repr(tree)


def without_nulls(value):
    """As TOML can say it, or None for what it cannot."""
    if isinstance(value, dict):
        return {key: without_nulls(item) for key, item in value.items() if item is not None}
    return [without_nulls(item) for item in value] if isinstance(value, list) else value


def beyond_toml(value, inside=False):
    if isinstance(value, dict):
        return any(beyond_toml(item) for item in value.values())
    if isinstance(value, list):
        return any(beyond_toml(item, inside=True) for item in value)
    return (value is None and inside) or (type(value) is int and not -(2**63) <= value < 2**63)


@settings(max_examples=500)
@given(trees)
def test_toml_gives_back_the_object_without_its_nulls(tree):
    if beyond_toml(tree):
        with pytest.raises(SettingsError, match="TOML has no null in a list, and no integer beyond 64 bits, got"):
            dump_spec(tree, "toml")
        return
    loaded = tomllib.loads(dump_spec(tree, "toml"))
    assert loaded == without_nulls(tree)
    assert json.dumps(loaded, sort_keys=True) == json.dumps(without_nulls(tree), sort_keys=True)


def test_what_toml_cannot_say_is_named_with_its_place():
    with pytest.raises(SettingsError, match=r"^a\.b\[1\]: TOML has no null") as caught:
        dump_spec({"a": {"b": [1, None]}}, "toml")
    assert caught.value.hint
    with pytest.raises(SettingsError, match=r"^n: .* got 9223372036854775808"):
        dump_spec({"n": 2**63}, "toml")
    assert dump_spec({"a": None, "lr": 1e-06, "b": {"c": None}}, "toml") == "lr = 1e-06\n\n[b]\n"


@pytest.mark.parametrize("config_format", ["yaml", "json", "toml"])
def test_a_spec_is_read_back_in_its_own_format(config_format, tmp_path):
    path = tmp_path / spec_file(config_format)
    path.write_text(dump_spec(TEMPLATE, config_format))
    assert read_spec(path) == (without_nulls(TEMPLATE) if config_format == "toml" else TEMPLATE)


@pytest.mark.parametrize(
    ("name", "text", "law"),
    [
        ("a.toml", "a = ", "Invalid value"),
        ("a.toml", "a = 1\na = 2", "Cannot overwrite a value"),
        ("a.toml", "a = 2026-01-01", "a: a spec holds JSON values only, got 2026-01-01; quote it"),
        ("a.toml", "a = [{b = 07:30:00}]", r"a\[0\].b: a spec holds JSON values only"),
        ("a.toml", "a = inf", "a number must be finite"),
        ("a.toml", "a = " + "[" * 5000, "nested"),
        ("a.toml", ".".join("a" * 100) + " = 1", "must be nested at most 64 deep"),
        ("a.json", "{", "must be JSON"),
        ("a.json", '{"a": NaN}', "NaN"),
        ("a.yaml", "a: [", "must be YAML"),
    ],
)
def test_a_spec_that_cannot_be_read(name, text, law, tmp_path):
    (tmp_path / name).write_text(text)
    with pytest.raises(SkillError, match=law) as caught:
        read_spec(tmp_path / name)
    assert name in caught.value.message


def test_a_template_in_the_format_of_its_action_comes_before_one_in_yaml(tmp_path):
    info = changed(INFO, ("actions", "train", "config_format"), "toml")
    folder = write_skill(tmp_path / "train-toy", info=info)
    assert read_template(load_skill(folder), "train") == TEMPLATE
    digest = load_skill(folder).digest
    (folder / "references/spec_template_train.toml").write_text(dump_spec(TEMPLATE, "toml"))
    assert read_template(load_skill(folder), "train") == without_nulls(TEMPLATE)
    assert load_skill(folder).digest != digest
    (folder / "references/spec_template_train.toml").write_text("")
    with pytest.raises(SkillError, match=r"spec_template_train.toml:1: \(root\): a spec template must be a mapping"):
        read_template(load_skill(folder), "train")


def test_shared_objects_are_written_out():
    shared = [1, 2]
    assert "&" not in dump_yaml({"a": shared, "b": shared})


@given(trees)
def test_nesting_and_flattening_are_inverse(tree):
    assert nest(tree) == tree
    assert nest(flatten(tree)) == tree


def test_dotted_and_nested_forms_mix():
    given_form = {"a.b": 1, "a": {"c": 2, "d.e": 3}, "f": {}}
    assert nest(given_form) == {"a": {"b": 1, "c": 2, "d": {"e": 3}}, "f": {}}
    assert flatten(given_form) == {"a.b": 1, "a.c": 2, "a.d.e": 3, "f": {}}
    assert nest({"a.b": 1, "a": {"b": 1}}) == {"a": {"b": 1}}


@pytest.mark.parametrize(
    ("tree", "law"),
    [
        ({"a.b": 1, "a": {"b": 2}}, "a.b: must be given once, got 1 and 2"),
        ({"a": 1, "a.b": 2}, "a: must be either a value or a section, got 1 and a.b"),
        ({"a.b": 1, "a": 2}, "a: must be given once"),
        ({"a..b": 1}, "a key must be text with no empty part between its dots, got 'a..b'"),
        ({1: 2}, "a key must be text"),
    ],
)
def test_contradictory_keys(tree, law):
    with pytest.raises(SettingsError, match=law):
        nest(tree)


# overrides


@pytest.fixture
def override(toy):
    skill = toy()
    properties = known_properties(skill, "train")
    return lambda overrides: apply_overrides(TEMPLATE, overrides, skill.spec_shorthand_keys, properties)


def test_overrides_are_nested_dotted_or_short(override):
    before = copy.deepcopy(TEMPLATE)
    spec = override({"train": {"optim": {"lr": 0.1}}, "train.batch_size": 64, "epochs": 3, "augment.flip": True})
    assert (spec["train"]["optim"]["lr"], spec["train"]["batch_size"], spec["train"]["num_epochs"]) == (0.1, 64, 3)
    assert spec["train"]["optim"]["weight_decay"] == 0.0001
    assert spec["augment"] == {"flip": True}
    assert override({"train": {}}) == TEMPLATE
    assert before == TEMPLATE


@pytest.mark.parametrize(
    ("overrides", "law", "hint"),
    [
        ({"train.optim.lrr": 1}, "train.optim.lrr: no such key in this spec", "did you mean train.optim.lr"),
        ({"optim.lr": 1}, "optim.lr: no such key in this spec", "train.optim.lr"),
        ({"epoch": 3}, "epoch: no such key in this spec", "did you mean epochs"),
        ({"train": {"optimizer": {"lr": 1}}}, "train.optimizer.lr: no such key", "train.optim.lr"),
        ({"train.optim": 3}, "train.optim: is a section and must be given as a mapping, got 3", ""),
        ({"train.optim.lr": "fast"}, "train.optim.lr: must be of type number, got 'fast'", ""),
        ({"train.optim.lr": 7}, "train.optim.lr: must be <= maximum 1, got 7", ""),
        ({"model.kind": "cnn"}, r"model.kind: must be one of \['mlp', 'forest'\], got 'cnn'", ""),
        ({"epochs": 3, "train.num_epochs": 4}, "train.num_epochs: must be given once, got it under 'epochs' too", ""),
        ({"train.batch_size.x": 1}, "train.batch_size.x: no such key", ""),
    ],
)
def test_faults_of_overrides(override, overrides, law, hint):
    with pytest.raises(SettingsError, match=law) as caught:
        override(overrides)
    assert hint in caught.value.hint


# the spec of a job


def test_layers_and_inactive_keys(toy):
    skill = toy()
    params = {"train.optim.lr": 0.01, "model.kind": "forest", "model.trees": 50}
    spec = render_spec(
        skill,
        "train",
        overrides={"epochs": 9, "train.optim.lr": 0.5},
        params=params,
        fixed_values={"train.num_epochs": 3},
    )
    assert spec["train"]["num_epochs"] == 3
    assert spec["train"]["optim"]["lr"] == 0.01
    assert spec["model"] == {"kind": "forest", "trees": 50}
    assert render_spec(skill, "train")["model"] == {"kind": "mlp", "depth": 2, "dropout": 0.1}


def test_the_order_of_parameters_does_not_change_the_file(toy):
    skill = toy()
    params = {"train.optim.lr": 0.01, "model.depth": 3}
    one = dump_yaml(render_spec(skill, "train", params=params))
    assert one == dump_yaml(render_spec(skill, "train", params=dict(reversed(params.items()))))
    assert list(yaml.safe_load(one)) == list(TEMPLATE)


def test_an_action_without_a_schema_has_a_template_only(toy):
    spec = render_spec(toy(), "evaluate", fixed_values={"evaluate.checkpoint": "../a/results/x.ckpt"})
    assert spec["evaluate"]["checkpoint"] == "../a/results/x.ckpt"
    with pytest.raises(SettingsError, match=r"train.num_epochs: no such key"):
        render_spec(toy(), "evaluate", fixed_values={"train.num_epochs": 1})
    with pytest.raises(SkillError, match="must declare the action 'export'"):
        render_spec(toy(), "export")


# data


def test_data_sources(toy):
    skill = toy()
    assert data_source_overrides(skill, "train", "s3://bucket/train/", "/data/eval") == {
        "dataset.train_path": "s3://bucket/train/train.csv",
        "dataset.extra_paths": ["s3://bucket/train/"],
    }
    assert data_source_overrides(skill, "evaluate", None, "/data/eval") == {"dataset.eval_path": "/data/eval"}
    assert data_source_overrides(skill, "train") == {}
    with pytest.raises(SettingsError, match=r"dataset.train_path: must be given one train_dataset, got 2"):
        data_source_overrides(skill, "train", ["/a", "/b"])


def test_several_datasets_for_a_list(toy):
    sources = {"dataset.extra_paths": {"source": "train_datasets", "path": "x"}}
    skill = toy(info=changed(INFO, ("data_sources", "train"), sources))
    assert data_source_overrides(skill, "train", ["/a", "/b/"]) == {"dataset.extra_paths": ["/a/x", "/b/x"]}
