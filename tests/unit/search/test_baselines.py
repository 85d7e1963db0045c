"""Random, Sobol and grid search."""

import subprocess
import sys
from collections import Counter
from dataclasses import MISSING, fields, replace
from typing import Any

import pytest
from scipy.stats import qmc

from tao_automl.domain.conditions import Condition
from tao_automl.domain.dice import rng_for, seed_for
from tao_automl.domain.json_types import JsonObject
from tao_automl.domain.parameters import Bool, Choice, Float, Int, Scale
from tao_automl.domain.problem import Problem
from tao_automl.domain.space import SearchSpace
from tao_automl.domain.trial import Decision, Origin, Start, Trial, TrialState
from tao_automl.errors import SettingsError
from tao_automl.search.asha import ASHA
from tao_automl.search.grid import GridSearch
from tao_automl.search.hyperband import Hyperband
from tao_automl.search.random_search import RandomSearch
from tao_automl.search.sobol import SobolSearch, point, scrambled
from tao_automl.testing.simulation import mixed_space, problem_of

SEARCHERS = [RandomSearch, SobolSearch, GridSearch, Hyperband, ASHA]
ABC = SearchSpace(
    (
        Float(name="lr", low=1e-4, high=1e-2, default=1e-3, scale=Scale.LOG),
        Int(name="layers", low=1, high=2, default=1),
        Choice(name="optimizer", options=("adam", "sgd", "lion"), default="adam"),
    )
)


def configurations(answer: list[Decision] | Any) -> list[JsonObject]:
    return [d.params for d in answer if isinstance(d, Start)]


def trials(problem: Problem, *configs: JsonObject, origin: Origin = Origin.SEARCH, **fields: Any) -> tuple[Trial, ...]:
    sign = problem.space.signature
    return tuple(
        Trial(id=i, params=c, signature=sign(c), budget=27, origin=origin, **fields) for i, c in enumerate(configs)
    )


def test_random_dice_have_the_address_of_the_proposal() -> None:
    problem = problem_of(mixed_space(), seed=5)
    history = trials(problem, problem.space.default(), origin=Origin.DEFAULT)
    expected = [problem.space.sample(rng_for(5, "random", n)) for n in range(4)]
    assert configurations(RandomSearch(problem=problem).ask(history, 4)) == expected
    assert configurations(RandomSearch(problem=problem).ask((), 4)) == expected


@pytest.mark.parametrize("searcher", [RandomSearch, SobolSearch, GridSearch])
def test_all_trials_count(searcher: type[RandomSearch]) -> None:
    problem = problem_of(mixed_space())
    history = trials(problem, *(problem.space.sample(rng_for(9, i)) for i in range(4)), origin=Origin.USER)
    answer = searcher(problem=problem, num_recommendations=6).ask(history, 9)
    assert [d.budget for d in answer if isinstance(d, Start)] == [27, 27]
    assert not searcher(problem=problem, num_recommendations=3).ask(history, 9)


@pytest.mark.parametrize("searcher", [RandomSearch, SobolSearch, GridSearch])
@pytest.mark.parametrize("state", list(TrialState))
def test_known_configurations_are_not_proposed(searcher: type[RandomSearch], state: TrialState) -> None:
    """Whatever became of them: eleven of twelve are known, so that only the last one is left."""
    space = SearchSpace((Int(name="a", low=1, high=6, default=1), Bool(name="b", default=True)))
    problem = problem_of(space)
    every = [{"a": a, "b": b} for a in range(1, 7) for b in (False, True)]
    history = trials(problem, *every[:-1], origin=Origin.USER, state=state)
    kinds = {"levels": 6} if searcher is GridSearch else {}
    assert configurations(searcher(problem=problem, **kinds).ask(history, 3)) == every[-1:]


def test_sobol_points_are_scipys() -> None:
    oracle = qmc.Sobol(7, scramble=True, rng=seed_for(3, "sobol")).random(16).tolist()
    sequence = scrambled(7, 3)
    assert [point(sequence, n) for n in range(16)] == oracle
    assert point(scrambled(7, 3), 11) == oracle[11]


def test_sobol_decodes_the_points() -> None:
    problem = problem_of(mixed_space(), seed=3)
    oracle = qmc.Sobol(6, scramble=True, rng=seed_for(3, "sobol")).random(8)
    expected = [problem.space.decode(p) for p in oracle.tolist()]
    assert configurations(SobolSearch(problem=problem).ask((), 8)) == expected
    assert configurations(SobolSearch(problem=problem).ask(trials(problem, *expected[:5]), 3)) == expected[5:]


