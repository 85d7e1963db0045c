"""Which algorithm `auto` means."""

import pytest

from tao_automl.domain.parameters import Choice, Float, Int
from tao_automl.domain.problem import Fidelity
from tao_automl.domain.space import SearchSpace
from tao_automl.search.choosing import choose
from tao_automl.testing.simulation import mixed_space, small_space

EPOCHS = Fidelity(key="e", low=1, high=50)
WHOLE = Fidelity(key="e", low=40, high=50, resumable=False)
ONCE = Fidelity(key="e", low=1, high=50, resumable=False)
LETTERS = [Choice(name=f"c{k}", options=("a", "b", "c", "d"), default="a") for k in range(5)]
OPTIONS = SearchSpace((*LETTERS, Float(name="x", low=0, high=1, default=0.5)))
WIDE = SearchSpace(tuple(Float(name=f"x{k}", low=0, high=1, default=0.5) for k in range(61)))
STEPS = SearchSpace((Int(name="n", low=1, high=3, default=1), Int(name="k", low=1, high=9, default=1)))


@pytest.mark.parametrize(
    ("space", "fidelity", "slots", "budget", "algorithm"),
    [
        (SearchSpace(()), EPOCHS, 1, 20, "random"),
        (small_space(), EPOCHS, 1, 6, "grid"),
        (small_space(), EPOCHS, 1, 5, "mfbo"),
        (STEPS, None, 1, 20, "bayesian"),  # a grid would skip values of k
        (mixed_space(), EPOCHS, 20, 20, "sobol"),
        (mixed_space(), EPOCHS, 1, 20, "mfbo"),
        (mixed_space(), EPOCHS, 8, 20, "asha"),
        (mixed_space(), ONCE, 1, 20, "bayesian"),
        (mixed_space(), WHOLE, 1, 20, "bayesian"),
        (mixed_space(), None, 1, 20, "bayesian"),
        (mixed_space(), None, 8, 20, "bfbo"),
        (mixed_space(), None, 1, 301, "tpe"),
        (OPTIONS, None, 1, 20, "tpe"),
        (WIDE, None, 1, 20, "tpe"),
    ],
)
def test_choice(space: SearchSpace, fidelity: Fidelity | None, slots: int, budget: int, algorithm: str) -> None:
    found = choose(space=space, fidelity=fidelity, slots=slots, budget=budget)
    assert found.algorithm == algorithm
    assert found.reason
    assert found.reason[-1] not in ".!"
