"""The TAO model skills: they load, their spaces can be searched, and their files agree with the sources."""

import importlib.util
import json
import math
import random
import re
import sys
from functools import cache
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
import yaml
from jsonschema import Draft202012Validator

from tao_automl.bank import (
    Skill,
    SkillSummary,
    flatten,
    known_properties,
    list_skills,
    load_skill,
    read_space,
    read_template,
    render_spec,
    support_gate,
)
from tao_automl.bank import spec as rendering
from tao_automl.domain.parameters import Float, Int
from tao_automl.errors import SkillError

ROOT = Path(__file__).resolve().parents[2]
MODELS = ROOT / "skills" / "models"
FACTS = ROOT / "skills" / "sources" / "tao"
NAMES = sorted(path.stem for path in FACTS.glob("*.json"))
REFUSED = {
    "tao-finetune-cosmos-embed",
    "tao-finetune-nv-tesseract-ad-diffusion",
    "tao-finetune-nv-tesseract-forecasting",
    "tao-finetune-video-clip",
    "tao-train-bevfusion",
    "tao-train-codetr",
}
SEARCHED = [name for name in NAMES if name not in REFUSED]
SAMPLES = 20
CATALOG_BUDGET = 8_000
UP = ("mAP", "mAP50", "acc", "iou", "mf1", "hmean", "precision", "recall", "f1", "rank_1", "prq", "pq", "ap11", "ap40")
DOWN = ("loss", "epe", "abs_rel", "rmse", "mse", "bp1", "bp2", "bp3", "fpr", "2dmpe")


@cache
def skill(name: str) -> Skill:
    return load_skill(MODELS / name)


@cache
def overlay(name: str) -> dict[str, Any]:
    found: dict[str, Any] = yaml.safe_load((FACTS / "overlay" / f"{name}.yaml").read_text())
    return found


def manifest(name: str) -> dict[str, str]:
    found: dict[str, str] = json.loads((MODELS / name / "schemas" / "manifest.json").read_text())
    return found


def front_matter(path: Path) -> dict[str, Any]:
    found: dict[str, Any] = yaml.safe_load(path.read_text().split("---\n")[1])
    return found


@cache
def summaries() -> tuple[SkillSummary, ...]:
    return list_skills(ROOT)


@pytest.fixture
def _read_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """Rendering reads the same files for every sample; that is the disk's time, not the space's."""
    template = cache(lambda name, action: read_template(skill(name), action))
    properties = cache(lambda name, action: known_properties(skill(name), action))
    monkeypatch.setattr(rendering, "read_template", lambda loaded, action: template(loaded.name, action))
    monkeypatch.setattr(rendering, "known_properties", lambda loaded, action: properties(loaded.name, action))


ACTIONS = [(name, action) for name in SEARCHED for action in manifest(name)]


@cache
def generator() -> ModuleType:
    sys.path.insert(0, str(ROOT / "scripts"))
    try:
        path = ROOT / "scripts" / "generate_model_skills.py"
        spec = importlib.util.spec_from_file_location("generate_model_skills", path)
        assert spec is not None
        assert spec.loader is not None
        module = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(module)
    finally:
        sys.path.remove(str(ROOT / "scripts"))
    return module


def test_all_36_models_have_a_skill() -> None:
    assert len(NAMES) == 36
    assert sorted(path.name for path in MODELS.glob("tao-*")) == NAMES
    assert sorted(path.stem for path in (FACTS / "overlay").glob("*.yaml")) == NAMES


@pytest.mark.parametrize("name", NAMES)
def test_loads_and_its_aliases_are_its_own(name: str) -> None:
    loaded = skill(name)
    assert loaded.name == name
    assert loaded.description
    for alias in loaded.aliases:
        assert [other.name for other in summaries() if alias in other.known_as] == [name]
    for action in loaded.actions:
        assert read_template(loaded, action)


@pytest.mark.parametrize("name", SEARCHED)
def test_the_gate_lets_it_pass(name: str) -> None:
    loaded = skill(name)
    assert loaded.automl_enabled
    assert loaded.runtime == "container"
    assert "train" in manifest(name)
    for action in manifest(name):
        support_gate(loaded, action)


@pytest.mark.parametrize("name", sorted(REFUSED))
def test_what_cannot_run_is_refused_early_with_a_reason(name: str) -> None:
    with pytest.raises(SkillError):
        support_gate(skill(name), "train")
    info = yaml.safe_load((MODELS / name / "references" / "skill_info.yaml").read_text())
    assert info["x_automl_disabled_reason"]
    assert manifest(name) == {}
    assert "Stop here" in (MODELS / name / "SKILL.md").read_text()


