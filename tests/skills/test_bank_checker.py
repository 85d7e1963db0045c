"""The checker: a bank without faults passes, and every fault is found by the rule that is for it."""

import json
import random
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tao_automl.bank.validation import CATALOG_LIMIT, check_bank, check_named, check_skill
from tao_automl.bank.validation_page import TOKEN_LIMIT, estimate_tokens
from tao_automl.bank.validation_reference import reference_findings
from tao_automl.bank.validation_types import BankReport, Vocabulary
from tao_automl.cli.vocabulary import known_names
from tao_automl.errors import SkillError

ROOT = Path(__file__).resolve().parents[2]
MODEL, CORE = "skills/models/train-toy", "skills/core/tao-help"
WORDS = Vocabulary(
    commands={
        "": frozenset({"--help"}),
        "run": frozenset({"--yes", "--setting"}),
        "skills": frozenset({"--help"}),
        "skills list": frozenset({"--automl"}),
    },
    settings=frozenset({"max_epochs"}),
)
INFO = """\
name: train-toy
network_arch: toy
automl_enabled: true
metrics: [{name: loss, direction: minimize, primary: true}]
fidelity: {key: train.num_epochs, min: 1, max: 9}
actions:
  train: {python_script: scripts/train.py, outputs: {results_dir: {type: folder}}}
"""
SCHEMA: dict[str, Any] = {
    "type": "object",
    "properties": {
        "results_dir": {"type": "string", "default": "results"},
        "model": {
            "type": "object",
            "properties": {
                "lr": {"type": "number", "default": 0.1, "minimum": 0.01, "maximum": 1.0, "automl_enabled": True}
            },
        },
        "train": {"type": "object", "properties": {"num_epochs": {"type": "integer", "default": 9}}},
    },
    "automl_default_parameters": ["model.lr"],
}
TEMPLATE = "results_dir: results\nmodel: {lr: 0.1}\ntrain: {num_epochs: 9}\n"
PAGE = """\
---
name: {name}
description: {description}
license: Apache-2.0
metadata:
  domain: tests
---

# A page

See [more](references/more.md#a-heading) before `scripts/train.py --config spec.yaml`; all is in `references/*.md`.
`model.lr` matters, `model.lr: 0.2` too, and so does `--yes`. Never `model.ckpt`.

```bash
cat > spec.yaml <<'YAML'
tao-automl nonsense --nowhere
YAML
python "$SKILL_DIR/scripts/train.py" --config spec.yaml && tao-automl run train-toy \\
  --setting max_epochs=3 --yes   # --not-an-option
x=$(tao-automl skills list --automl)
```
"""
TRAIN = "#!/usr/bin/env python3\nimport argparse\nargparse.ArgumentParser().add_argument('--config')\n"
QUERIES = [{"query": f"query {number}", "should_trigger": number % 2 == 0} for number in range(20)]
CASE = {"id": "one", "prompt": "p", "expected_output": "o", "files": [], "assertions": ["a"]}


def put(root: Path, name: str, text: str) -> None:
    path = root / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")


@pytest.fixture
def bank(tmp_path: Path) -> Path:
    """Two skills, without a fault."""
    for folder in (MODEL, CORE):
        name = Path(folder).name
        put(tmp_path, f"{folder}/SKILL.md", PAGE.replace("{name}", name).replace("{description}", "Use for tests."))
        put(tmp_path, f"{folder}/references/more.md", "# A heading\n\nText.\n")
        put(tmp_path, f"{folder}/scripts/train.py", TRAIN)
        (tmp_path / folder / "scripts" / "train.py").chmod(0o755)
        put(tmp_path, f"{folder}/evals/evals.json", json.dumps({"skill_name": name, "evals": [CASE]}))
        put(tmp_path, f"{folder}/evals/triggers.json", json.dumps(QUERIES))
    put(tmp_path, f"{MODEL}/references/skill_info.yaml", INFO)
    put(tmp_path, f"{MODEL}/references/spec_template_train.yaml", TEMPLATE)
    put(tmp_path, f"{MODEL}/schemas/train.schema.json", json.dumps(SCHEMA))
    put(tmp_path, f"{MODEL}/schemas/manifest.json", json.dumps({"train": "train.schema.json"}))
    return tmp_path


def faults(report: BankReport) -> list[str]:
    found = [fault for skill in report.skills for fault in skill.findings] + list(report.findings)
    return [str(fault) for fault in found]


def test_a_bank_without_faults(bank: Path) -> None:
    report = check_bank(bank, WORDS)
    assert faults(report) == []
    assert report.ok
    assert report.catalog_characters == len("train-toy" + "tao-help") + 2 * len("Use for tests.")


Change = Callable[[Path], None]


