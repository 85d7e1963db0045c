"""Toy skills and runs in folders of the test's own."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from toy_skill import make_toy_skill


@pytest.fixture
def launches(tmp_path: Path) -> Path:
    """The file in which every start of a toy training leaves its job's key."""
    return tmp_path / "launches"


@pytest.fixture
def toy(tmp_path: Path, launches: Path) -> Callable[..., Path]:
    """Makes a toy skill; keyword arguments are the defaults of its template."""

    def make(**defaults: Any) -> Path:
        return make_toy_skill(tmp_path / "toy", launches, **defaults)

    return make