def test_no_image_is_from_a_staging_registry_and_every_image_is_pinned() -> None:
    pinned = set(re.findall(r"nvcr\.io/\S+", (ROOT / "versions.yaml").read_text()))
    for name in NAMES:
        text = (MODELS / name / "references" / "skill_info.yaml").read_text()
        assert "nvstaging" not in text
        lines = [line for line in text.splitlines() if line.strip().startswith("container_image:")]
        for line in lines:
            assert re.search(r"container_image: (\S+)  # versions-key: images\.[\w.]+$", line), line
            assert line.split()[1] in pinned


@pytest.mark.usefixtures("_read_once")
@pytest.mark.parametrize(("name", "action"), ACTIONS)
def test_the_space_is_finite_and_its_samples_render_valid_specs(name: str, action: str) -> None:
    loaded = skill(name)
    schema = json.loads(loaded.schema_path(action).read_text())
    Draft202012Validator.check_schema(schema)
    validator = Draft202012Validator(schema)
    validator.validate(read_template(loaded, action))
    reading = read_space(loaded, action)
    assert 0 < reading.space.dimension <= 12
    assert not [note for note in reading.notes if "inferred" in note or "outside" in note]
    for parameter in reading.space.parameters:
        assert parameter.description
        if isinstance(parameter, Float | Int):
            assert math.isfinite(parameter.low)
            assert parameter.low < parameter.high < math.inf
            assert parameter.low <= parameter.default <= parameter.high
    dice = random.Random(7)
    for _ in range(SAMPLES):
        validator.validate(render_spec(loaded, action, params=reading.space.sample(dice)))


@pytest.mark.parametrize("name", SEARCHED)
def test_everything_enabled_can_be_searched_at_once(name: str) -> None:
    schema = json.loads(skill(name).schema_path("train").read_text())
    enabled = [*overlay(name)["search"], *overlay(name).get("optional", {})]
    assert schema["automl_default_parameters"] == list(overlay(name)["search"])
    reading = read_space(skill(name), "train", hyperparameters=enabled)
    assert reading.space.dimension > 0


@pytest.mark.parametrize("name", SEARCHED)
def test_learning_rates_are_searched_on_a_log_scale_and_the_budget_never(name: str) -> None:
    loaded = skill(name)
    assert loaded.fidelity is not None
    parameters = read_space(loaded, "train").space.parameters
    names = [parameter.name for parameter in parameters]
    assert loaded.fidelity.key not in names
    assert not [n for n in names if n.endswith(("seed", "workers", "num_gpus"))]
    rates = [p for p in parameters if re.search(r"(^|_|\.)lr$|learning_rate\.val_base$|_lr$|lr_backbone$", p.name)]
    assert rates
    assert all(isinstance(p, Float) and str(p.scale) == "log" for p in rates)


@pytest.mark.parametrize("name", NAMES)
def test_metrics_have_directions_that_follow_from_their_definition(name: str) -> None:
    metrics = skill(name).metrics
    assert sum(metric.primary for metric in metrics) == 1
    for metric in metrics:
        text = metric.name.lower()
        assert metric.description
        if text.endswith("/d1"):  # an accuracy for one camera, an error share for two
            expected = "maximize" if name == "tao-train-depth-anything-v2" else "minimize"
        elif any(word in text for word in DOWN):
            expected = "minimize"
        else:
            assert any(word.lower() in text for word in (*UP, "ami", "precision")), metric.name
            expected = "maximize"
        assert metric.direction == expected, metric.name


@pytest.mark.parametrize("name", SEARCHED)
def test_roles_and_places_that_the_runner_needs(name: str) -> None:
    loaded = skill(name)
    assert loaded.checkpoints is not None
    assert loaded.data_sources.get("train")
    if loaded.fidelity is not None and loaded.fidelity.resumable:
        assert loaded.action("train").input_key("resume") is not None
    for action, sources in loaded.data_sources.items():
        declared = {entry.key for entry in loaded.action(action).inputs}
        assert {source.key for source in sources} <= declared, action
        assert not [source.key for source in sources if str(source.path).endswith(".tar.gz")]


