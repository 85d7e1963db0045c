"""Bent and broken files: a skill loads, or one error says why not. Never anything else."""

import copy
import json
import random

import pytest
import yaml
from skill_files import INFO, SCHEMA, write_skill

from tao_automl.bank import load_skill, read_space, support_gate
from tao_automl.errors import SearchSpaceError, SkillError

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
    return write_skill(tmp_path / "train-toy")


def read_all(folder):
    """Whether the skill can be searched. Any other exception than the two ends the test."""
    fault = "unknown"
    try:
        skill = load_skill(folder)
        support_gate(skill, "train")
        check(read_space(skill, "train").space)
        fault = None
    except (SkillError, SearchSpaceError) as error:
        fault = error.message
    assert fault != ""
    return fault is None


def check(space):
    rng = random.Random(0)
    for _ in range(5):
        config = space.sample(rng)
        assert space.is_member(config)
        assert space.decode(space.encode(config).point) == config
    json.dumps(space.to_json())


@pytest.mark.parametrize("seed", range(4))
def test_bent_schemas(folder, seed):
    rng = random.Random(seed)
    outcomes = []
    for _ in range(100):
        (folder / "schemas/train.schema.json").write_text(json.dumps(bent(SCHEMA, rng)))
        outcomes.append(read_all(folder))
    assert len(set(outcomes)) == 2


@pytest.mark.parametrize("seed", range(3))
def test_broken_schemas(folder, seed):
    rng = random.Random(seed)
    text = json.dumps(SCHEMA, indent=1)
    for _ in range(50):
        (folder / "schemas/train.schema.json").write_text(broken(text, rng))
        read_all(folder)


@pytest.mark.parametrize("seed", range(3))
def test_bent_skill_infos(folder, seed):
    rng = random.Random(seed)
    for _ in range(50):
        text = json.dumps(bent(INFO, rng))
        (folder / "references/skill_info.yaml").write_text(text)
        read_all(folder)


@pytest.mark.parametrize("seed", range(3))
def test_broken_skill_infos(folder, seed):
    rng = random.Random(seed)
    text = yaml.safe_dump(INFO, sort_keys=False)
    for _ in range(50):
        (folder / "references/skill_info.yaml").write_text(broken(text, rng))
        read_all(folder)


@pytest.mark.parametrize("seed", range(2))
def test_noise(folder, seed):
    rng = random.Random(seed)
    for name in ("references/skill_info.yaml", "schemas/train.schema.json", "references/spec_template_train.yaml"):
        path = folder / name
        good = path.read_bytes()
        for _ in range(25):
            path.write_bytes(rng.randbytes(rng.choice([1, 10, 1000])))
            read_all(folder)
        path.write_bytes(good)
