"""Docs and skills are held to the code: links lead somewhere, commands are parsed by the real command line, Python
snippets run, and paths exist."""

import os
import re
import shlex
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).resolve().parents[2]
PAGES = sorted(
    page
    for pattern in ("*.md", "docs/**/*.md", "skills/**/*.md")
    for page in ROOT.glob(pattern)
    if not any(part.startswith(".") for part in page.relative_to(ROOT).parts)
)
BLOCK = re.compile(r"^```(\w*)\n(.*?)^```", re.MULTILINE | re.DOTALL)
LINK = re.compile(r"(?<!`)\[[^\]\n]*\]\(([^)\s]+)\)")
FOREIGN = ("http://", "https://", "mailto:", "#")


def name(page: Path) -> str:
    return str(page.relative_to(ROOT))


def blocks(page: Path, *languages: str) -> Iterator[str]:
    for language, text in BLOCK.findall(page.read_text(encoding="utf-8")):
        if language in languages:
            yield text


def commands(page: Path) -> Iterator[list[str]]:
    """The simple commands of the shell blocks, as words; continuation lines joined, comments and prompts dropped."""
    for text in blocks(page, "sh", "bash", "shell"):
        for line in text.replace("\\\n", " ").splitlines():
            for part in re.split(r"\s(?:&&|\|\|?|;)\s", line.removeprefix("$ ").strip()):
                words = shlex.split(part, comments=True)
                if words:
                    yield words


@pytest.mark.parametrize("page", PAGES, ids=name)
def test_links_lead_somewhere(page: Path) -> None:
    text = BLOCK.sub("", page.read_text(encoding="utf-8"))
    for target in LINK.findall(text):
        if not target.startswith(FOREIGN):
            assert (page.parent / target.partition("#")[0]).exists(), f"{name(page)} links to {target}"


@pytest.mark.parametrize("page", PAGES, ids=name)
def test_commands_are_ones_that_exist(page: Path) -> None:
    for words in commands(page):
        program = words[0]
        if Path(program).name == "tao-automl":
            parse(words[1:], page)
        elif program.startswith(("./", "scripts/", ".ci/")):
            assert (ROOT / program).is_file(), f"{name(page)}: {program}"
            assert os.access(ROOT / program, os.X_OK), f"{name(page)}: {program} is not executable"
        elif program in ("python", "python3") and len(words) > 1 and words[1].startswith("skills/"):
            assert (ROOT / words[1]).is_file(), f"{name(page)}: {words[1]}"


def parse(words: list[str], page: Path) -> None:
    """Every option, argument and subcommand, by the real parser; nothing is invoked."""
    from tao_automl.cli.app import command_line

    command: Any = command_line()
    parent, rest = None, list(words)
    try:
        while True:
            parent = command.make_context(command.name, rest, parent=parent)
            if not hasattr(command, "resolve_command"):
                return
            _, command, rest = command.resolve_command(parent, [*parent._protected_args, *parent.args])
    except Exception as error:  # noqa: BLE001  # click raises types of its own, of which typer has a copy
        if type(error).__name__ != "Exit":  # --help and --version end so
            pytest.fail(f"{name(page)}: tao-automl {' '.join(words)}: {error}")


SNIPPETS = [(page, number) for page in PAGES for number, _ in enumerate(blocks(page, "python"))]


@pytest.fixture(scope="session")
def sample_data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A working directory with the data that the quickstart makes."""
    folder = tmp_path_factory.mktemp("docs")
    script = ROOT / "skills" / "models" / "train-tabular" / "scripts" / "make_sample_data.py"
    data = folder / "runs" / "data" / "digits"
    subprocess.run([sys.executable, str(script), str(data), "--dataset", "digits"], check=True, capture_output=True)
    return folder


@pytest.mark.parametrize(("page", "number"), SNIPPETS, ids=[f"{name(page)}-{number}" for page, number in SNIPPETS])
def test_python_snippets_run(page: Path, number: int, sample_data: Path) -> None:
    text = list(blocks(page, "python"))[number]
    done = subprocess.run([sys.executable, "-c", text], cwd=sample_data, capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stderr


def test_pages_hold_no_paths_of_a_machine_and_no_keys() -> None:
    for page in PAGES:
        text = page.read_text(encoding="utf-8")
        assert not re.search(r"/(?:home|Users|root|work)/\w", text), name(page)
        assert not re.search(r"\b(?:AKIA|sk-|nvapi-|hf_)[A-Za-z0-9_-]{16,}", text), name(page)


def test_agents_page_is_short() -> None:
    assert len((ROOT / "AGENTS.md").read_text(encoding="utf-8").splitlines()) <= 60
