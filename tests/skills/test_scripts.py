"""The scripts that skills name: each runs from anywhere, answers in JSON, and says by its exit code what to do."""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tao_automl import __version__
from tao_automl.bank.versions import read_versions, resolve_version, stamp
from tao_automl.errors import SettingsError, SkillError

ROOT = Path(__file__).resolve().parents[2]
SCRIPTS = ROOT / "scripts"
NAMES = [
    "check_tao_launch_preflight.py",
    "generate_skill_docs.py",
    "list_tao_capabilities.py",
    "list_tao_models.py",
    "redact_secrets.py",
    "resolve_tao_image.py",
    "resolve_tao_model.py",
    "resolve_versions_key.py",
    "stamp_versions.py",
    "validate_skills.py",
]
CANARY = "canary-0123456789abcdef"
Done = subprocess.CompletedProcess[str]


def call(name: str, *words: str | Path, stdin: str = "", **environ: str) -> Done:
    """One script, from a folder that has nothing to do with it."""
    return subprocess.run(
        [sys.executable, str(SCRIPTS / name), *map(str, words)],
        input=stdin,
        capture_output=True,
        text=True,
        timeout=60,
        cwd="/",
        env={**os.environ, **environ},
        check=False,
    )


def document(done: Done) -> Any:
    return json.loads(done.stdout)


