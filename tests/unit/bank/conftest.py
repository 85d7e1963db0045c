import pytest
from skill_files import write_skill

from tao_automl.bank import load_skill


@pytest.fixture
def toy(tmp_path):
    """Writes a changed toy skill and loads it."""

    def make(**documents):
        return load_skill(write_skill(tmp_path / "train-toy", **documents))

    return make
