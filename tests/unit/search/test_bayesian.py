"""Bayesian optimisation."""

import pytest

from tao_automl.search.bayesian import BFBO, Bayesian
from tao_automl.testing.searcher_contract import MakeSearcher, SearcherContract

SMALL = {"num_recommendations": 9, "n_init": 4}


class TestBayesianContract(SearcherContract):
    @pytest.fixture
    def make_searcher(self) -> MakeSearcher:
        return lambda problem, **settings: Bayesian(problem=problem, **{**SMALL, **settings})


class TestBFBOContract(SearcherContract):
    batch_is_sequence = False

    @pytest.fixture
    def make_searcher(self) -> MakeSearcher:
        return lambda problem, **settings: BFBO(problem=problem, **{**SMALL, **settings})
