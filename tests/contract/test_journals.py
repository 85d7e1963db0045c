"""Every installed journal keeps the contract."""

from importlib.metadata import entry_points
from typing import Any

import pytest

from tao_automl.store.sqlite import open_sqlite
from tao_automl.testing.journal_contract import DurableJournalContract, JournalContract, Opener

INSTALLED: dict[str, Any] = {point.name: point.load() for point in entry_points(group="tao_automl.journals")}


class TestEveryJournal(JournalContract):
    @pytest.fixture(params=list(INSTALLED))
    def open_journal(self, request: pytest.FixtureRequest) -> Opener:
        opener: Opener = INSTALLED[request.param]
        return opener


class TestSqliteOutlivesItsProcess(DurableJournalContract):
    @pytest.fixture
    def open_journal(self) -> Opener:
        return open_sqlite
