import pytest

from tao_automl.errors import SettingsError
from tao_automl.runner.durations import format_duration, parse_duration


@pytest.mark.parametrize(
    ("written", "seconds"),
    [(90, 90), (0.5, 0.5), ("45", 45), ("45s", 45), ("90m", 5400), ("1h30m", 5400), ("2d", 172800), (" 1.5 H ", 5400)],
)
def test_durations_are_read(written: object, seconds: float) -> None:
    assert parse_duration("max_wall_time", written) == seconds


@pytest.mark.parametrize("written", [0, -1, "soon", "", "5x", "m", None, True, float("nan"), float("inf"), "1h-5m", []])
def test_other_texts_are_refused_by_name(written: object) -> None:
    with pytest.raises(SettingsError, match="max_wall_time"):
        parse_duration("max_wall_time", written)


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(0, "0.0s"), (3.21, "3.2s"), (59.99, "60.0s"), (65, "1m 05s"), (7380, "2h 03m"), (100_000, "1d 03h")],
)
def test_durations_are_written(seconds: float, text: str) -> None:
    assert format_duration(seconds) == text
