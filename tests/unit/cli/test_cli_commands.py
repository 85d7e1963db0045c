"""What the options mean, and that every command answers in JSON."""

import json
import re
import shlex
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tao_automl import plugins
from tao_automl.cli.app import command_line
from tao_automl.cli.main import main

DEAD_ENDS = [
    ["run", "no-such-skill", "--workspace", "w", "--yes"],
    ["run", "no-such-skill", "--workspace", "w", "--setting", "oops"],
    ["plan", "no-such-skill", "--workspace", "w"],
    ["status", "nowhere"],
    ["status", "nowhere", "--follow"],
    ["report", "nowhere"],
    ["report", "nowhere", "--html", "page.html"],
    ["log", "nowhere"],
    ["log", "nowhere", "--follow"],
    ["resume", "nowhere"],
    ["cancel", "nowhere"],
    ["study", "create", "w", "--skill", "no-such-skill"],
    ["ask", "nowhere"],
    ["tell", "nowhere", "0", "1.5"],
    ["tell", "nowhere", "0"],
    ["tell", "nowhere", "0", "nan"],
    ["tell", "nowhere", "0", "1", "--failed"],
    ["tell", "nowhere", "0", "--nosuch"],
    ["skills", "show", "no-such-skill"],
    ["algorithms", "show", "no-such-algorithm"],
    ["platforms", "check", "no-such-platform"],
    ["nonsense"],
]
Read = Callable[[], Any]


@pytest.fixture
def read(capsys: pytest.CaptureFixture[str]) -> Read:
    """The one JSON document on stdout; nothing on stderr that a person would have to act on."""
    return lambda: json.loads(capsys.readouterr().out)


class FakePlan(dict[str, Any]):
    def to_json(self) -> str:
        return json.dumps(self) + "\n"


@pytest.fixture
def calls(monkeypatch: pytest.MonkeyPatch) -> list[dict[str, Any]]:
    """What `plan` was asked for."""
    made: list[dict[str, Any]] = []

    class FakeRunner:
        def __init__(self, **keywords: Any) -> None:
            self._keywords = {name: value for name, value in keywords.items() if name != "on_event"}

        def plan(self, **arguments: Any) -> FakePlan:
            made.append({**self._keywords, **arguments})
            return FakePlan(skill="toy", algorithm="random", blockers=[])

        def run(self, **arguments: Any) -> Any:
            raise AssertionError("launched")

    monkeypatch.setattr("tao_automl.runner.AutoMLRunner", FakeRunner)
    return made