def test_sobol_covers_more_evenly_than_random() -> None:
    space = SearchSpace(tuple(Float(name=n, low=0.0, high=1.0, default=0.5) for n in "ab"))
    problem = problem_of(space)
    cells = []
    for searcher in (SobolSearch, RandomSearch):
        found = configurations(searcher(problem=problem, num_recommendations=64).ask((), 64))
        cells.append(len({(int(8 * float(str(c["a"]))), int(8 * float(str(c["b"])))) for c in found}))
    assert cells[0] == 64
    assert cells[1] < 50


def test_grid_that_fits_is_walked_in_order() -> None:
    problem = problem_of(ABC)
    found = configurations(GridSearch(problem=problem, levels=3).ask((), 99))
    assert found == list(ABC.grid(3))
    assert len(found) == 3 * 2 * 3
    assert [c["lr"] for c in found[::6]] == [1e-4, 1e-3, 1e-2]


def test_grid_goes_on_where_it_was() -> None:
    problem = problem_of(ABC)
    grid = list(ABC.grid(3))
    users = trials(problem, grid[1], grid[4], origin=Origin.USER)
    own = tuple(replace(t, id=t.id + 2) for t in trials(problem, grid[0], grid[2]))
    assert configurations(GridSearch(problem=problem).ask((*users, *own), 3)) == [grid[3], grid[5], grid[6]]


@pytest.mark.parametrize("many", [12, 24, 36])
def test_part_of_a_large_grid_is_even(many: int) -> None:
    space = SearchSpace((*(Float(name=n, low=0.0, high=1.0, default=0.5) for n in "ab"), *ABC.parameters[1:]))
    problem = problem_of(space)
    assert space.grid_size(6) > many
    found = configurations(GridSearch(problem=problem, levels=6, num_recommendations=many).ask((), 99))
    assert len({space.signature(c) for c in found}) == many
    for name in space.names:
        shown = Counter(str(c[name]) for c in found)
        assert max(shown.values()) - min(shown.values()) <= 1 + many // 12
        assert len(shown) == {"a": 6, "b": 6, "layers": 2, "optimizer": 3}[name]


def test_large_grid_with_conditions_has_no_duplicates() -> None:
    inner = (Float(name=n, low=0.0, high=1.0, default=0.5, when=Condition.of({"on": [True]})) for n in "ab")
    space = SearchSpace((Bool(name="on", default=True), *inner, *ABC.parameters[2:]))
    problem = problem_of(space)
    grid = {space.signature(c) for c in space.grid(3)}
    found = configurations(GridSearch(problem=problem, levels=3, num_recommendations=len(grid) - 1).ask((), 99))
    assert len(grid) == 3 * (9 + 1)
    assert len({space.signature(c) for c in found} & grid) == len(grid) - 1


def test_astronomic_grid_is_quick() -> None:
    space = SearchSpace(tuple(Float(name=f"x{k}", low=0.0, high=1.0, default=0.5) for k in range(40)))
    found = configurations(GridSearch(problem=problem_of(space), levels=5).ask((), 20))
    assert all(len({c[name] for c in found}) >= 3 for name in space.names)


@pytest.mark.parametrize("searcher", [RandomSearch, SobolSearch, GridSearch])
@pytest.mark.parametrize("setting", [0, -1, 2.5, True])
def test_impossible_settings(searcher: type[RandomSearch], setting: Any) -> None:
    with pytest.raises(SettingsError, match="num_recommendations"):
        searcher(problem=problem_of(ABC), num_recommendations=setting)


def test_impossible_levels() -> None:
    with pytest.raises(SettingsError, match="levels"):
        GridSearch(problem=problem_of(ABC), levels=0)


@pytest.mark.parametrize("searcher", SEARCHERS)
def test_settings_describe_themselves(searcher: type) -> None:
    first, *settings = fields(searcher)
    assert (first.name, first.default) == ("problem", MISSING)
    for setting in settings:
        assert setting.default is not MISSING
        assert str(setting.metadata["help"]).endswith(".")
        assert isinstance(setting.metadata["aliases"], tuple)
    assert searcher.__doc__


def test_importing_the_searchers_loads_nothing_heavy() -> None:
    modules = ", ".join(searcher.__module__ for searcher in SEARCHERS)
    check = f"import sys, {modules}; print(sorted({{'numpy', 'scipy'}} & set(sys.modules)))"
    path = {"PYTHONPATH": ":".join(filter(None, sys.path))}
    assert subprocess.run([sys.executable, "-c", check], env=path, capture_output=True, text=True).stdout == "[]\n"
