"""The last line: every exception becomes a message, a hint and an exit code; in JSON, one document."""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tao_automl import errors
from tao_automl.cli.failures import as_text, describe
from tao_automl.cli.main import main, wants_json

CODES = [
    (errors.UserError, 2),
    (errors.SkillError, 2),
    (errors.SearchSpaceError, 2),
    (errors.SettingsError, 2),
    (errors.DataError, 2),
    (errors.MissingExtra, 2),
    (errors.UnknownPlugin, 2),
    (errors.PlatformError, 3),
    (errors.TrackingError, 3),
    (errors.PlatformUnavailable, 3),
    (errors.PlatformRejected, 3),
    (errors.JournalError, 4),
    (errors.JournalConflict, 4),
    (errors.JournalCorrupt, 4),
    (errors.SkillChanged, 4),
    (errors.TaoAutoMLError, 1),
]


def fail_with(monkeypatch: pytest.MonkeyPatch, error: BaseException) -> None:
    def query_status(workspace: Path) -> Any:
        raise error

    monkeypatch.setattr("tao_automl.runner.query_status", query_status)


def test_every_error_of_the_package_is_in_the_table() -> None:
    known = {cls for cls, _ in CODES}
    defined = {value for value in vars(errors).values() if isinstance(value, type) and issubclass(value, Exception)}
    assert defined == known


@pytest.mark.parametrize(("kind", "code"), CODES)
def test_text(kind: Any, code: int, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    fail_with(monkeypatch, kind("the law is broken", "mend it"))
    assert main(["status", "x"]) == code
    out, err = capsys.readouterr()
    assert out == ""
    assert err == "error: the law is broken\nhint: mend it\n"


@pytest.mark.parametrize(("kind", "code"), CODES)
def test_json(kind: Any, code: int, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    fail_with(monkeypatch, kind("the law is broken"))
    assert main(["status", "x", "--format", "json"]) == code
    out, err = capsys.readouterr()
    error = {"class": kind.__name__, "message": "the law is broken", "hint": "", "exit_code": code}
    assert json.loads(out) == {"error": error}
    assert err == ""


def test_what_was_not_expected(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    fail_with(monkeypatch, ZeroDivisionError("division by zero"))
    assert main(["status", "x"]) == 1
    err = capsys.readouterr().err
    assert err.startswith("error: ZeroDivisionError: division by zero\nhint: ")
    assert "--debug" in err
    assert "Traceback" not in err


@pytest.mark.parametrize("how", ["flag before", "flag after", "variable"])
def test_debug_shows_the_traceback(
    how: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    fail_with(monkeypatch, errors.UserError("no"))
    monkeypatch.setenv("TAO_AUTOML_DEBUG", "1" if how == "variable" else "0")
    words = {"flag before": ["--debug", "status", "x"], "flag after": ["status", "x", "--debug"]}
    assert main([*words.get(how, ["status", "x"]), "--format=json"]) == 2
    out, err = capsys.readouterr()
    assert "Traceback" in err
    assert json.loads(out)["error"]["class"] == "UserError"


@pytest.mark.parametrize("error", [KeyboardInterrupt(), EOFError()])
def test_interrupts(error: BaseException, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    fail_with(monkeypatch, error)
    assert main(["status", "x", "--format", "json"]) == 130
    assert json.loads(capsys.readouterr().out)["error"]["class"] == "Interrupted"


def test_a_closed_pipe_is_quiet(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    fail_with(monkeypatch, BrokenPipeError())
    assert main(["status", "x"]) == 141
    assert capsys.readouterr() == ("", "")


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (["nosuch"], "nosuch"),
        (["status"], "DIR"),
        (["status", "x", "--nosuch"], "--nosuch"),
        (["log", "x", "--last", "0"], "--last"),
        (["run", "toy", "--workspace", "w", "--max-trials", "many"], "--max-trials"),
        (["run", "toy"], "--workspace"),
        (["tell", "x", "one", "2"], "TRIAL"),
        (["status", "x", "--format", "xml"], "xml"),
    ],
)
def test_usage_errors_are_one_line_and_exit_2(words: list[str], says: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(words) == 2
    out, err = capsys.readouterr()
    assert out == ""
    first, *rest = err.rstrip("\n").splitlines()
    assert first.startswith("error: ")
    assert says in first
    assert len(rest) <= 1


def test_usage_errors_in_json(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["status", "--nosuch", "--format", "json"]) == 2
    out, err = capsys.readouterr()
    assert json.loads(out)["error"]["class"] == "UsageError"
    assert err == ""


def test_who_wants_json() -> None:
    assert wants_json(["status", "--format", "json"])
    assert wants_json(["status", "--format=json", "x"])
    assert not wants_json(["status", "--format", "json", "--format", "text"])
    assert not wants_json(["status", "--", "--format", "json"])
    assert not wants_json(["--format"])


def test_no_command_shows_the_help(capsys: pytest.CaptureFixture[str]) -> None:
    assert main([]) == 0
    assert "Usage: tao-automl" in capsys.readouterr().out


def test_a_group_without_a_command_shows_its_help(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["skills"]) in (0, 2)  # as the version of the library below has it
    out, err = capsys.readouterr()
    assert "check" in out + err
    assert "error" not in err


def test_colors_only_where_asked() -> None:
    failure = describe(errors.UserError("a", "b"))
    assert "\033[" not in as_text(failure, color=False)
    assert "\033[" in as_text(failure, color=True)


HEAVY = ("numpy", "scipy", "yaml", "jsonschema", "sqlite3", "tao_automl.runner", "tao_automl.bank", "tao_automl.domain")


def test_help_is_quick_and_loads_nothing_heavy() -> None:
    code = (
        "import resource, sys\n"
        "from tao_automl.cli.main import main\n"
        "main(['--help'])\n"
        "usage = resource.getrusage(resource.RUSAGE_SELF)\n"
        f"heavy = [name for name in {HEAVY!r} if name in sys.modules]\n"
        "print(usage.ru_utime + usage.ru_stime, heavy, file=sys.stderr)\n"
    )
    environment = {**os.environ, "PYTHONDONTWRITEBYTECODE": ""}
    runs = [
        subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, env=environment)
        for _ in range(3)
    ]
    seconds = min(float(run.stderr.split()[0]) for run in runs)
    assert runs[0].stderr.split(maxsplit=1)[1].strip() == "[]"
    assert seconds < 0.6  # of one core; about 0.2 where nothing else runs
