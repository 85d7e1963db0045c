"""The skill's own look at the data, before anything is launched."""

import json
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

from tao_automl.bank import dump_spec, spec_file
from tao_automl.errors import DataError, SkillError
from tao_automl.runner.setup import Setup

TIMEOUT_SECONDS = 300


def check_data(setup: Setup) -> dict[str, Any]:
    """The facts that the skill's `data_check` script found, for the launch review; empty if it has none.

    Raises:
        DataError: the script refuses the data; with its words.
        SkillError: the script itself is broken.
    """
    action = setup.skill.action(setup.arguments.action)
    script = action.data_check
    if script is None:
        return {}
    spec = setup.jobs.training_spec(setup.problem.space.default(), setup.problem.full_budget)
    with tempfile.TemporaryDirectory(prefix="tao-automl-") as folder:
        config = Path(folder) / spec_file(action.config_format)
        config.write_text(dump_spec(spec, action.config_format), encoding="utf-8")
        done = _run([sys.executable, str(setup.skill.path / script), "--config", str(config)], folder)
    if done.returncode == 2:
        raise _refusal(done.stderr)
    if done.returncode != 0:
        last = (done.stderr.strip().splitlines() or ["it said nothing"])[-1]
        raise SkillError(f"{script} ended with exit code {done.returncode}: {last}", "run it by hand with a spec")
    return _facts(script, done.stdout)


def _run(command: list[str], folder: str) -> "subprocess.CompletedProcess[str]":
    try:
        return subprocess.run(
            command, cwd=folder, capture_output=True, text=True, errors="replace", timeout=TIMEOUT_SECONDS, check=False
        )
    except subprocess.TimeoutExpired:
        raise DataError(f"the data check took longer than {TIMEOUT_SECONDS} s", "try it on less data") from None


def _refusal(stderr: str) -> DataError:
    message, hint = "the data check refused the data and did not say why", ""
    for line in stderr.splitlines():
        if line.startswith("error: "):
            message = line.removeprefix("error: ")
        elif line.startswith("hint: "):
            hint = line.removeprefix("hint: ")
    return DataError(message, hint)


def _facts(script: str, stdout: str) -> dict[str, Any]:
    try:
        facts = json.loads(stdout.strip().splitlines()[-1])
    except (ValueError, IndexError):
        facts = None
    if not isinstance(facts, dict):
        raise SkillError(f"{script} must print one JSON object, printed {stdout[:80]!r}")
    return {str(name): value for name, value in facts.items() if name != "ok"}