@pytest.mark.parametrize("words", DEAD_ENDS, ids=" ".join)
def test_errors_are_one_json_document(
    words: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    code = main([*words, "--format", "json"])
    out, err = capsys.readouterr()
    error = json.loads(out)["error"]
    assert code == error["exit_code"] == 2
    assert error["message"]
    assert err == ""
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("words", DEAD_ENDS, ids=" ".join)
def test_errors_are_short_text(
    words: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    assert main(words) == 2
    out, err = capsys.readouterr()
    assert out == ""
    assert re.match(r"error: .+(\nhint: .+)?\n\Z", err)


def test_the_goal_and_the_limits_of_a_run(calls: list[dict[str, Any]]) -> None:
    words = [
        *shlex.split("plan toy --workspace w --objective accuracy --objective latency:direction=minimize,threshold=30"),
        *shlex.split(
            "--constraint 'latency <= 20' --constraint 'accuracy >= 0.95 * baseline' --tracking-metric memory"
        ),
        *shlex.split("--evaluate-trials --max-gpu-hours 12.5 --max-cost 40 --price-per-gpu-hour 2.5 --patience 9"),
        *shlex.split("--early-stopping percentile:percentile=25 --early-stopping asha --warm-start runs/old"),
        *shlex.split("--warm-start a.csv --retention best"),
    ]
    assert main(words) == 0
    assert calls[0]["automl_settings"] == {
        "objectives": [{"metric": "accuracy"}, {"metric": "latency", "direction": "minimize", "threshold": 30}],
        "outcome_constraints": ["latency <= 20", "accuracy >= 0.95 * baseline"],
        "tracking_metrics": ["memory"],
        "evaluate_trials": True,
        "max_gpu_hours": 12.5,
        "max_cost": 40.0,
        "price_per_gpu_hour": 2.5,
        "patience": 9,
        "early_stopping": [{"type": "percentile", "percentile": 25}, {"type": "asha"}],
        "warm_start": ["runs/old", "a.csv"],
        "automl_checkpoint_retention_strategy": "best",
    }


def test_the_arguments_of_a_run(calls: list[dict[str, Any]], tmp_path: Path) -> None:
    words = (
        "plan toy --workspace w --train-data t.csv --eval-data e.csv --algorithm asha --metric loss"
        " --direction minimize --max-trials 7 --max-concurrent 2 --seed 3 --param a.lr --param b"
        " --range a.lr=1e-5:1e-2:log --setting max_wall_time=90m --setting tolerated_failure_rate=0.2"
        " --override train.x=5 --override y=[1,2] --gpus 2 --nodes 1 --image img --platform slurm"
        " --platform-option partition=gpu --action train"
    )
    assert main(words.split()) == 0
    assert calls == [
        {
            "skill_dir": "toy",
            "platform_sdk": "slurm",
            "workspace_dir": Path("w"),
            "action": "train",
            "automl_algorithm": "asha",
            "automl_settings": {
                "max_wall_time": "90m",
                "tolerated_failure_rate": 0.2,
                "metric": "loss",
                "direction": "minimize",
                "automl_max_recommendations": 7,
                "automl_max_concurrent": 2,
                "seed": 3,
            },
            "spec_overrides": {"train.x": 5, "y": [1, 2]},
            "automl_hyperparameters": ["a.lr", "b"],
            "custom_param_ranges": {"a.lr": {"valid_min": 1e-5, "valid_max": 1e-2, "scale": "log"}},
            "train_dataset_uri": "t.csv",
            "eval_dataset_uri": "e.csv",
            "gpu_count": 2,
            "num_nodes": 1,
            "image": "img",
            "platform_options": {"partition": "gpu"},
        }
    ]


def test_what_is_not_given_is_left_to_the_runner(calls: list[dict[str, Any]]) -> None:
    assert main(["plan", "toy", "--workspace", "w", "--gpus", "0"]) == 0
    given = {"skill_dir": "toy", "platform_sdk": "local", "workspace_dir": Path("w"), "action": "train"}
    assert calls == [{**given, "gpu_count": 0}]


def test_a_setting_is_given_one_way(calls: list[dict[str, Any]], capsys: pytest.CaptureFixture[str]) -> None:
    words = ["plan", "toy", "--workspace", "w", "--seed", "1", "--setting", "seed=2"]
    assert main(words) == 2
    assert "--seed and --setting seed" in capsys.readouterr().err
    assert calls == []


def test_the_short_options_are_settings_of_the_runner() -> None:
    from tao_automl.cli.launch import SHORT_SETTINGS
    from tao_automl.runner.settings import SETTINGS

    assert set(SHORT_SETTINGS.values()) <= set(SETTINGS)


@pytest.mark.parametrize("output", ["text", "json"])
def test_nothing_is_launched_without_a_yes(
    output: str, calls: list[dict[str, Any]], capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["run", "toy", "--workspace", "w", "--format", output]) == 2
    out, err = capsys.readouterr()
    assert "--yes" in out + err
    if output == "json":
        assert json.loads(out)["error"]["hint"] == "add --yes to launch"
    assert "Launch review" in (out if output == "text" else err)


def test_a_no_launches_nothing(
    calls: list[dict[str, Any]], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("sys.stdin.isatty", lambda: True)
    monkeypatch.setattr("sys.stderr.isatty", lambda: True)
    monkeypatch.setattr("typer.confirm", lambda *_, **__: False)
    assert main(["run", "toy", "--workspace", "w"]) == 2
    assert "nothing was launched" in capsys.readouterr().err


def test_plan_in_json(calls: list[dict[str, Any]], read: Read) -> None:
    assert main(["plan", "toy", "--workspace", "w", "--format", "json"]) == 0
    assert read() == {"skill": "toy", "algorithm": "random", "blockers": []}


def test_algorithms(read: Read, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["algorithms", "list", "--format", "json"]) == 0
    named = {row["name"]: row["summary"] for row in read()["algorithms"]}
    assert set(named) == set(plugins.names(plugins.SEARCHERS))
    assert all(named.values())
    assert main(["algorithms", "list"]) == 0
    text = capsys.readouterr().out
    assert all(name in text for name in named)


@pytest.mark.parametrize("name", plugins.names(plugins.SEARCHERS))
def test_each_algorithm_is_shown(name: str, read: Read, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["algorithms", "show", name, "--format", "json"]) == 0
    shown = read()
    assert main(["algorithms", "show", name]) == 0
    text = capsys.readouterr().out
    assert name in text
    for setting in shown["settings"]:
        assert setting["name"] in text
        assert setting["help"]


def test_platforms(read: Read, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["platforms", "list", "--format", "json"]) == 0
    assert {"name": "local", "installed": True, "remedy": ""} in read()["platforms"]
    assert main(["platforms", "list"]) == 0
    assert "local" in capsys.readouterr().out
    code = main(["platforms", "check", "local", "--format", "json"])
    checked = read()
    assert checked["ready"] is (code == 0)
    assert {item["status"] for item in checked["checks"]} <= {"ok", "failed", "unknown"}
    assert main(["platforms", "check", "local"]) == code
    assert "local.disk" in capsys.readouterr().out


@pytest.mark.parametrize(("states", "code"), [(["ok"], 0), (["ok", "unknown"], 3), (["failed", "unknown"], 2)])
def test_the_exit_code_of_a_check(
    states: list[str], code: int, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    from tao_automl.domain.job import Check

    checks = [Check(id=f"c{i}", status=state, evidence="seen", remedy="mend") for i, state in enumerate(states)]
    monkeypatch.setattr("tao_automl.cli.platforms._check", lambda *_: checks)
    assert main(["platforms", "check", "any"]) == code
    assert ("mend" in capsys.readouterr().out) is (code != 0)


@pytest.fixture
def bank(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A bank with nothing but a broken skill."""
    broken = tmp_path / "skills" / "models" / "broken" / "references" / "skill_info.yaml"
    broken.parent.mkdir(parents=True)
    broken.write_text("name: broken\nname: again\n")
    monkeypatch.setenv("TAO_SKILL_BANK_PATH", str(tmp_path))
    return tmp_path


def test_a_broken_skill_is_listed_and_fails_its_check(
    bank: Path, read: Read, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["skills", "list", "--format", "json"]) == 0
    assert [skill["fault"] is not None for skill in read()["skills"]] == [True]
    assert main(["skills", "list"]) == 0
    assert "cannot be read" in capsys.readouterr().out
    assert main(["skills", "check", "--format", "json"]) == 2
    checked = read()
    assert checked["ok"] is False
    assert checked["skills"][0]["faults"]
    assert main(["skills", "check"]) == 2
    assert "fault" in capsys.readouterr().out


COMMANDS = [
    "",
    "run",
    "plan",
    "status",
    "report",
    "log",
    "resume",
    "cancel",
    "study",
    "study create",
    "ask",
    "tell",
    "skills",
    "skills list",
    "skills show",
    "skills check",
    "algorithms list",
    "algorithms show",
    "platforms list",
    "platforms check",
]


@pytest.mark.parametrize("command", COMMANDS)
def test_each_command_has_help(command: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main([*command.split(), "--help"]) == 0
    text = capsys.readouterr().out
    assert "Usage" in text
    assert command in text


def examples() -> list[str]:
    """The command lines in the help of all commands, continued lines joined."""
    found: list[str] = []
    for command in COMMANDS:
        text = re.sub(r" \\\n +", " ", _command(command.split()).help or "")
        found += [line.split("tao-automl ", 1)[1] for line in text.splitlines() if line.startswith("  tao-automl ")]
    return found


def _command(path: list[str]) -> Any:
    target = command_line()
    for name in path:
        target = target.commands[name]
    return target


def test_the_examples_in_the_help_can_be_parsed() -> None:
    assert len(examples()) > 15
    for example in examples():
        words = shlex.split(example)
        target = command_line()
        while hasattr(target, "commands"):
            target = target.commands[words.pop(0)]
        target.make_context("x", words)


def test_version(capsys: pytest.CaptureFixture[str]) -> None:
    from tao_automl import __version__

    assert main(["--version"]) == 0
    assert capsys.readouterr().out == f"tao-automl {__version__}\n"