@pytest.fixture(scope="module")
def bank(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A bank of its own: one model, one skill, pins and a marked line."""
    root = tmp_path_factory.mktemp("bank")
    shutil.copytree(ROOT / "skills" / "models" / "train-tabular", root / "skills" / "models" / "train-tabular")
    page = root / "skills" / "core" / "tao-help" / "SKILL.md"
    page.parent.mkdir(parents=True)
    page.write_text("---\nname: tao-help\ndescription: Use for | tests.\n---\ntext\n")
    (root / "versions.yaml").write_text("images:\n  one: name:2\n")
    return root


@pytest.mark.parametrize("name", NAMES)
def test_scripts_can_be_run(name: str) -> None:
    path = SCRIPTS / name
    assert os.access(path, os.X_OK)
    assert path.read_text().startswith("#!/usr/bin/env python3\n")


@pytest.mark.parametrize("name", NAMES)
def test_without_the_package_there_is_help_and_one_clear_line(name: str, tmp_path: Path) -> None:
    """`-S -E` leaves the standard library and nothing else."""
    bare = [sys.executable, "-S", "-E", str(SCRIPTS / name)]
    helped = subprocess.run([*bare, "--help"], capture_output=True, text=True, timeout=30, check=False)
    assert (helped.returncode, helped.stderr) == (0, "")
    assert "--format" in helped.stdout
    words = {
        "check_tao_launch_preflight.py": ["--platform", "local"],
        "resolve_tao_image.py": ["dino"],
        "resolve_tao_model.py": ["dino"],
        "resolve_versions_key.py": ["no.such.key"],
    }.get(name, [])
    run = subprocess.run(
        [*bare, *words, "--format", "json"],
        capture_output=True,
        text=True,
        timeout=30,
        cwd=tmp_path,
        input="",
        check=False,
    )
    assert len(run.stderr.splitlines()) == 1
    assert run.stderr.startswith("error: ")
    error = json.loads(run.stdout)["error"]
    assert error["exit_code"] == run.returncode
    assert run.returncode == (3 if name == "resolve_versions_key.py" else 2)


def test_a_key_is_resolved_without_the_package() -> None:
    """What says which wheel to install cannot need it; both readers agree on every key."""
    sys.path.insert(0, str(SCRIPTS))
    try:
        from resolve_versions_key import plain_lookup
    finally:
        sys.path.remove(str(SCRIPTS))
    versions = read_versions(ROOT)
    assert {key: plain_lookup(key) for key in versions} == versions
    assert plain_lookup("wheels") is None
    bare = [sys.executable, "-S", "-E", str(SCRIPTS / "resolve_versions_key.py"), "wheels.tao_automl_slurm"]
    done = subprocess.run(bare, capture_output=True, text=True, timeout=30, cwd="/", check=False)
    assert (done.stdout, done.returncode) == (f"tao-automl[slurm]=={__version__}\n", 0)


def test_wheels_are_pinned_to_this_version() -> None:
    wheels = {key: value for key, value in read_versions(ROOT).items() if key.startswith("wheels.tao_automl")}
    names = {"local", "docker", "kubernetes", "slurm", "brev", "all"}
    assert {f"wheels.tao_automl_{name}" for name in names} <= set(wheels)
    assert {value.rpartition("==")[2] for value in wheels.values()} == {__version__}


def test_keys() -> None:
    assert call("resolve_versions_key.py", "images.tao_toolkit.pyt").stdout.startswith("nvcr.io/")
    done = call("resolve_versions_key.py", "images.tao_toolkit.pyx", "--format", "json")
    assert (done.returncode, document(done)["error"]["exit_code"]) == (2, 2)
    assert "images.tao_toolkit.pyt" in document(done)["error"]["hint"]
    with pytest.raises(SettingsError, match="section"):
        resolve_version("images", ROOT)


@pytest.mark.parametrize(
    "text", ["- a\n", "a: 1\n", "a: [b]\n", "a: 'two words'\n", "a: {}\n", "a: {b: ''}\n", "a: {\n"]
)
def test_pins_that_are_refused(text: str, tmp_path: Path) -> None:
    (tmp_path / "versions.yaml").write_text(text)
    with pytest.raises(SkillError, match=r"versions\.yaml"):
        read_versions(tmp_path)


# stamping

MARKED = """\
image: name:1  # versions-key: images.one
image: "name:1"  # versions-key: images.one
- name:1 # versions-key: images.one
IMAGE=name:1  # versions-key: images.one
export IMAGE='name:1'  # versions-key: images.one
pip install "tool[a]==1"   #versions-key: wheels.tool
image: name:2  # versions-key: images.one
image: name:1  # a comment
"""


def stamped(root: Path, text: str, *, write: bool = True) -> tuple[list[str], str]:
    path = root / "skills" / "models" / "x" / "references" / "skill_info.yaml"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(text.encode())
    (root / "versions.yaml").write_text("images: {one: 'name:2'}\nwheels: {tool: 'tool[a,b]==2'}\n")
    lines = stamp(root, write=write)
    return [line.fault or f"{line.line}: {line.found} {line.wanted}" for line in lines], path.read_bytes().decode()


def test_stamping_writes_the_marked_lines_and_nothing_else(tmp_path: Path) -> None:
    found, text = stamped(tmp_path, MARKED)
    assert found == [f"{n}: name:1 name:2" for n in range(1, 6)] + ["6: tool[a]==1 tool[a,b]==2"]
    wanted = MARKED.replace("name:1", "name:2").replace("tool[a]==1", "tool[a,b]==2")
    assert text == wanted.replace("name:2  # a comment", "name:1  # a comment")
    assert stamped(tmp_path, text)[0] == []


def test_a_check_writes_nothing(tmp_path: Path) -> None:
    found, text = stamped(tmp_path, MARKED, write=False)
    assert (len(found), text) == (6, MARKED)


def test_line_ends_and_modes_stay(tmp_path: Path) -> None:
    path = tmp_path / "skills" / "run.sh"
    path.parent.mkdir()
    path.write_bytes(b"a\r\nX=name:1  # versions-key: images.one\r\nlast")
    path.chmod(0o755)
    stamped(tmp_path, "")
    assert path.read_bytes() == b"a\r\nX=name:2  # versions-key: images.one\r\nlast"
    assert path.stat().st_mode & 0o777 == 0o755


@pytest.mark.parametrize(
    "line",
    [
        "image: name:1  # versions-key: images.two",
        "{image: name:1}  # versions-key: images.one",
        "image: name:1,  # versions-key: images.one",
        "# versions-key: images.one",
    ],
)
def test_marked_lines_that_cannot_be_stamped(line: str, tmp_path: Path) -> None:
    found, text = stamped(tmp_path, line)
    assert len(found) == 1
    assert text == line


def test_stamp_versions(tmp_path: Path) -> None:
    stamped(tmp_path, MARKED, write=False)
    environ = {"TAO_SKILL_BANK_PATH": str(tmp_path)}
    (tmp_path / "skills" / "models").mkdir(parents=True, exist_ok=True)
    checked = call("stamp_versions.py", "--check", "--format", "json", **environ)
    assert (checked.returncode, document(checked)["ok"], len(document(checked)["lines"])) == (2, False, 6)
    assert call("stamp_versions.py", **environ).returncode == 0
    assert "all marked lines agree" in call("stamp_versions.py", "--check", **environ).stdout


def test_the_marked_lines_of_this_bank_agree() -> None:
    assert [str(line) for line in stamp(ROOT, write=False)] == []


# models


def test_models() -> None:
    every = document(call("list_tao_models.py", "--format", "json"))
    searched = document(call("list_tao_models.py", "--scope", "automl", "--format", "json"))
    names = [model["name"] for model in every["models"]]
    assert every["count"] == len(names) >= searched["count"] >= 2
    assert "train-tabular" in names
    assert all(model["automl_enabled"] for model in searched["models"])


def test_a_model_by_alias_and_the_nearest_three(bank: Path) -> None:
    found = document(call("resolve_tao_model.py", "Train_Tabular", "--format", "json"))
    assert (found["name"], found["path"]) == ("train-tabular", "skills/models/train-tabular")
    unknown = call("resolve_tao_model.py", "train-tabluar")
    assert (unknown.returncode, unknown.stdout) == (2, "")
    named = unknown.stderr.partition("nearest: ")[2].strip().split(", ")
    assert named[0] == "train-tabular"
    assert len(set(named)) == 3 or len(list((ROOT / "skills" / "models").iterdir())) < 3
    assert call("resolve_tao_model.py", "tabular", TAO_SKILL_BANK_PATH=str(bank)).stdout == "train-tabular\n"


def test_images() -> None:
    native = call("resolve_tao_image.py", "train-tabular")
    assert (native.returncode, native.stdout) == (0, "")
    assert "native" in native.stderr
    found = document(call("resolve_tao_image.py", "train-tabular", "--format", "json"))
    assert (found["runtime"], found["image"]) == ("python", None)
    wrong = call("resolve_tao_image.py", "train-tabular", "--action", "trian", "--format", "json")
    assert (wrong.returncode, "train" in document(wrong)["error"]["hint"]) == (2, True)


def test_images_of_containers(tmp_path: Path) -> None:
    folder = tmp_path / "skills" / "models" / "train-boxed"
    info = folder / "references" / "skill_info.yaml"
    info.parent.mkdir(parents=True)
    action = "actions: {train: {command: train -e spec.yaml}}\n"
    common = f"name: train-boxed\nnetwork_arch: boxed\nautoml_enabled: false\n{action}"
    (tmp_path / "versions.yaml").write_text("images: {boxed: 'name:1'}\n")

    def resolve() -> Done:
        return call("resolve_tao_image.py", "boxed", TAO_SKILL_BANK_PATH=str(tmp_path))

    info.write_text(f"{common}container_image: name:1  # versions-key: images.boxed\n")
    assert (resolve().stdout, resolve().stderr) == ("name:1\n", "")
    info.write_text(f"{common}container_image: name:0  # versions-key: images.boxed\n")
    assert "does not pin" in resolve().stderr
    info.write_text(f"{common}x_automl_disabled_reason: Use another.\n")
    assert (resolve().returncode, "Use another." in resolve().stderr) == (2, True)


def test_capabilities(bank: Path) -> None:
    found = document(call("list_tao_capabilities.py", "--format", "json", TAO_SKILL_BANK_PATH=str(bank)))
    assert [skill["name"] for skill in found["skills"]["core"]] == ["tao-help"]
    assert found["models"]["automl"] == ["train-tabular"]
    assert "local" in found["platforms"]
    assert "asha" in found["algorithms"]
    assert "tao-help: Use for | tests." in call("list_tao_capabilities.py", TAO_SKILL_BANK_PATH=str(bank)).stdout


def test_a_bank_that_is_not_there(tmp_path: Path) -> None:
    done = call("list_tao_models.py", "--format", "json", TAO_SKILL_BANK_PATH=str(tmp_path))
    assert (done.returncode, document(done)["error"]["exit_code"]) == (2, 2)


# docs


def test_the_catalog_page_and_the_links(bank: Path) -> None:
    environ = {"TAO_SKILL_BANK_PATH": str(bank)}
    checked = document(call("generate_skill_docs.py", "--check", "--format", "json", **environ))
    assert checked["changed"] == ["docs/skills.md", ".agents/skills/tao-help", ".agents/skills/train-tabular"]
    assert not (bank / "docs").exists()
    stale = bank / ".agents" / "skills" / "gone"
    stale.parent.mkdir(parents=True)
    stale.symlink_to("../../skills/models/gone")
    (stale.parent / "mine").mkdir()
    assert call("generate_skill_docs.py", **environ).returncode == 0
    page = (bank / "docs" / "skills.md").read_text()
    assert "[train-tabular](../skills/models/train-tabular/SKILL.md)" in page
    assert "Use for \\| tests." in page
    assert "`accuracy` (maximize)" in page
    assert (bank / ".agents" / "skills" / "tao-help" / "SKILL.md").is_file()
    assert not stale.is_symlink()
    assert (stale.parent / "mine").is_dir()
    (stale.parent / "mine").rmdir()
    assert call("generate_skill_docs.py", "--check", **environ).returncode == 0


def test_the_docs_of_this_bank_are_up_to_date() -> None:
    done = call("generate_skill_docs.py", "--check")
    assert done.returncode == 0, f"run scripts/generate_skill_docs.py\n{done.stdout}"


# redaction, preflight, validation


def test_redaction() -> None:
    text = f"a {CANARY} b\nloss=0.25\n-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\nend"
    done = call("redact_secrets.py", stdin=text, HF_TOKEN=CANARY)
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout == "a [redacted] b\nloss=0.25\n[redacted]\nend"
    found = document(call("redact_secrets.py", "--format", "json", stdin=text, HF_TOKEN=CANARY))
    assert (found["redactions"], CANARY in found["text"]) == (2, False)


def test_redaction_of_a_live_stream() -> None:
    """A line is there before the next one is written; a reader that goes away is no error."""
    with subprocess.Popen(
        [sys.executable, str(SCRIPTS / "redact_secrets.py")],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as process:
        assert process.stdin
        assert process.stdout
        assert process.stderr
        process.stdin.write("password=hunter22hunter\n")
        process.stdin.flush()
        assert process.stdout.readline() == "password=[redacted]\n"
        process.stdout.close()
        process.stdin.write("more\n")
        process.stdin.close()
        assert process.stderr.read() == ""
        assert process.wait(timeout=30) == 141


def test_preflight(tmp_path: Path) -> None:
    data = tmp_path / "train.jsonl"
    data.write_text('{"image": 1}\n' * 10)
    words = ["--platform", "local", "--path", f"train={data}", "--path", f"results={tmp_path / 'results'}"]
    words += ["--json-required-field", "train=image", "--min-free-disk-gb", "0", "--format", "json"]
    ready = call("check_tao_launch_preflight.py", *words, "--effective-batch-limit", "train=5,2", HF_TOKEN=CANARY)
    found = document(ready)
    assert (ready.returncode, found["ready"], found["samples"]) == (0, True, {"train": 10}), ready.stdout
    assert all(set(check) == {"id", "status", "evidence", "remedy"} for check in found["checks"])
    assert CANARY not in ready.stdout + ready.stderr
    act = call("check_tao_launch_preflight.py", *words, "--effective-batch-limit", "train=6,2")
    assert (act.returncode, document(act)["exit_code"]) == (2, 2)


def test_preflight_of_what_cannot_be_found_out() -> None:
    words = ["--platform", "docker", "--path", "data=gs://bucket/x"]
    asked = call("check_tao_launch_preflight.py", *words)
    assert asked.returncode == 3
    assert "could not find out" in asked.stdout
    skipped = call("check_tao_launch_preflight.py", "--platform", "docker", "--skip-platform-access")
    assert (skipped.returncode, "skipped" in skipped.stdout) == (0, True)


@pytest.mark.parametrize("words", [[], ["--platform", "moon"], ["--platform", "local", "--path", "x"], ["--nonsense"]])
def test_preflight_of_nonsense(words: list[str]) -> None:
    done = call("check_tao_launch_preflight.py", *words, "--format", "json")
    assert (done.returncode, document(done)["error"]["exit_code"]) == (2, 2)
    assert "Traceback" not in done.stderr


def test_validation(bank: Path) -> None:
    done = call("validate_skills.py", "--format", "json", TAO_SKILL_BANK_PATH=str(bank))
    found = document(done)
    assert (done.returncode, found["ok"], found["catalog"]["limit"]) == (2, False, 8000)
    faulty = {skill["name"]: skill["faults"] for skill in found["skills"]}
    assert faulty["train-tabular"] == []
    assert any("evals" in fault for fault in faulty["tao-help"])
