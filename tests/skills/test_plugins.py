"""The manifests by which clients find the skills, and the hook that runs when a session starts."""

import json
import os
import re
import shutil
import subprocess
import time
from pathlib import Path
from typing import Any

import pytest

from tao_automl import __version__
from tao_automl.bank.skill_page import skill_folders

ROOT = Path(__file__).resolve().parents[2]
CLAUDE, CODEX = ".claude-plugin/plugin.json", ".codex-plugin/plugin.json"
CLAUDE_MARKET, CODEX_MARKET = ".claude-plugin/marketplace.json", ".agents/plugins/marketplace.json"
HOOKS, HOOK = "hooks/hooks.json", ROOT / "hooks" / "session_start.sh"
CANARY = "canary-0123456789abcdef"
NAME = re.compile(r"[a-z0-9]+(-[a-z0-9]+)*")


def load(name: str) -> Any:
    return json.loads((ROOT / name).read_text(encoding="utf-8"))


def inside(path: str) -> Path:
    """A path of a manifest: relative to the plugin's root, and not out of it."""
    assert path.startswith("./")
    assert ".." not in Path(path).parts
    return ROOT / path


@pytest.mark.parametrize("name", [CLAUDE, CODEX])
def test_plugins(name: str) -> None:
    plugin = load(name)
    assert NAME.fullmatch(plugin["name"])
    assert plugin["version"] == __version__
    assert plugin["description"]
    assert plugin["author"]["name"]
    assert plugin["license"] == "Apache-2.0"
    paths = [plugin["skills"]] if isinstance(plugin["skills"], str) else plugin["skills"]
    assert all(inside(path).is_dir() for path in paths)


def test_all_manifests_name_one_plugin_and_one_root_of_skills() -> None:
    names = {load(name)["name"] for name in (CLAUDE, CODEX)}
    names |= {entry["name"] for name in (CLAUDE_MARKET, CODEX_MARKET) for entry in load(name)["plugins"]}
    assert names == {"tao-automl"}
    assert load(CODEX)["skills"] == "./skills/"  # searched at any depth
    listed = {inside(path).resolve() for path in load(CLAUDE)["skills"]}  # searched one folder deep
    assert {folder.parent.resolve() for folder in skill_folders(ROOT)} <= listed


def test_claude_marketplace() -> None:
    market = load(CLAUDE_MARKET)
    assert market["owner"]["name"]
    (entry,) = market["plugins"]
    assert (inside(entry["source"]) / CLAUDE).is_file()
    assert entry["version"] == market["metadata"]["version"] == __version__
    assert "hooks" not in load(CLAUDE), "hooks/hooks.json is found by itself; named again it would run twice"


def test_codex_marketplace() -> None:
    (entry,) = load(CODEX_MARKET)["plugins"]
    assert entry["source"]["source"] == "local"
    assert (inside(entry["source"]["path"]) / CODEX).is_file()
    assert entry["policy"] == {"installation": "AVAILABLE", "authentication": "ON_INSTALL"}
    plugin = load(CODEX)
    assert inside(plugin["hooks"]).is_file()
    prompts = plugin["interface"]["defaultPrompt"]
    assert len(prompts) <= 3
    assert all(len(prompt) <= 128 for prompt in prompts)
    assert os.listdir(ROOT / ".codex-plugin") == ["plugin.json"]


def test_links_for_other_clients_lead_into_the_one_root() -> None:
    links = sorted((ROOT / ".agents" / "skills").iterdir())
    assert links
    for link in links:
        assert link.is_symlink()
        assert not os.path.isabs(link.readlink())
        assert (link / "SKILL.md").is_file()
        assert link.resolve().is_relative_to(ROOT / "skills")
        assert link.resolve().name == link.name


def hook_command() -> str:
    (matcher,) = load(HOOKS)["hooks"]["SessionStart"]
    (hook,) = matcher["hooks"]
    assert hook["type"] == "command"
    assert hook["timeout"] <= 10
    return str(hook["command"])


def run_hook(root: Path, shell: str = "sh", **environ: str) -> subprocess.CompletedProcess[str]:
    """As a client runs it: by the command of hooks.json, with an environment of its own, and an event on stdin."""
    return subprocess.run(
        [shell, "-c", hook_command()],
        input='{"hook_event_name": "SessionStart"}',
        capture_output=True,
        text=True,
        timeout=10,
        cwd="/",
        env={"PATH": "/usr/bin:/bin", "CLAUDE_PLUGIN_ROOT": str(root), **environ},
        check=False,
    )


def test_the_hook_says_who_it_is_and_names_credentials() -> None:
    names = ("NGC_KEY", "AWS_SECRET_ACCESS_KEY", "SECRET_KEY", "HF_TOKEN")
    done = run_hook(ROOT, **dict.fromkeys(names, CANARY), WANDB_API_KEY="")
    assert (done.returncode, done.stderr) == (0, "")
    assert f"tao-automl {__version__}" in done.stdout
    assert str(ROOT) in done.stdout
    present = next(line for line in done.stdout.splitlines() if line.startswith("Set,"))
    assert all(re.search(rf"\b{name}\b", present) for name in names)
    assert "WANDB_API_KEY" not in present
    assert CANARY not in done.stdout
    assert len(done.stdout) < 1500


@pytest.mark.parametrize(
    "value", [CANARY, f"'{CANARY}", f'"; echo {CANARY}', f"$(echo {CANARY})", f"a\n{CANARY}", f"`{CANARY}`"]
)
def test_no_value_is_ever_shown_or_run(value: str) -> None:
    done = run_hook(ROOT, NGC_KEY=value, AWS_PROFILE=value, SHELLOPTS="xtrace")
    assert done.returncode == 0
    assert CANARY not in done.stdout + done.stderr


def test_the_hook_needs_little_and_is_fast(tmp_path: Path) -> None:
    """A path with blanks, no package, no manifest: it still says what it can."""
    root = tmp_path / "a plug in"
    shutil.copytree(ROOT / "hooks", root / "hooks")
    begun = time.monotonic()
    done = run_hook(root)
    assert time.monotonic() - begun < 2
    assert done.returncode == 0
    assert str(root) in done.stdout
    assert "Set, by name only: none." in done.stdout


@pytest.mark.parametrize("shell", ["dash", "bash", "busybox"])
def test_the_hook_in_other_shells(shell: str) -> None:
    if shutil.which(shell) is None:
        pytest.skip(f"{shell} is not installed")
    words = [shell, "sh", str(HOOK)] if shell == "busybox" else [shell, str(HOOK)]
    done = subprocess.run(words, capture_output=True, text=True, timeout=10, env={"NGC_KEY": CANARY}, check=False)
    assert (done.returncode, CANARY in done.stdout + done.stderr) == (0, False)
    assert "NGC_KEY" in done.stdout


def test_the_hook_can_be_run() -> None:
    assert os.access(HOOK, os.X_OK)
