"""Metrics in log lines: what is one, and what is not."""

import json
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tao_automl.metrics import LogPattern, read_line


def tagged(**fields: object) -> str:
    return json.dumps({"tao_automl": "metric", **fields})


def test_a_tagged_line_reports_its_epoch_and_values() -> None:
    assert read_line(tagged(epoch=3, metrics={"accuracy": 0.5, "n": 2})) == (3, {"accuracy": 0.5, "n": 2.0})


def test_text_before_the_object_is_ignored() -> None:
    assert read_line("[rank 0] " + tagged(epoch=1, metrics={"a": 1})) == (1, {"a": 1.0})


@pytest.mark.parametrize("value", [None, float("nan"), float("inf"), "0.5", True, [1]])
def test_what_is_not_a_finite_number_is_none(value: object) -> None:
    assert read_line(tagged(epoch=1, metrics={"a": value})) == (1, {"a": None})


@pytest.mark.parametrize("epoch", [None, 0, -1, 1.5, "3", True, 2**40])
def test_an_epoch_that_is_none_is_not_told(epoch: object) -> None:
    assert read_line(tagged(epoch=epoch, metrics={"a": 1})) == (None, {"a": 1.0})


@pytest.mark.parametrize(
    "line",
    [
        "",
        "accuracy: 0.5",
        '{"tao_automl": "metric"}',
        '{"tao_automl": "metric", "metrics": 3}',
        '{"tao_automl": "note", "metrics": {"a": 1}}',
        '{"tao_automl": "metric", "metrics": {"a": 1}',
        '["tao_automl"]',
        "tao_automl " + "[" * 60_000,
        tagged(metrics={str(i): i for i in range(1000)}),
        tagged(metrics={"a": 1}, padding="x" * 70_000),
    ],
)
def test_other_lines_report_nothing(line: str) -> None:
    assert read_line(line) is None


@given(st.text())
def test_no_text_is_an_error(text: str) -> None:
    read_line(text)
    read_line('{"tao_automl": "metric", "metrics": ' + text)


def test_a_declared_pattern_reports_its_metric() -> None:
    pattern = LogPattern(metric="loss", pattern=re.compile(r"epoch (?P<epoch>\d+).*loss=(?P<value>\S+)"))
    assert read_line("epoch 4: loss=0.25", (pattern,)) == (4, {"loss": 0.25})
    assert read_line("epoch 4: loss=nan", (pattern,)) == (4, {"loss": None})
    assert read_line("epoch 4: loss=?", (pattern,)) is None
    assert read_line("nothing", (pattern,)) is None


def test_a_pattern_without_an_epoch() -> None:
    pattern = LogPattern(metric="mAP", pattern=re.compile(r"mAP: (?P<value>[\d.]+)"))
    assert read_line("mAP: 0.7", (pattern,)) == (None, {"mAP": 0.7})
