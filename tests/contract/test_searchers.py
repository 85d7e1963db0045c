"""Every built-in searcher keeps the contract."""

import pytest

from tao_automl.domain.problem import Problem
from tao_automl.search.asha import ASHA
from tao_automl.search.grid import GridSearch
from tao_automl.search.hyperband import Hyperband
from tao_automl.search.random_search import RandomSearch
from tao_automl.search.sobol import SobolSearch
from tao_automl.testing.searcher_contract import MakeSearcher, SearcherContract


class TestRandomSearch(SearcherContract):
    @pytest.fixture
    def make_searcher(self) -> MakeSearcher:
        return lambda problem, **settings: RandomSearch(problem=problem, **{"num_recommendations": 12, **settings})


class TestSobolSearch(SearcherContract):
    @pytest.fixture
    def make_searcher(self) -> MakeSearcher:
        return lambda problem, **settings: SobolSearch(problem=problem, **{"num_recommendations": 12, **settings})


class TestGridSearch(SearcherContract):
    throws_dice = False

    @pytest.fixture
    def make_searcher(self) -> MakeSearcher:
        return lambda problem, **settings: GridSearch(problem=problem, **{"num_recommendations": 12, **settings})


class TestHyperband(SearcherContract):
    needs_fidelity = True

    @pytest.fixture
    def make_searcher(self) -> MakeSearcher:
        def make(problem: Problem, **settings: int) -> Hyperband:
            return Hyperband(problem=problem, **settings)

        return make


class TestASHA(SearcherContract):
    needs_fidelity = True

    @pytest.fixture
    def make_searcher(self) -> MakeSearcher:
        return lambda problem, **settings: ASHA(problem=problem, **{"num_recommendations": 30, **settings})


class TestStoppingASHA(SearcherContract):
    needs_fidelity = True

    @pytest.fixture
    def make_searcher(self) -> MakeSearcher:
        return lambda problem, **settings: ASHA(
            problem=problem, **{"num_recommendations": 30, "variant": "stopping", **settings}
        )
