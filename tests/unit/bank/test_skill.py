import os
import shutil

import pytest
import yaml
from skill_files import INFO, changed, write_skill

from tao_automl.bank import load_skill, support_gate
from tao_automl.errors import SearchSpaceError, SettingsError, SkillError


def fault_of(folder):
    with pytest.raises(SkillError) as caught:
        load_skill(folder)
    return caught.value.message


def test_a_skill_is_loaded_as_declared(toy):
    skill = toy()
    train = skill.action("train")
    assert (skill.name, skill.network_arch, skill.aliases, skill.runtime) == (
        "train-toy",
        "toy",
        ("toy-net",),
        "python",
    )
    assert skill.primary_metric.name == "accuracy"
    assert skill.metric("kpi") is skill.primary_metric
    assert skill.metric("loss").direction == "minimize"
    assert (skill.fidelity.min, skill.fidelity.max, skill.fidelity.resumable) == (1, 27, True)
    assert train.input_key("resume") == "train.resume_from"
    assert train.input_key("checkpoint") is None
    assert [output.key for output in train.outputs] == ["results_dir"]
    assert skill.limits.max_gpus == 8


def test_unknown_actions_and_metrics_name_the_known(toy):
    with pytest.raises(SkillError, match="must declare the action 'trian', declares: train, evaluate") as caught:
        toy().action("trian")
    assert "did you mean train?" in caught.value.hint
    with pytest.raises(SettingsError, match="declares no metric 'acuracy'"):
        toy().metric("acuracy")


@pytest.mark.parametrize(
    ("path", "value", "fault"),
    [
        (("nmae",), "x", "nmae: must be a known key, got 'nmae' (did you mean name"),
        (("name",), ..., "(root): must have the key 'name'"),
        (("automl_enabled",), "yes", 'automl_enabled: must be of type boolean, got "yes"'),
        (("metrics", 0, "direction"), "up", 'metrics[0].direction: must be one of maximize, minimize, got "up"'),
        (("metrics", 1, "name"), "loss", "metrics[1].name: a metric must be declared once, got 'loss' twice"),
        (("metrics", 0, "primary"), True, "metrics[1].primary: at most one metric must be primary"),
        (("metrics", 0, "source"), {"kind": "file"}, "metrics[0].source: the kind file must have 'path'"),
        (("fidelity", "min"), 99, "fidelity.min: `min <= max` must hold, got (min=99, max=27)"),
        (("fidelity", "max"), "many", 'fidelity.max: must be of type integer, got "many"'),
        (("checkpoints", "epoch_from"), "epoch_(", "checkpoints.epoch_from: must be a regular expression"),
        (
            ("checkpoints", "epoch_from"),
            "epoch",
            "checkpoints.epoch_from: must have 1 group in parentheses, got 'epoch'",
        ),
        (("actions",), {}, "actions: minProperties 1 must hold, got {}"),
        (
            ("actions", "train", "python_script"),
            ...,
            "actions.train: must have exactly one of command and python_script, got neither",
        ),
        (
            ("actions", "train", "command"),
            "x",
            "actions.train: must have exactly one of command and python_script, got both",
        ),
        (
            ("actions", "train", "python_script"),
            "scripts/no.py",
            "actions.train.python_script: must be a file of the skill",
        ),
        (("actions", "train", "python_script"), "../../x.py", "actions.train.python_script: must match"),
        (
            ("actions", "train", "inputs", "dataset.train_path", "type"),
            "disk",
            "must be one of file, folder, list, local_glob",
        ),
        (("actions", "train", "metric"), "f1", "actions.train.metric: must be a declared metric, got 'f1'"),
        (("data_sources", "trian"), {}, "data_sources.trian: must be a declared action (did you mean train?)"),
        (("required_credentials",), ["hf_token=abc"], "required_credentials[0]: must match"),
        (("runtime",), "container", "a container model must name a container_image, got none for train, evaluate"),
    ],
)
def test_every_fault_is_named_with_its_place(tmp_path, path, value, fault):
    message = fault_of(write_skill(tmp_path, info=changed(INFO, path, value)))
    assert fault in message
    assert message.startswith(f"{tmp_path}/references/skill_info.yaml:")
    assert len(message.splitlines()) == 1


