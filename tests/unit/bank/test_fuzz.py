"""Bent and broken files: a skill loads, or one error says why not. Never anything else.

``FUZZ=10000`` in the environment makes that many files in all, instead of a few per test.
"""

import contextlib
import copy
import json
import os
import random
import time
from itertools import pairwise
from pathlib import Path

import pytest
import yaml
from kind_files import CONSTRAINTS, EXTRA, TEMPLATE_WITH, schema_with
from skill_files import INFO, SCHEMA, write_skill
from tao_files import facts_of, needs_facts, schema_document, skill_info_text, write_tao_skill

from tao_automl.bank import load_skill, read_space, support_gate
from tao_automl.bank.skill_page import read_page
from tao_automl.bank.validation import check_named, check_skill
from tao_automl.cli.vocabulary import known_names
from tao_automl.domain.json_values import same_json
from tao_automl.domain.parameters import Text
from tao_automl.errors import SearchSpaceError, SkillError

TOTAL = int(os.environ.get("FUZZ", "0"))
USUALLY = 1600  # files in all, if nothing is asked for
LONGEST = 20.0  # seconds of the processor for one file
TAO_SCHEMAS = ("tao-train-dino", "tao-finetune-cosmos-reason", "tao-train-metric-learning-recognition")


def rounds(usual):
    """How many files a test makes."""
    return max(usual, usual * TOTAL // USUALLY)


ODD = (
    None,
    True,
    False,
    0,
    -1,
    1,
    2**70,
    10**400,
    0.5,
    -0.0,
    1e308,
    5e-324,
    "",
    "x",
    "model.kind",
    "../..",
    "\ud800",
    "a.b",
    "\0",
    [],
    {},
    [None],
    [1, 1],
    {"a": 1},
    {"": {}},
    [[]],
    "number",
    "integer",
    ["number", "integer"],
    "log",
    "power2",
    {"model.kind": ["mlp"]},
    {"properties": {}},
    {"model.depth": [1, "x"]},
    "(" * 200,
    {"type": "number"},
    {"kind": "log_pattern", "pattern": "("},
    "train.lr_steps",
    "train.batch_size > 1 / 0",
    "train.clip + 1 <= model.depth",
    "len(train.layers) == 2",
    "> depends_on",
    "/ 8",
    "TRUE",
    ["int", "null"],
    {"enum": ["a", "b"]},
    {"mean": 0.5, "strength": "strong"},
    [0.5, 0.25],
    [3, 2, 1],
    "list_2",
    "categorical",
)


def places(document):
    """All places of a document, as paths."""
    found, waiting = [], [()]
    while waiting:
        path = waiting.pop()
        node = document
        for part in path:
            node = node[part]
        found.append(path)
        if isinstance(node, dict | list):
            waiting += [(*path, key) for key in (node if isinstance(node, dict) else range(len(node)))]
    return found[1:]


def bent(document, rng):
    """A copy with one to three places replaced, removed, renamed or copied over."""
    document = copy.deepcopy(document)
    for _ in range(rng.randint(1, 3)):
        *above, last = rng.choice(places(document))
        node = document
        for part in above:
            node = node[part]
        move = rng.randrange(4)
        if move == 0 or not isinstance(node, dict):
            node[last] = copy.deepcopy(rng.choice(ODD))
        elif move == 1:
            del node[last]
        elif move == 2:
            node[f"{last}{rng.choice(['', 's', '.x', ' '])}"] = node.pop(last)
        else:
            node[last] = copy.deepcopy(node[rng.choice(list(node))])
        if not places(document):
            break
    return document


def broken(text, rng):
    """The text with a few characters cut, doubled or replaced."""
    for _ in range(rng.randint(1, 4)):
        at = rng.randrange(len(text))
        size = rng.choice([1, 1, 3, 40])
        text = (
            text[:at]
            + rng.choice(["", text[at : at + size] * 2, "\t", "{", "]", "\0", "&a *a", "NaN", "1e999", ": "])
            + text[at + size :]
        )
        if not text:
            return "?"
    return text


@pytest.fixture
def folder(tmp_path):
    return write_skill(tmp_path / "train-toy", template=TEMPLATE_WITH)


def read_all(folder):
    """Whether the skill can be searched. Any other exception than the two ends the test, and so does a long wait."""
    fault = "unknown"
    start = time.process_time()
    try:
        skill = load_skill(folder)
        support_gate(skill, "train")
        check(read_space(skill, "train").space)
        fault = None
    except (SkillError, SearchSpaceError) as error:
        fault = error.message
    assert fault != ""
    assert time.process_time() - start < LONGEST
    return fault is None


def check(space):
    rng = random.Random(0)
    assert space.dimension > 0 or any(isinstance(p, Text) for p in space.parameters)
    for config in [space.default(), *space.sample_many(rng, 4), space.sample(rng)]:
        assert space.is_member(config)
        assert same_json(space.decode(space.encode(config)), config)
    json.dumps(space.to_json(), allow_nan=False)


ALL_NAMES = [f"train.{name}" for name in EXTRA if name != "total_batch"]
OUR_SCHEMAS = {
    "toy": SCHEMA,
    "kinds": schema_with(CONSTRAINTS) | {"automl_default_parameters": [*ALL_NAMES, "train.batch_size", "model.kind"]},
}


@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize("name", OUR_SCHEMAS)
def test_bent_schemas(folder, seed, name):
    rng = random.Random(seed)
    outcomes = []
    for _ in range(rounds(60)):
        (folder / "schemas/train.schema.json").write_text(json.dumps(bent(OUR_SCHEMAS[name], rng)))
        outcomes.append(read_all(folder))
    assert len(set(outcomes)) == 2


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("name", OUR_SCHEMAS)
def test_broken_schemas(folder, seed, name):
    rng = random.Random(seed)
    text = json.dumps(OUR_SCHEMAS[name], indent=1)
    for _ in range(rounds(30)):
        (folder / "schemas/train.schema.json").write_text(broken(text, rng))
        read_all(folder)


@needs_facts
@pytest.mark.parametrize("name", TAO_SCHEMAS)
@pytest.mark.parametrize("bend", [True, False])
def test_schemas_of_the_tao_dialect(folder, name, bend):
    rng = random.Random(name)
    document = schema_document(facts_of(name)["schemas"]["train"])
    outcomes = []
    for _ in range(rounds(25)):
        text = json.dumps(bent(document, rng)) if bend else broken(json.dumps(document, indent=1), rng)
        (folder / "schemas/train.schema.json").write_text(text)
        outcomes.append(read_all(folder))
    assert True in outcomes or not bend


@needs_facts
@pytest.mark.parametrize("name", TAO_SCHEMAS)
def test_skill_infos_of_the_tao_bank(tmp_path, name):
    rng = random.Random(name)
    facts = facts_of(name)
    folder = write_tao_skill(tmp_path / name, facts)
    info = yaml.safe_load(skill_info_text(facts))
    for _ in range(rounds(20)):
        text = json.dumps(bent(info, rng)) if rng.random() < 0.5 else broken(skill_info_text(facts), rng)
        (folder / "references/skill_info.yaml").write_text(text)
        read_all(folder)


@pytest.mark.parametrize("seed", range(3))
def test_bent_skill_infos(folder, seed):
    rng = random.Random(seed)
    for _ in range(rounds(50)):
        text = json.dumps(bent(INFO, rng))
        (folder / "references/skill_info.yaml").write_text(text)
        read_all(folder)


@pytest.mark.parametrize("seed", range(3))
def test_broken_skill_infos(folder, seed):
    rng = random.Random(seed)
    text = yaml.safe_dump(INFO, sort_keys=False)
    for _ in range(rounds(50)):
        (folder / "references/skill_info.yaml").write_text(broken(text, rng))
        read_all(folder)


@pytest.mark.parametrize("seed", range(2))
def test_noise(folder, seed):
    rng = random.Random(seed)
    for name in ("references/skill_info.yaml", "schemas/train.schema.json", "references/spec_template_train.yaml"):
        path = folder / name
        good = path.read_bytes()
        for _ in range(rounds(25)):
            path.write_bytes(rng.randbytes(rng.choice([1, 10, 1000])))
            read_all(folder)
        path.write_bytes(good)


# SKILL.md

VOCABULARY = known_names()
PAGES = sorted((Path(__file__).resolve().parents[3] / "skills").glob("*/*/SKILL.md"))
NASTY = (
    "`scripts/train.py --" + "x" * 300 + "`",
    "`references/" + "a" * 400 + ".md`",
    "`skills/**/**/**/**/*x`",
    "`docs/**x`",
    "`scripts/*\0`",
    "[a](\0)",
    "[a](" + "b/" * 3000 + ")",
    "[" * 4000,
    "[a](SKILL.md#" + "x" * 3000 + ")",
    "`" * 999,
    "```sh\ntao-automl run --setting\n",
    "```sh\ntao-automl \\\n",
    "```sh\n" + "$(" * 500 + ")" * 500 + "\n",
    "```sh\n" + "${a-" * 3000 + "/scripts/x.py\n",
    "```sh\ncat <<'EOF'\n",
    "~~~\n```\n~~~~",
    "automl_settings['" + "y" * 3000 + "']",
    "`train." + "*" * 60 + "b`",
    "'\"",
    "---",
    "\u2028\x0c\x1c",
    "# " + "#" * 3000,
)
BOMB = "\n".join(
    f"{name}: &{name} [{', '.join(['x' if above == '_' else f'*{above}'] * 8)}]"
    for above, name in pairwise("_abcdefgh")
)
FRONT = (
    f"{BOMB}\nname: *h\ndescription: *h\n",
    "name: &n [*n]\n",
    "name: 0x" + "f" * 9000 + "\n",
    "name: " + "9" * 9000 + "\n",
    "name: !!python/object/apply:os.system [x]\n",
    "name: 2026-01-01\ndescription: .inf\n",
    "name: [" + "[" * 3000 + "\n",
    "? {a: 1}\n: 2\n",
    "<<: {name: x}\n",
    "name: x\nname: y\n",
    "1: 2\n",
    "metadata: {1: 2, a: [b], c: null}\n",
    "description: |\n  " + "word " * 2000 + "\n",
)


def bent_page(text, rng):
    """A page with its front matter, or a piece of its text, replaced."""
    front, _, body = text.removeprefix("---\n").partition("\n---\n")
    move = rng.randrange(6)
    if move == 0:
        front = rng.choice(FRONT)
    elif move == 1:
        front = f"{front}\n{rng.choice(FRONT)}"
    elif move == 2:
        front = json.dumps(bent(yaml.safe_load(front), rng))
    elif move == 3:
        front = broken(front, rng)
    else:
        lines = body.splitlines()
        for _ in range(rng.randint(1, 4)):
            at = rng.randrange(len(lines))
            lines[at : at + rng.randrange(3)] = [rng.choice(["", lines[at]]) + rng.choice(NASTY)]
        body = "\n".join(lines)
    return f"---\n{front}\n---\n{body}\n"


def check_page_of(folder, root):
    """Whether the page has no findings. Any exception ends the test, but the reader's one."""
    start = time.process_time()
    with contextlib.suppress(SkillError):
        page = read_page(folder / "SKILL.md")
        assert isinstance(page.name + page.description + page.body, str)
    report = check_skill(folder, VOCABULARY, root=root)
    assert all(str(finding) for finding in report.findings)
    assert time.process_time() - start < LONGEST
    return not [finding for finding in report.findings if finding.path.name == "SKILL.md"]


@pytest.fixture
def bank(tmp_path):
    """A bank with the toy skill in it."""
    folder = write_skill(tmp_path / "skills/models/train-toy", template=TEMPLATE_WITH)
    (folder / "evals").mkdir()
    (folder / "scripts/train.py").chmod(0o755)
    return folder


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("how", [bent_page, broken])
def test_pages(bank, how, seed):
    rng = random.Random(seed)
    outcomes = set()
    for _ in range(rounds(35)):
        text = rng.choice(PAGES).read_text(encoding="utf-8")
        (bank / "SKILL.md").write_text(how(text, rng), encoding="utf-8")
        outcomes.add(check_page_of(bank, bank.parents[2]))
    assert False in outcomes


@pytest.mark.parametrize("part", [*FRONT, *NASTY], ids=lambda part: part[:24])
def test_each_nasty_piece(bank, part):
    front = part if part in FRONT else "name: train-toy\ndescription: Train toys.\n"
    (bank / "SKILL.md").write_text(f"---\n{front}---\n# Toy\n\n{'' if part in FRONT else part}\n", encoding="utf-8")
    check_page_of(bank, bank.parents[2])
    assert check_named(str(bank)).name == "train-toy"


@pytest.mark.parametrize("piece", ["[", "[](", "`a", "${a-", "$(", "a.", "- ", "|", "# ", "<a", "\\\n", "'", "#"])
def test_no_piece_of_a_page_takes_long_however_often_it_comes(bank, piece):
    (bank / "SKILL.md").write_text(f"---\nname: train-toy\n---\n```sh\n{piece * 50_000}\n```\n{piece * 50_000}\n")
    check_page_of(bank, bank.parents[2])


def test_noise_in_a_page(bank):
    rng = random.Random(0)
    for _ in range(rounds(40)):
        (bank / "SKILL.md").write_bytes(b"---\n" * rng.randrange(2) + rng.randbytes(rng.choice([1, 100, 9000])))
        assert not check_page_of(bank, bank.parents[2])
