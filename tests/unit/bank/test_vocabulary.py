"""The published vocabulary, the reader and the schemas of the bank agree."""

import copy
import json
from importlib.resources import files
from pathlib import Path

import pytest
from jsonschema import Draft202012Validator
from skill_files import SCHEMA, leaf, with_leaf

from tao_automl.bank.keywords import LEAF_OURS, ROOT_OURS
from tao_automl.domain.expression_parser import LONGEST
from tao_automl.domain.parameters import Monotone, Scale, Strength

VOCABULARY = json.loads(files("tao_automl.bank").joinpath("vocabulary.schema.json").read_text())
BANK = Path(__file__).parents[3] / "skills" / "models"
SCHEMAS = sorted(BANK.glob("*/schemas/*.schema.json"))
validator = Draft202012Validator(VOCABULARY)


def test_it_is_a_schema_and_describes_itself():
    Draft202012Validator.check_schema(VOCABULARY)
    assert validator.is_valid(VOCABULARY)


def test_it_has_the_keywords_of_the_reader_and_no_others():
    assert set(VOCABULARY["properties"]) == LEAF_OURS | ROOT_OURS
    properties = VOCABULARY["properties"]
    assert properties["scale"]["enum"] == list(Scale)
    assert properties["monotone"]["enum"] == list(Monotone)
    assert properties["prior"]["properties"]["strength"]["enum"] == list(Strength)
    assert VOCABULARY["$defs"]["expression"]["maxLength"] == LONGEST
    assert all("description" in {**VOCABULARY["$defs"]["condition"], **node} for node in properties.values())


@pytest.mark.parametrize("path", SCHEMAS, ids=lambda path: f"{path.parts[-3]}-{path.stem}")
def test_the_schemas_of_the_bank_are_written_in_it(path):
    errors = [f"{list(error.path)}: {error.message}" for error in validator.iter_errors(json.loads(path.read_text()))]
    assert errors == []


@pytest.mark.parametrize(
    ("name", "keywords"),
    [
        ("train.optim.lr", {"scale": "logarithmic"}),
        ("train.optim.lr", {"automl_enabled": "yes"}),
        ("train.optim.lr", {"popular": True}),
        ("train.optim.lr", {"prior": {"mean": "x"}}),
        ("train.optim.lr", {"depends_on": {"model.kind": "mlp"}}),
        ("train.optim.lr", {"monotone": "up"}),
        ("train.optim.lr", {"derived": 3}),
        ("train.optim.lr", {"type": "float"}),
    ],
)
def test_faults_at_any_depth_are_found(name, keywords):
    assert validator.is_valid(SCHEMA)
    assert not validator.is_valid(with_leaf(name, **keywords))


def test_items_are_searched_too():
    schema = copy.deepcopy(SCHEMA)
    schema["properties"]["betas"] = leaf("array", [0.9], items={"type": "number", "scale": "logarithmic"})
    assert not validator.is_valid(schema)