def test_a_base_model_is_a_whole_network_that_training_begins_from() -> None:
    """Backbones and encoders cannot be evaluated, and most networks can begin from more than those."""
    named = {}
    for name in SEARCHED:
        evaluate = skill(name).actions.get("evaluate")
        checkpoint = evaluate.input("checkpoint") if evaluate else None
        if checkpoint and checkpoint.base_from:
            named[name] = checkpoint.base_from
            assert checkpoint.base_from in flatten(read_template(skill(name), "train")), name
    assert set(named.values()) == {
        "train.pretrained_model_path",
        "train.pretrained_model",
        "model.pretrained_model_path",
    }
    assert len(named) > 20
    assert {"tao-train-mask-auto-encoder", "tao-train-reid", "tao-train-nvdinov2"}.isdisjoint(named)


def test_generated_files_have_not_drifted(capsys: pytest.CaptureFixture[str]) -> None:
    assert generator().main(["--check", "--format", "json"]) == 0
    assert json.loads(capsys.readouterr().out) == {"check": True, "changed": {}}


def test_generator_names_an_unknown_model(capsys: pytest.CaptureFixture[str]) -> None:
    assert generator().main(["--only", "tao-train-nothing", "--check"]) == 2
    assert "tao-train-nothing" in capsys.readouterr().err


def test_drift_is_found(tmp_path: Path) -> None:
    (tmp_path / "schemas").mkdir()
    (tmp_path / "schemas" / "old.schema.json").write_text("{}")
    assert generator().drift_of(tmp_path, {"a.yaml": "x"}) == ["a.yaml", "schemas/old.schema.json"]


@pytest.mark.parametrize("name", NAMES)
def test_skill_md_keeps_its_limits(name: str) -> None:
    path = MODELS / name / "SKILL.md"
    text, head = path.read_text(), front_matter(path)
    assert head["name"] == name
    assert len(head["description"]) <= 200
    assert set(head) <= {"name", "description", "license", "compatibility", "metadata"}
    assert all(isinstance(value, str) for value in head["metadata"].values())
    assert 45 <= len(text.splitlines()) <= 120
    assert len(text.split()) < 2_500
    assert "/home/" not in text
    for part in ("When not to use it", "Data layout", "Metric", "Known failures"):
        assert f"## {part}" in text
    for other in re.findall(r"`((?:tao-(?:train|finetune)|train)-[a-z0-9-]+)`", text):
        assert (MODELS / other).is_dir(), other


@pytest.mark.parametrize("name", SEARCHED)
def test_keys_named_in_skill_md_exist(name: str) -> None:
    text = (MODELS / name / "SKILL.md").read_text()
    known = "\n".join(
        path.read_text() for path in sorted((MODELS / name).glob("*/*.[jy]*")) if "evals" not in str(path)
    )
    for key in re.findall(r"`((?:train|model|dataset|quantize|distill|prune|policy|custom|validation)\.[\w.]+)`", text):
        assert key.rpartition(".")[2].rstrip(".") in known, key


@pytest.mark.parametrize("name", SEARCHED)
def test_the_override_of_the_example_is_a_key_of_the_spec(name: str) -> None:
    found = re.search(r"--override ([\w.]+)=(\S+)", (MODELS / name / "SKILL.md").read_text())
    assert found is not None
    render_spec(skill(name), "train", overrides={found.group(1): yaml.safe_load(found.group(2))})


@pytest.mark.parametrize("name", NAMES)
def test_evals_and_triggers(name: str) -> None:
    evals = json.loads((MODELS / name / "evals" / "evals.json").read_text())
    assert evals["skill_name"] == name
    assert len(evals["evals"]) >= 2
    assert all(set(e) == {"id", "prompt", "expected_output", "files", "assertions"} for e in evals["evals"])
    triggers = json.loads((MODELS / name / "evals" / "triggers.json").read_text())
    assert len({entry["query"] for entry in triggers}) == len(triggers) == 20
    assert sum(not entry["should_trigger"] for entry in triggers) >= 8


@pytest.mark.parametrize("name", NAMES)
def test_the_reference_validator_passes(name: str) -> None:
    skills_ref = pytest.importorskip("skills_ref")
    assert skills_ref.validate(MODELS / name) == []


def test_the_catalog_stays_within_its_budget() -> None:
    pages = [path.read_text() for path in sorted((ROOT / "skills").glob("*/*/SKILL.md"))]
    shown = [found.group(1) for page in pages for found in re.finditer(r"(?m)^(?:name|description): (.+)$", page)]
    assert len(shown) >= 2 * len(NAMES)
    assert sum(map(len, shown)) <= CATALOG_BUDGET
