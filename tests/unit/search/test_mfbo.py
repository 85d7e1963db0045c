"""Multi-fidelity Bayesian optimisation."""

import pytest

from tao_automl.search.mfbo import MFBO
from tao_automl.testing.searcher_contract import MakeSearcher, SearcherContract


class TestContract(SearcherContract):
    needs_fidelity = True

    @pytest.fixture
    def make_searcher(self) -> MakeSearcher:
        return lambda problem, **settings: MFBO(problem=problem, **{"num_recommendations": 9, **settings})
