"""The skill_info.yaml of the public TAO bank, and spec keys that count the elements of a list."""

import copy
import json

import pytest
from skill_files import INFO, TEMPLATE, changed
from tao_files import facts_of, needs_facts, write_tao_skill

from tao_automl.bank import data_source_overrides, load_skill, render_spec
from tao_automl.bank.skill_faults import skill_info_schema
from tao_automl.bank.spec_tree import assign, list_key, lookup, steps
from tao_automl.bank.tao_skill_info import in_our_shape, is_tao_info
from tao_automl.errors import SettingsError, SkillError


@needs_facts
def test_metrics_come_from_the_actions(tmp_path):
    name = "tao-finetune-nv-tesseract-ad-diffusion"
    skill = load_skill(write_tao_skill(tmp_path / name, facts_of(name)))
    assert [(m.name, m.direction, m.source.kind, m.source.path) for m in skill.metrics] == [
        ("val_loss", "minimize", "file", "metrics.json"),
        ("f1_score", "maximize", "file", "metrics.json"),
    ]
    assert skill.actions["train"].metric == "val_loss"


@needs_facts
def test_data_sources_with_mappings_and_formats(tmp_path):
    skill = load_skill(write_tao_skill(tmp_path / "clip", facts_of("tao-finetune-clip")))
    assert data_source_overrides(skill, "train", ["/a", "/b/"]) == {
        "dataset.train.datasets": [
            {"image_dir": "/a/images.tar.gz", "caption_dir": "/a/captions.tar.gz"},
            {"image_dir": "/b/images.tar.gz", "caption_dir": "/b/captions.tar.gz"},
        ]
    }
    reason = load_skill(write_tao_skill(tmp_path / "reason", facts_of("tao-finetune-cosmos-reason")))
    assert (
        data_source_overrides(reason, "train", "/a", "/b") == {}
    )  # which archive, and which file, the user has to say
    assert reason.actions["evaluate"].name == "evaluate"
    assert reason.spec_params["train"]


@needs_facts
def test_several_datasets_fill_the_elements_of_a_list(tmp_path):
    skill = load_skill(write_tao_skill(tmp_path / "rtdetr", facts_of("tao-train-rtdetr")))
    values = data_source_overrides(skill, "train", ["/a", "/b"], "/e")
    spec = render_spec(skill, "train", fixed_values=values)
    assert spec["dataset"]["train_data_sources"] == [
        {"image_dir": "/a/images.tar.gz", "json_file": "/a/annotations.json"},
        {"image_dir": "/b/images.tar.gz", "json_file": "/b/annotations.json"},
    ]


def test_our_own_files_are_not_taken_for_theirs():
    assert not is_tao_info(INFO)
    assert in_our_shape(INFO, skill_info_schema()) is INFO
    for odd in (None, [], {}, {"actions": 3}, {"actions": {"train": {"python_script": "x"}}}):
        assert not is_tao_info(odd)


def test_their_faults_are_still_found(tmp_path):
    info = {
        "name": "tao-x",
        "network_arch": "x",
        "automl_enabled": "maybe",
        "actions": {"train": {"command": "x", "inputs": {"a": {"type": "planet"}}, "future_key": 1}},
        "another_key": 1,
    }
    folder = tmp_path / "tao-x"
    (folder / "references").mkdir(parents=True)
    (folder / "references/skill_info.yaml").write_text(json.dumps(info))
    with pytest.raises(SkillError) as caught:
        load_skill(folder)
    lines = caught.value.message.splitlines()
    assert len(lines) == 2
    assert "automl_enabled: must be of type boolean" in lines[0]
    assert "actions.train.inputs.a.type: must be one of file, folder, list, local_glob, got" in lines[1]


# elements of lists in spec keys


def test_elements_are_read_and_written():
    tree = {"a": [{"b": 1}, {"b": 2}], "c": {"d": [[1, 2]]}}
    assert steps("a[0].b") == ["a", 0, "b"]
    assert steps("c.d[0][1]") == ["c", "d", 0, 1]
    assert list_key("a.b[0].c") == "a.b"
    assert lookup(tree, "a[1].b") == 2
    assert lookup(tree, "c.d[0][1]") == 2
    assert lookup(tree, "a[2].b", "none") == lookup(tree, "c[0]", "none") == "none"
    assign(tree, "a[1].b", 5)
    assign(tree, "a[2].b", 6)
    assign(tree, "c.d[0][2]", 3)
    assert tree == {"a": [{"b": 1}, {"b": 5}, {"b": 6}], "c": {"d": [[1, 2, 3]]}}


@pytest.mark.parametrize(
    ("name", "law"),
    [
        ("a[3]", r"a\[3\]: the list has 2 elements, so the next one is \[2\]"),
        ("c[0]", r"c\[0\]: only a list has elements, got"),
        ("zz[0].x", r"zz\[0\].x: only a list has elements, got None"),
        ("a[x]", r"a\[x\]: an element must be written as name\[0\], counted from 0, got 'a\[x\]'"),
        ("a[-1]", "an element must be written as name"),
        ("[0]", "an element must be written as name"),
    ],
)
def test_elements_that_cannot_be(name, law):
    with pytest.raises(SettingsError, match=law):
        assign({"a": [1, 2], "c": 3}, name, 1)


def test_overrides_of_elements_are_checked(toy):
    template = copy.deepcopy(TEMPLATE)
    template["dataset"]["sources"] = [{"path": "", "file": "x"}]
    skill = toy(template=template)
    spec = render_spec(skill, "train", overrides={"dataset.sources[0].path": "/a"})
    assert spec["dataset"]["sources"] == [{"path": "/a", "file": "x"}]
    with pytest.raises(SettingsError, match=r"dataset.sorces\[0\].path: no such key in this spec") as caught:
        render_spec(skill, "train", overrides={"dataset.sorces[0].path": "/a"})
    assert "dataset.sources" in caught.value.hint
    with pytest.raises(SettingsError, match=r"model.depth\[0\]: only a list has elements, got 2"):
        render_spec(skill, "train", overrides={"model.depth[0]": 3})


def test_our_own_skills_may_use_these_declarations(toy):
    info = changed(
        INFO,
        ("data_sources", "train"),
        {
            "dataset.extra_paths": {
                "source": "train_datasets",
                "mapping": {"a": {"path": "x"}, "b": {"optional": True}},
            },
            "dataset.train_path": {"source": "train_wds_dataset", "path": ""},
        },
    )
    assert data_source_overrides(toy(info=info), "train", "/d") == {"dataset.extra_paths": [{"a": "/d/x"}]}
