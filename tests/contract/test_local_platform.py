"""The local platform keeps the contract, on real processes."""

from pathlib import Path

import pytest

from tao_automl.platforms.local import LocalPlatform
from tao_automl.testing.platform_contract import OpenPlatform, PlatformContract


class TestLocalPlatform(PlatformContract):
    @pytest.fixture
    def open_platform(self, tmp_path: Path) -> OpenPlatform:
        return lambda: LocalPlatform(tmp_path / "jobs", grace_seconds=1, gpus=())