def append(name: str, text: str) -> Change:
    return lambda root: put(root, name, (root / name).read_text() + text)


def swap(name: str, old: str, new: str) -> Change:
    def change(root: Path) -> None:
        text = (root / name).read_text()
        assert old in text
        put(root, name, text.replace(old, new))

    return change


def evals(**changes: Any) -> Change:
    return lambda root: put(
        root, f"{MODEL}/evals/evals.json", json.dumps({"skill_name": "train-toy", "evals": [CASE | changes]})
    )


def schema(**leaf: Any) -> Change:
    document = json.loads(json.dumps(SCHEMA))
    document["properties"]["model"]["properties"]["lr"] |= leaf
    return lambda root: put(root, f"{MODEL}/schemas/train.schema.json", json.dumps(document))


M, C = f"{MODEL}/SKILL.md", f"{CORE}/SKILL.md"
T, E = f"{MODEL}/evals/triggers.json", f"{MODEL}/evals/evals.json"
FAULTS: list[tuple[str, str, Change]] = [
    ("front-matter", "must begin", lambda root: put(root, C, "# no front matter\n")),
    ("front-matter", "must end", lambda root: put(root, C, "---\nname: x\n")),
    ("front-matter", "must be YAML", swap(C, "description: Use", "description: a: b: Use")),
    ("front-matter", "must be a mapping", lambda root: put(root, C, "---\n- a\n---\ntext\n")),
    ("front-matter", "'version' must not be there", swap(C, "license:", "version: '1'\nlicense:")),
    ("front-matter", "the folder's", swap(C, "name: tao-help", "name: tao-helper")),
    ("front-matter", "single hyphens", swap(C, "name: tao-help", "name: Tao--Help")),
    ("front-matter", "description must be text", swap(C, "description: Use for tests.", "description:")),
    ("front-matter", "when to use", swap(C, "Use for tests.", "A thing.")),
    ("front-matter", "at most 200", swap(M, "Use for tests.", "Use for " + "x" * 200)),
    ("front-matter", "at most 1024", swap(C, "Use for tests.", "Use for " + "x" * 1024)),
    ("front-matter", "at most 500", swap(C, "license:", f"compatibility: {'x' * 501}\nlicense:")),
    ("front-matter", "quote it", swap(C, "domain: tests", "domain: 1.0")),
    ("front-matter", "must have a SKILL.md", lambda root: (root / C).unlink()),
    ("size", "500 lines", append(C, "x\n" * 500)),
    ("size", "5,000 tokens", append(C, "word " * 5000)),
    ("size", "must have a text", lambda root: put(root, C, (root / C).read_text().split("# A page")[0])),
    ("reference", "must name it", lambda root: put(root, f"{CORE}/references/hidden.md", "x")),
    ("reference", "one level", lambda root: put(root, f"{CORE}/references/deep/more.md", "x")),
    ("link", "leads nowhere", append(C, "[x](references/none.md)\n")),
    ("link", "no such heading", append(C, "[x](references/more.md#another)\n")),
    ("link", "no such heading", append(C, "[x](#another)\n")),
    ("path", "references/none.yaml", append(C, "`references/none.yaml`\n")),
    ("path", "scripts/none.py", append(C, "```sh\npython scripts/none.py\n```\n")),
    ("path", "skills/core/none", append(C, "```sh\nls skills/core/none\n```\n")),
    ("path", "schemas/*.json", append(C, "`schemas/*.json`\n")),
    ("executable", "scripts/train.py", lambda root: (root / CORE / "scripts" / "train.py").chmod(0o644)),
    ("command", "tao-automl walk", append(C, "`tao-automl walk here`\n")),
    ("command", "tao-automl skills find", append(C, "```sh\ntrue; tao-automl skills find\n```\n")),
    ("flag", "no option --no", append(C, "`tao-automl run x --no`\n")),
    ("flag", "no option --yes", append(C, "`tao-automl skills list --yes`\n")),
    ("flag", "no option --confg", append(C, "`python scripts/train.py --confg x`\n")),
    ("flag", "--shm-size is no option", append(C, "`--shm-size`\n")),
    ("setting", "max_epoch", append(C, "`tao-automl run x --setting max_epoch=3`\n")),
    ("setting", "max_epoch", append(C, 'Set automl_settings["max_epoch"] first.\n')),
    ("spec-key", "model.rate", append(M, "`model.rate`\n")),
    ("spec-key", "train.epochs", append(M, "`train.epochs: 3`\n")),
    ("secret", "credential", append(C, "AKIA" + "ABCDEFGHIJKLMNOP\n")),
    ("secret", "credential", append(f"{MODEL}/scripts/train.py", "# nvapi" + "-" + "x" * 24 + "\n")),
    ("secret", "credential", append(C, "https://me:" + "hunter22@host/x\n")),
    ("home-path", "somebody's machine", append(C, "Look in /home" + "/me/data.\n")),
    ("home-path", "somebody's machine", append(f"{CORE}/references/more.md", "`/Users" + "/me`\n")),
    ("skill-info", "must be a known key", append(f"{MODEL}/references/skill_info.yaml", "nonsense: 1\n")),
    ("skill-info", "found none", lambda root: (root / MODEL / "references" / "skill_info.yaml").unlink()),
    ("search-space", "", schema(minimum=2.0)),
    ("search-space", "missing", lambda root: shutil.rmtree(root / MODEL / "schemas")),
    ("template", "one default", schema(default=0.2)),
    ("template", "must have a template", lambda root: (root / MODEL / "references/spec_template_train.yaml").unlink()),
    ("template", "not in the template", swap(f"{MODEL}/references/spec_template_train.yaml", "model: {lr: 0.1}\n", "")),
    ("template", "has no place", swap(f"{MODEL}/references/skill_info.yaml", "train.num_epochs", "train.epochs")),
    ("template", "has no place", swap(f"{MODEL}/references/skill_info.yaml", "{results_dir:", "{result_dir:")),
    ("template", "batch: train.size", append(f"{MODEL}/references/skill_info.yaml", "batch: {key: train.size}\n")),
    (
        "template",
        "base_from: model.path has no place in specs of train",
        append(
            f"{MODEL}/references/skill_info.yaml",
            "  evaluate: {python_script: scripts/train.py, inputs: {evaluate.checkpoint: "
            "{type: file, role: checkpoint, base_from: model.path}}}\n",
        ),
    ),
    ("manifest", "must list", lambda root: put(root, f"{MODEL}/schemas/manifest.json", "{}")),
    ("manifest", "declared action", lambda root: put(root, f"{MODEL}/schemas/prune.schema.json", "{}")),
    ("evals", "not found", lambda root: (root / E).unlink()),
    ("evals", "must be JSON", lambda root: put(root, E, "{")),
    ("evals", "must be {", lambda root: put(root, E, "[]")),
    ("evals", "skill_name", lambda root: put(root, E, json.dumps({"skill_name": "other", "evals": [CASE]}))),
    ("evals", "at least one", lambda root: put(root, E, json.dumps({"skill_name": "train-toy", "evals": []}))),
    ("evals", "used once", lambda root: put(root, E, json.dumps({"skill_name": "train-toy", "evals": [CASE, CASE]}))),
    ("evals", "exactly the keys", evals(more=1)),
    ("evals", "prompt", evals(prompt="")),
    ("evals", "assertions", evals(assertions=[])),
    ("evals", "must be a file", evals(files=["none.csv"])),
    ("triggers", "near misses", lambda root: put(root, T, json.dumps([q | {"should_trigger": True} for q in QUERIES]))),
    (
        "triggers",
        "must trigger",
        lambda root: put(root, T, json.dumps([q | {"should_trigger": False} for q in QUERIES])),
    ),
    ("triggers", "about 20", lambda root: put(root, T, json.dumps(QUERIES[:4]))),
    ("triggers", "come once", lambda root: put(root, T, json.dumps([*QUERIES, QUERIES[0]]))),
    ("triggers", "must be a list", lambda root: put(root, T, json.dumps([{"query": "x"}]))),
    ("layout", "must be a folder", lambda root: put(root, "skills/other/x/SKILL.md", "x")),
    ("layout", "UTF-8", lambda root: (root / CORE / "notes.txt").write_bytes(b"\xff\xfe")),
]


