"""The door for trackers: arguments, settings, options of the command line, and what each tracker takes."""

import importlib.util
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tao_automl.cli.export import parse_trackers
from tao_automl.errors import MissingExtra, SettingsError, UnknownPlugin
from tao_automl.runner.arguments import Arguments
from tao_automl.runner.trackers import continued_trackers, open_tracker, open_trackers

TRACKERS = {"wandb": "wandb", "mlflow": "mlflow", "tensorboard": "tensorboardX"}


def asked(before: Arguments | None = None, **given: Any) -> Arguments:
    return (before or Arguments(skill_dir="s", action="train", platform="local")).updated(given)


def test_wandb_config_is_one_of_the_trackers() -> None:
    config = {"project": "p", "tags": ["a"]}
    by_argument = asked(wandb_config=config)
    by_setting = asked(automl_settings={"seed": 1, "trackers": {"wandb": config}})
    assert by_argument.trackers == by_setting.trackers == {"wandb": config}
    assert by_setting.automl_settings == {"seed": 1}
    both = asked(wandb_config={}, automl_settings={"trackers": {"mlflow": {}}})
    assert both.trackers == {"mlflow": {}, "wandb": {}}
    with pytest.raises(SettingsError, match="both ask for wandb"):
        asked(wandb_config=config, automl_settings={"trackers": {"wandb": {}}})


def test_a_resumed_run_may_have_other_trackers() -> None:
    first = asked(automl_settings={"seed": 1, "trackers": {"mlflow": {}}})
    same = asked(first, automl_settings={"seed": 1})
    assert same.trackers == {"mlflow": {}}
    more = asked(first, wandb_config={"mode": "offline"})
    assert more.trackers == {"mlflow": {}, "wandb": {"mode": "offline"}}
    none = asked(first, automl_settings={"seed": 1, "trackers": {}})
    assert none.trackers == {}
    assert not any(changed.differences(first) for changed in (same, more, none))
    assert asked(first, automl_settings={"seed": 2}).differences(first)


@pytest.mark.parametrize("value", [["mlflow"], {"mlflow": True}, "mlflow"])
def test_trackers_are_a_mapping_of_mappings(value: Any) -> None:
    with pytest.raises(SettingsError, match="trackers: a mapping of trackers to their options is needed"):
        asked(automl_settings={"trackers": value})


@pytest.mark.parametrize("name", TRACKERS)
def test_an_unknown_option_is_refused_with_the_nearest(name: str, tmp_path: Path) -> None:
    known = {"wandb": "project", "mlflow": "experiment", "tensorboard": "dir"}[name]
    with pytest.raises(SettingsError) as caught:
        open_tracker(name, {known + "t": "x"}, tmp_path)
    assert caught.value.message == f"{name}: unknown option `{known}t`"
    assert known in caught.value.hint
    with pytest.raises(SettingsError, match=f"{name}: {known}: a text is needed, got 3"):
        open_tracker(name, {known: 3}, tmp_path)
    assert not list(tmp_path.iterdir()), "opening writes nothing"


@pytest.mark.parametrize("name", TRACKERS)
def test_secrets_are_no_options(name: str, tmp_path: Path) -> None:
    with pytest.raises(SettingsError) as caught:
        open_tracker(name, {"api_key": "swordfish-7"}, tmp_path)
    assert "swordfish" not in str(caught.value)
    if name == "wandb":
        assert "WANDB_API_KEY" in caught.value.hint


def test_an_address_holds_no_password(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match="must not hold a password") as caught:
        open_tracker("mlflow", {"tracking_uri": "https://me:swordfish@host/"}, tmp_path)
    assert "swordfish" not in str(caught.value)
    assert "MLFLOW_TRACKING_TOKEN" in caught.value.hint


def test_the_modes_of_wandb(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match="wandb: mode: one of online, offline, disabled is needed, got 'of'"):
        open_tracker("wandb", {"mode": "of"}, tmp_path)


def test_unknown_trackers_and_missing_packages(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(UnknownPlugin, match="no tracker named `wandbb`") as unknown:
        open_trackers({"wandbb": {}}, tmp_path)
    assert "did you mean `wandb`?" in unknown.value.hint
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    for name, module in TRACKERS.items():
        with pytest.raises(MissingExtra, match=f"needs the package `{module}`") as missing:
            open_tracker(name, {}, tmp_path)
        assert missing.value.hint == f"pip install 'tao-automl[{name}]'"


def test_a_recorded_tracker_that_is_gone_is_left_out(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    recorded = {"tensorboard": {}}
    assert continued_trackers(recorded, recorded, tmp_path) == {}
    assert "tracker tensorboard is left out" in caplog.text
    with pytest.raises(MissingExtra):
        continued_trackers({"tensorboard": {"dir": "x"}}, recorded, tmp_path)


def test_opening_imports_no_library(tmp_path: Path) -> None:
    code = (
        "import sys, pathlib\nfrom tao_automl.runner.trackers import open_trackers\n"
        "open_trackers({'wandb': {}, 'mlflow': {}, 'tensorboard': {}}, pathlib.Path('x'))\n"
        "print([name for name in ('wandb', 'mlflow', 'tensorboardX') if name in sys.modules])"
    )
    if not all(importlib.util.find_spec(module) for module in TRACKERS.values()):
        pytest.skip("the trackers are not installed")
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, cwd=tmp_path, check=True)
    assert done.stdout == "[]\n"


def test_trackers_on_the_command_line() -> None:
    assert parse_trackers(["wandb:project=p,tags=a,b,mode=offline", "mlflow"]) == {
        "wandb": {"project": "p", "tags": "a,b", "mode": "offline"},
        "mlflow": {},
    }
    assert parse_trackers(["mlflow:tracking_uri=sqlite:///a.db"]) == {"mlflow": {"tracking_uri": "sqlite:///a.db"}}
    assert parse_trackers(['tensorboard:{"dir": "a,b=c"}']) == {"tensorboard": {"dir": "a,b=c"}}
    with pytest.raises(SettingsError, match="is needed, got 'offline'"):
        parse_trackers(["wandb:offline"])
    with pytest.raises(SettingsError, match="`wandb` is given twice"):
        parse_trackers(["wandb", "wandb:mode=offline"])
