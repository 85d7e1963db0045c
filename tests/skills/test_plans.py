"""`tao-automl plan NAME` and nothing else: a review of every model, or one clear reason."""

import json
import re
import shlex
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tao_automl.bank import list_skills
from tao_automl.cli.main import main

ROOT = Path(__file__).resolve().parents[2]
SKILLS = list_skills(ROOT)
SEARCHED = [skill.name for skill in SKILLS if skill.automl_enabled]
REFUSED = [skill.name for skill in SKILLS if not skill.automl_enabled]
CONTAINERS = [skill.name for skill in SKILLS if skill.automl_enabled and skill.runtime == "container"]
NO_SEARCH_HERE = "cannot be searched: "
Plan = Callable[..., dict[str, Any]]


@pytest.fixture
def plan(capsys: pytest.CaptureFixture[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Plan:
    """The review in JSON, made in an empty folder that stays empty."""
    monkeypatch.setenv("TAO_SKILL_BANK_PATH", str(ROOT))
    (tmp_path / "here").mkdir()
    monkeypatch.chdir(tmp_path / "here")

    def make(*words: str) -> dict[str, Any]:
        code = main(["plan", *words, "--format", "json"])
        document: dict[str, Any] = json.loads(capsys.readouterr().out)
        assert code == 0, document
        assert list((tmp_path / "here").iterdir()) == []
        return document

    return make


def test_there_are_39() -> None:
    assert (len(SEARCHED), len(REFUSED)) == (33, 6)


@pytest.mark.parametrize("name", SEARCHED)
def test_a_name_is_enough_for_a_review(name: str, plan: Plan, capsys: pytest.CaptureFixture[str]) -> None:
    found = plan(name)
    assert (found["skill"], found["workspace"]) == (name, None)
    assert found["parameters"]
    for row in found["parameters"]:
        assert row["options"] or row["low"] < row["high"], row["name"]
        assert row["options"] or row["scale"], row["name"]
        assert row["default"] is not None, row["name"]
    assert {blocker["kind"] for blocker in found["blockers"]} == {"data"} | ({"platform"} & kinds(name))
    assert main(["plan", name]) == 0
    text = capsys.readouterr().out
    assert f"Searched parameters ({len(found['parameters'])})" in text
    assert all(row["name"].rpartition(".")[2] in text for row in found["parameters"])
    assert re.search(r"workspace +not chosen\n", text)
    assert text.count("\n  blocked: ") == len(found["blockers"])


def kinds(name: str) -> set[str]:
    return {"platform"} if name in CONTAINERS else set()


@pytest.mark.parametrize("name", REFUSED)
def test_a_model_that_cannot_be_searched_says_why(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["plan", name]) == 2
    out, err = capsys.readouterr()
    assert out == ""
    reason = err.splitlines()[0].partition(NO_SEARCH_HERE)[2]
    declared = (ROOT / "skills" / "models" / name / "references" / "skill_info.yaml").read_text()
    assert reason
    assert reason in " ".join(declared.partition("x_automl_disabled_reason: ")[2].replace("'", "").split())


@pytest.mark.parametrize("name", CONTAINERS)
def test_the_command_of_its_page_gives_all_that_a_run_needs(name: str, plan: Plan, tmp_path: Path) -> None:
    """But for the platform, which the local one is not."""
    page = (ROOT / "skills" / "models" / name / "SKILL.md").read_text().replace("\\\n", " ")
    command = re.search(r"(?m)^tao-automl plan (.+)$", page)
    assert command is not None
    for data in ("train", "val"):
        (tmp_path / data).mkdir()
    words = shlex.split(command[1].replace("/data/", f"{tmp_path}/").replace("--platform docker", "--platform local"))
    assert [blocker["kind"] for blocker in plan(*words)["blockers"]] == ["platform"]


@pytest.mark.parametrize(
    ("typo", "meant"),
    [
        ("tao-train-dinno", "tao-train-dino"),
        ("dinno", "tao-train-dino"),
        ("tao-train-segfromer", "tao-train-segformer"),
        ("segfromer", "tao-train-segformer"),
        ("tao-train-rtdert", "tao-train-rtdetr"),
        ("rt-dert", "tao-train-rtdetr"),
        ("train-segformer2", "tao-train-segformer"),
        ("mask2fomer", "tao-train-mask2former"),
        ("point-pilars", "tao-train-pointpillars"),
        ("tao-train-optical_inspecton", "tao-train-optical-inspection"),
        ("clp", "tao-finetune-clip"),
        ("tao-finetune-cosmos-reson", "tao-finetune-cosmos-reason"),
        ("image-clasification", "tao-train-image-classification"),
        ("tabluar", "train-tabular"),
        ("casual-lm", "finetune-causal-lm"),
    ],
)
def test_a_wrong_name_is_answered_with_the_nearest_three(
    typo: str, meant: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("TAO_SKILL_BANK_PATH", str(ROOT))
    assert main(["plan", typo]) == 2
    named = capsys.readouterr().err.partition("hint: nearest: ")[2].strip().split(", ")
    assert named[0] == meant
    assert len(set(named)) == 3
    assert set(named) <= {skill.name for skill in SKILLS}


def test_a_plan_loads_nothing_that_it_does_not_need() -> None:
    code = "import sys; from tao_automl.cli.main import main; main(['plan', 'train-tabular']); print(*sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, cwd=ROOT, check=True)
    loaded = set(done.stdout.splitlines()[-1].split())
    assert not loaded & {"numpy", "scipy", "pandas", "sklearn", "torch", "sqlite3", "tao_automl.report.html"}