def test_one_line_per_fault_in_the_order_of_the_file(tmp_path):
    info = changed(changed(INFO, ("network_arch",), 7), ("fidelity", "unit"), [])
    lines = fault_of(write_skill(tmp_path, info=info)).splitlines()
    path = tmp_path / "references/skill_info.yaml"
    assert lines == [
        f"{path}:2: network_arch: must be text, got 7",
        f"{path}:22: fidelity.unit: must be text, got []",
    ]


@pytest.mark.parametrize(
    ("text", "law"),
    [
        (b"", "(root): must be a mapping, got null"),
        (b"\xff\xfe\x00", "must be UTF-8 text, got byte 0xff at offset 0"),
        (b"name: \x00", "must be YAML"),
        (b"a: 1\nb: 2\na: 3\n", "line 3: a: a key must occur once, got it twice"),
        (b"a:\n\t- 1\n", "line 2: must be YAML"),
        (b"[" * 5000, "must be nested at most 64 deep"),
        (b"a: " + b"{a: " * 100 + b"}" * 100, "must be nested at most 64 deep"),
        (b"x: &x [*x]\n", "must be nested at most 64 deep, aliases included"),
        (b"a: !!python/object/apply:os.system [ls]\n", "must not be used; JSON values only"),
        (b"a: !!binary aGk=\n", "must not be used; JSON values only"),
        (b"a: .inf\n", "line 1: a: a number must be finite"),
        (b"1: a\n", "line 1: a key must be text, got '1'; quote it"),
        (b"yes: a\n", "line 1: a key must be text, got 'yes'; quote it"),
        (b"b: &b {x: 1}\na:\n  <<: *b\n", "merge keys (<<) must not be used"),
        (b"a: 1\n---\nb: 2\n", "must be YAML"),
        (b"a: '" + b"x" * 1_000_001 + b"'\n", "must be at most 1,000,000 bytes, got more"),
        (b"- 1\n", "(root): must be a mapping, got [1]"),
    ],
)
def test_bad_files(tmp_path, text, law):
    folder = write_skill(tmp_path)
    (folder / "references/skill_info.yaml").write_bytes(text)
    assert law in fault_of(folder)


def test_alias_bombs_are_bounded(tmp_path):
    lines = ["a0: &a0 [1, 2, 3, 4, 5, 6, 7, 8, 9]"]
    lines += [f"a{k}: &a{k} [{', '.join([f'*a{k - 1}'] * 9)}]" for k in range(1, 12)]
    folder = write_skill(tmp_path)
    (folder / "references/skill_info.yaml").write_text("\n".join(lines))
    assert "must hold at most 200,000 values, aliases expanded" in fault_of(folder)


def test_yaml_1_2_numbers_dates_and_times(tmp_path):
    folder = write_skill(tmp_path)
    text = (folder / "references/skill_info.yaml").read_text()
    hpo = "  rate: 1e-4\n  text: '1e-4'\n  day: 2024-01-02\n  clock: 12:30\n"
    (folder / "references/skill_info.yaml").write_text(text + hpo)
    hints = load_skill(folder).hpo
    assert (hints["rate"], hints["text"], hints["day"], hints["clock"]) == (1e-4, "1e-4", "2024-01-02", "12:30")


def test_the_image_key_is_read_from_its_mark(tmp_path):
    folder = write_skill(tmp_path, info={**INFO, "runtime": "container", "container_image": "nvcr.io/x:1"})
    path = folder / "references/skill_info.yaml"
    path.write_text(path.read_text().replace("nvcr.io/x:1", "nvcr.io/x:1  # versions-key: images.toy"))
    skill = load_skill(folder)
    assert (skill.container_image, skill.image_key) == ("nvcr.io/x:1", "images.toy")


