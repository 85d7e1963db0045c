"""What people type as values."""

import contextlib
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tao_automl.cli.values import parse_headed, parse_pairs, parse_ranges, parse_value
from tao_automl.errors import SettingsError


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("1", 1),
        ("-3", -3),
        ("007", 7),
        ("1e-4", 1e-4),
        ("1E5", 1e5),
        (".5", 0.5),
        ("2.", 2.0),
        ("true", True),
        ("False", False),
        ("null", None),
        ("~", None),
        ("", None),
        ("no", "no"),
        ("off", "off"),
        ("12:30", "12:30"),
        ("2024-01-01", "2024-01-01"),
        ("1e999", "1e999"),
        ("nan", "nan"),
        ("inf", "inf"),
        ("90m", "90m"),
        ("  padded ", "padded"),
        ('"1"', "1"),
        ("'true'", "true"),
        ("[1, 2.5, a]", [1, 2.5, "a"]),
        ('["1", 1e-3]', ["1", 1e-3]),
        ("{a: 1, b: [no]}", {"a": 1, "b": ["no"]}),
        ('{"a": null}', {"a": None}),
        ("s3://bucket/a:b", "s3://bucket/a:b"),
        ("a=b", "a=b"),
    ],
)
def test_values_are_json_or_yaml_1_2(text: str, value: Any) -> None:
    found = parse_value("--setting x", text)
    assert found == value
    assert type(found) is type(value)


@pytest.mark.parametrize("text", ["[1, 2", "{a: 1", '"open', "'", "[1e999]", "{a: *x}"])
def test_what_is_not_closed_or_not_finite_is_refused(text: str) -> None:
    if text == "[1e999]":  # a word, then, as on its own; JSON would read infinity
        with pytest.raises(SettingsError, match="finite"):
            parse_value("--setting x", text)
        return
    with pytest.raises(SettingsError, match="--setting x"):
        parse_value("--setting x", text)


@given(st.text())
def test_any_text_is_a_value_or_a_clean_error(text: str) -> None:
    with contextlib.suppress(SettingsError):
        parse_value("--setting x", text)


@given(st.one_of(st.integers(), st.floats(allow_nan=False, allow_infinity=False), st.booleans(), st.none()))
def test_json_scalars_come_back(value: Any) -> None:
    import json

    assert parse_value("--setting x", json.dumps(value)) == value


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("median", {"type": "median"}),
        ("percentile:percentile=25, grace=2", {"type": "percentile", "percentile": 25, "grace": 2}),
        ("val:top1", {"type": "val:top1"}),
        ("val:top1:direction=minimize", {"type": "val:top1", "direction": "minimize"}),
        ("-latency", {"type": "-latency"}),
        ("max(a, b) - 0.1 * c:threshold=-1e-3", {"type": "max(a, b) - 0.1 * c", "threshold": -1e-3}),
    ],
)
def test_headed(text: str, found: dict[str, Any]) -> None:
    assert parse_headed("--x", "type", text) == found


@pytest.mark.parametrize(("text", "law"), [("", "NAME"), (":a=1", "NAME"), ("x:a=1,a=2", "twice")])
def test_headed_that_are_none(text: str, law: str) -> None:
    with pytest.raises(SettingsError, match=law):
        parse_headed("--x", "type", text)


def test_pairs() -> None:
    assert parse_pairs("--setting", ["a.b=1", "c = x=y", "d="]) == {"a.b": 1, "c": "x=y", "d": None}


@pytest.mark.parametrize(("pairs", "law"), [(["a"], "NAME=VALUE"), (["=1"], "NAME=VALUE"), (["a=1", "a=2"], "twice")])
def test_pairs_that_are_none(pairs: list[str], law: str) -> None:
    with pytest.raises(SettingsError, match=law):
        parse_pairs("--override", pairs)


@pytest.mark.parametrize(
    ("text", "range_"),
    [
        ("lr=1e-5:1e-2:log", {"valid_min": 1e-5, "valid_max": 1e-2, "scale": "log"}),
        ("lr=2:9", {"valid_min": 2, "valid_max": 9}),
        ("lr=:9", {"valid_max": 9}),
        ("lr=-1:", {"valid_min": -1}),
        ("lr=a,b, c", {"valid_options": ["a", "b", "c"]}),
        ("lr=16,32,true", {"valid_options": [16, 32, True]}),
        ("lr=[a]", {"valid_options": ["a"]}),
        ('lr={"valid_options": [1], "option_weights": [2]}', {"valid_options": [1], "option_weights": [2]}),
    ],
)
def test_ranges(text: str, range_: dict[str, Any]) -> None:
    assert parse_ranges([text]) == {"lr": range_}


@pytest.mark.parametrize("text", ["lr=5", "lr=:", "lr=1:2:cubic", "lr=a:b", "lr=1:2:log:3", "lr=nan:1", "lr"])
def test_ranges_that_are_none(text: str) -> None:
    with pytest.raises(SettingsError, match="--range"):
        parse_ranges([text])