@pytest.mark.parametrize(
    ("rule", "words", "change"), FAULTS, ids=[f"{number}-{rule}" for number, (rule, _, _) in enumerate(FAULTS)]
)
def test_every_fault_is_found(rule: str, words: str, change: Change, bank: Path) -> None:
    change(bank)
    report = check_bank(bank, WORDS)
    found = [fault for fault in faults(report) if f": {rule}: " in fault]
    assert any(words in fault for fault in found), faults(report)
    assert not report.ok


def test_faults_name_file_and_line(bank: Path) -> None:
    append(C, "\n`tao-automl walk`\n")(bank)
    lines = (bank / C).read_text().splitlines()
    assert faults(check_bank(bank, WORDS))[0].startswith(f"{bank / C}:{len(lines)}: command: ")


def test_the_catalog_has_a_budget_and_distinct_names(bank: Path) -> None:
    for number in range(8):
        folder = f"skills/core/tao-help-{number}"
        shutil.copytree(bank / CORE, bank / folder)
        swap(f"{folder}/SKILL.md", "Use for tests.", "Use for " + "x" * 1010)(bank)
    swap(f"{CORE}/SKILL.md", "name: tao-help", "name: train-toy")(bank)
    report = check_bank(bank, WORDS)
    assert report.catalog_characters > CATALOG_LIMIT
    said = "\n".join(map(str, report.findings))
    assert "8,000 characters" in said
    assert "train-toy is 2 times" in said