def test_the_digest_follows_the_files_that_influence_a_run(tmp_path):
    one = write_skill(tmp_path / "one")
    other = tmp_path / "elsewhere" / "other"
    shutil.copytree(one, other)
    digest = load_skill(one).digest
    (other / "SKILL.md").write_text("changed")
    (other / "evals").mkdir()
    (other / "evals/evals.json").write_text("{}")
    (other / "scripts/__pycache__").mkdir()
    (other / "scripts/__pycache__/train.pyc").write_bytes(b"x")
    (other / "references/notes.md").write_text("x")
    os.utime(other / "scripts/train.py", (1, 1))
    assert load_skill(other).digest == digest
    for name in ("scripts/train.py", "schemas/train.schema.json", "references/spec_template_train.yaml"):
        before = load_skill(other).digest
        (other / name).write_text((other / name).read_text() + "\n")
        assert load_skill(other).digest != before
    before = load_skill(other).digest
    (other / "scripts/train.py").rename(other / "scripts/net.py")
    (other / "scripts/train.py").write_text("x")
    assert load_skill(other).digest != before


def test_the_gate_names_what_is_missing(tmp_path):
    folder = write_skill(tmp_path)
    support_gate(load_skill(folder), "train")
    with pytest.raises(SkillError, match=r"must have a search space schema, missing: .*evaluate.schema.json"):
        support_gate(load_skill(folder), "evaluate")
    with pytest.raises(SkillError, match="must declare the action 'prune'"):
        support_gate(load_skill(folder), "prune")
    (folder / "references/spec_template_train.yaml").write_text("[]")
    with pytest.raises(SkillError, match=r"spec_template_train.yaml:1: \(root\): a spec template must be a mapping"):
        support_gate(load_skill(folder), "train")
    (folder / "references/spec_template_train.yaml").unlink()
    with pytest.raises(SkillError, match=r"must have a complete spec template, missing: .*spec_template_train.yaml"):
        support_gate(load_skill(folder), "train")
    (folder / "schemas/train.schema.json").write_text("{")
    with pytest.raises(SkillError, match="complete spec template"):
        support_gate(load_skill(folder), "train")


def test_the_gate_refuses_a_model_that_is_not_to_be_searched_and_a_broken_schema(tmp_path):
    folder = write_skill(tmp_path, info=changed(INFO, ("automl_enabled",), False))
    with pytest.raises(
        SkillError, match=r"train-toy cannot be searched: its skill_info.yaml has automl_enabled: false"
    ):
        support_gate(load_skill(folder), "train")
    write_skill(tmp_path, info={**INFO, "automl_enabled": False, "x_automl_disabled_reason": "No image is\n public."})
    with pytest.raises(SkillError, match=r"train-toy cannot be searched: No image is public\.") as caught:
        support_gate(load_skill(folder), "train")
    assert "skills list --automl" in caught.value.hint
    write_skill(tmp_path)
    (folder / "schemas/train.schema.json").write_text("{")
    with pytest.raises(SearchSpaceError, match=r"train.schema.json: line 1: must be JSON"):
        support_gate(load_skill(folder), "train")


def test_no_skill(tmp_path):
    assert "a model skill must have references/skill_info.yaml, found none" in fault_of(tmp_path)
    (tmp_path / "references/skill_info.yaml").mkdir(parents=True)
    assert "must be a regular file" in fault_of(tmp_path)


def test_the_published_schema_is_valid_and_accepts_the_toy():
    from jsonschema import Draft202012Validator

    from tao_automl.bank.skill_faults import skill_info_schema

    Draft202012Validator.check_schema(skill_info_schema())
    assert Draft202012Validator(skill_info_schema()).is_valid(yaml.safe_load(yaml.safe_dump(INFO)))
