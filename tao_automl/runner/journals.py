"""Opening the journal of a workspace."""

from pathlib import Path

from tao_automl import plugins
from tao_automl.domain.ports import Journal


def open_journal(workspace: Path, mode: str) -> Journal:
    """The journal of a workspace; see `tao_automl.store.sqlite.open_sqlite` for modes and errors."""
    journal: Journal = plugins.load(plugins.JOURNALS, "sqlite")(workspace, mode)
    return journal
