"""`auto` chooses the algorithm, and the run is recorded with its name."""

from pathlib import Path
from typing import Any

import pytest
from test_first_batch import Three
from toy_skill import make_toy_skill

from tao_automl.errors import SettingsError
from tao_automl.runner.arguments import Arguments
from tao_automl.runner.setup import Setup, prepare


def chosen(tmp_path: Path, **settings: Any) -> Setup:
    skill = make_toy_skill(tmp_path / "toy", tmp_path / "launches")
    arguments = Arguments(
        skill_dir=str(skill),
        action="train",
        platform="memory",
        automl_algorithm="auto",
        automl_settings=settings,
    )
    return prepare(arguments, Three())


@pytest.mark.parametrize(
    ("settings", "name"),
    [
        ({}, "mfbo"),
        ({"num_recommendations": 3}, "sobol"),
        ({"num_recommendations": 3, "max_concurrent": 2}, "mfbo"),
        ({"max_epochs": 2}, "bayesian"),
    ],
)
def test_it_suits_the_problem(tmp_path: Path, settings: dict[str, Any], name: str) -> None:
    setup = chosen(tmp_path, **settings)
    assert setup.arguments.automl_algorithm == name
    assert type(setup.searcher).__name__.lower() in (name, f"{name}search")
    assert setup.why_algorithm


def test_settings_of_one_algorithm_cannot_be_given(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match="n_candidates"):
        chosen(tmp_path, n_candidates=5)