def test_what_may_be_written(bank: Path) -> None:
    """No false alarms: placeholders, files of the user, foreign programs, other spellings."""
    text = """
`$SKILL_DIR/scripts/train.py`, `scripts/<name>.py`, `results/metrics.json`, `model.*`, `train.num_epochs: 3`,
`tao-automl run … --yes`, `tao-automl skills`, `docker run --shm-size 8g name`, `other.key`, `data/train.csv`.
```sh
if ! tao-automl --help; then exit 1; fi
docker run --gpus all name:1 && kubectl logs job/x --follow
FOO=1 python scripts/train.py --config=spec.yaml --help > out.txt
tao-automl run "$NAME" --setting NAME=VALUE -- --anything
```
```python
tao-automl is not looked for here
```
"""
    append(M, text)(bank)
    assert faults(check_bank(bank, WORDS)) == []


def test_pages_of_platforms_name_foreign_options(bank: Path) -> None:
    shutil.copytree(bank / CORE, bank / "skills/platform/tao-help-me")
    for name in ("SKILL.md", "evals/evals.json"):
        swap(f"skills/platform/tao-help-me/{name}", "tao-help", "tao-help-me")(bank)
    append("skills/platform/tao-help-me/SKILL.md", "`--shm-size`\n")(bank)
    assert faults(check_bank(bank, WORDS)) == []


def test_other_layers_have_a_skill_info_of_their_own_kind(bank: Path) -> None:
    put(bank, f"{CORE}/references/skill_info.yaml", "name: tao-help\nlaunchable: false\n")
    assert faults(check_bank(bank, WORDS)) == []


def test_without_a_vocabulary_commands_are_not_judged(bank: Path) -> None:
    append(C, "`tao-automl walk --there --setting a=b`, `--alone`\n")(bank)
    assert faults(check_bank(bank)) == []


def test_a_skill_outside_a_bank_needs_less(bank: Path, tmp_path_factory: pytest.TempPathFactory) -> None:
    folder = tmp_path_factory.mktemp("own") / "train-toy"
    shutil.copytree(bank / MODEL, folder)
    shutil.rmtree(folder / "evals")
    (folder / "SKILL.md").unlink()
    report = check_skill(folder, WORDS)
    assert report.ok
    assert any("SKILL.md" in note for note in report.notes)


def test_skills_by_name(bank: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TAO_SKILL_BANK_PATH", str(bank))
    assert check_named("tao-help", WORDS).name == "tao-help"
    assert check_named("toy", WORDS).name == "train-toy"
    assert check_named(str(bank / CORE), WORDS).ok
    with pytest.raises(SkillError, match="no such model skill"):
        check_named("nothing-like-it", WORDS)


def test_tokens_are_estimated() -> None:
    assert estimate_tokens("") == 0
    assert estimate_tokens("one two three\n") == 4
    assert estimate_tokens("internationalization") == 4
    assert estimate_tokens("word " * TOKEN_LIMIT) >= TOKEN_LIMIT


def test_the_vocabulary_is_that_of_the_command_line() -> None:
    words = known_names()
    assert {"run", "plan", "skills check", "platforms check", ""} <= set(words.commands)
    assert "--yes" in words.commands["run"]
    assert "--help" in words.commands["skills list"]
    assert {"max_epochs", "automl_max_epochs", "seed"} <= words.settings


def test_mutated_pages_never_break_the_checker(bank: Path) -> None:
    dice = random.Random(7)
    original = (bank / M).read_text()
    for _ in range(150):
        text = list(original)
        for _ in range(dice.randint(1, 12)):
            place = dice.randrange(len(text))
            text[place : place + dice.randint(0, 9)] = dice.choice(
                ["`", "---\n", "```sh\n", "$(", "'", "[x](", "\x00", "&a *a", "\\\n", "é"]
            )
        (bank / M).write_text("".join(text), encoding="utf-8")
        check_skill(bank / MODEL, WORDS, root=bank)


def test_the_reference_validator_agrees(bank: Path) -> None:
    if reference_findings(bank / CORE) is None:
        pytest.skip("skills-ref is not installed")
    assert reference_findings(bank / CORE) == []
    swap(C, "license:", "version: '1'\nlicense:")(bank)
    assert reference_findings(bank / CORE)


def test_this_bank_has_no_fault() -> None:
    report = check_bank(ROOT, known_names())
    extra = [str(fault) for skill in report.skills for fault in reference_findings(skill.path) or ()]
    assert faults(report) + extra == []
    assert len(report.skills) >= 2
