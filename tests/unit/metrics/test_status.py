"""Reading status.json: what TAO writes, what others write, and what is neither."""

import json
import math
from collections.abc import Iterable, Iterator
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tao_automl.metrics import Found, StatusReader

VALIDATED = "Eval metrics generated."
TRAINED = "Train metrics generated."


def record(**fields: Any) -> str:
    return json.dumps({"date": "6/17/2026", "time": "10:12:33", "status": "RUNNING", "verbosity": "INFO", **fields})


def read(lines: Iterable[str], *, before: int = 0, budget: int = 3) -> list[Found]:
    reader = StatusReader(before, budget)
    found = [report for line in lines if (report := reader.read(line))]
    return [*found, *reader.close()]


def training(epochs: Iterable[int], last: int, validated_every: int = 1) -> Iterator[str]:
    """What a training writes: counts epochs from 0, repeats its last kpi, and says mAP as text."""
    yield record(status="STARTED", message="Starting Training Loop.")
    kpi: dict[str, Any] = {}
    for epoch in epochs:
        if (epoch + 1) % validated_every == 0:
            kpi = {"val_mAP": f"{epoch / 10}", "val_loss": 3.0 - epoch}
            yield record(kpi=kpi, message=VALIDATED)
        told = {"epoch": epoch, "step": 9 * epoch, "max_epoch": last, "eta": "0:00:01"}
        yield record(**told, **({"kpi": kpi} if kpi else {}), message="Training loop in progress")
        kpi = {"train_loss": 5.0 - epoch}
        yield record(kpi=kpi, message=TRAINED)
    yield record(kpi=kpi, message="Training loop complete.")
    yield record(kpi=kpi, status="SUCCESS", message="Train finished successfully.")


def test_a_training_reports_each_epoch_once() -> None:
    assert read(training(range(3), last=2)) == [
        (1, {"val_mAP": 0.0, "val_loss": 3.0}),
        (1, {"train_loss": 5.0}),
        (2, {"val_mAP": 0.1, "val_loss": 2.0}),
        (2, {"train_loss": 4.0}),
        (3, {"val_mAP": 0.2, "val_loss": 1.0}),
        (3, {"train_loss": 3.0}),
    ]


def test_a_training_that_was_resumed_tells_its_epochs() -> None:
    found = read(training(range(4, 6), last=5), before=4, budget=6)
    assert [(epoch, *values) for epoch, values in found] == [
        (5, "val_mAP", "val_loss"),
        (5, "train_loss"),
        (6, "val_mAP", "val_loss"),
        (6, "train_loss"),
    ]


def test_not_every_epoch_is_validated() -> None:
    found = read(training(range(4), last=3, validated_every=2), budget=4)
    assert [(epoch, values["val_mAP"]) for epoch, values in found if "val_mAP" in values] == [(2, 0.1), (4, 0.3)]
    assert [epoch for epoch, values in found if "train_loss" in values] == [1, 2, 3, 4]


def test_older_versions_tell_the_epoch_last() -> None:
    lines = [
        line
        for epoch in range(2)
        for line in (
            record(kpi={"val_acc": epoch}, message=VALIDATED),
            record(kpi={"train_loss": 9 - epoch}, message=TRAINED),
            record(epoch=epoch, max_epoch=1, kpi={"train_loss": 9 - epoch}, message="Training loop in progress"),
        )
    ]
    assert read(lines, budget=2) == [(1, {"val_acc": 0, "train_loss": 9}), (2, {"val_acc": 1, "train_loss": 8})]


def test_what_is_known_last_is_not_lost() -> None:
    """The job was cancelled, or was an evaluation: nobody tells the epoch any more."""
    lines = [*training(range(2), last=9), record(kpi={"val_mAP": "0.5"}, message=VALIDATED)]
    assert read(lines, budget=10)[-1] == (3, {"val_mAP": 0.5})
    evaluation = [record(kpi={"test_mAP50": "0.25"}, message="Test metrics generated."), record(status="SUCCESS")]
    assert read(evaluation, before=3, budget=3) == [(3, {"test_mAP50": 0.25})]


def test_epochs_that_count_from_1() -> None:
    lines = [record(epoch=epoch, max_epoch=3, kpi={"acc": epoch / 10}) for epoch in (1, 2, 3)]
    assert read(lines) == [(1, {"acc": 0.1}), (2, {"acc": 0.2}), (3, {"acc": 0.3})]


def test_a_fraction_is_an_epoch_under_way() -> None:
    lines = [record(epoch=epoch, kpi={"loss": epoch}) for epoch in (0.5, 1.0, 1.25)]
    assert [epoch for epoch, _ in read(lines)] == [1, 1, 2]


def test_plain_lines_of_json_will_do() -> None:
    lines = ['{"epoch": 1, "acc": 0.5, "step": 100}', '{"epoch": 2, "metrics": {"acc": 0.5}}', '{"acc": 0.7}']
    assert read(lines) == [(1, {"acc": 0.5}), (2, {"acc": 0.5}), (3, {"acc": 0.7})]


def test_reports_that_tell_no_epoch_count_on_from_what_was_trained() -> None:
    lines = [json.dumps({"kpi": {"acc": n}}) for n in range(4)]
    assert [epoch for epoch, _ in read(lines, before=1, budget=4)] == [2, 3, 4, 4]


@pytest.mark.parametrize(
    ("kpi", "values"),
    [
        ({"a": 1, "b": 2.5}, {"a": 1.0, "b": 2.5}),
        ({"a": "0.125", "b": "12 %", "c": "[0.1, 0.2]"}, {"a": 0.125}),
        ({"a": math.nan, "b": "inf", "c": 10**400}, {"a": None, "b": None, "c": None}),
        ({"a": True, "b": None, "c": [1]}, {}),
        ({"bbox": {"mAP": 0.5}}, {"bbox.mAP": 0.5}),
        ({"a": {"b": {"c": 1}}}, {}),
    ],
)
def test_what_a_value_is(kpi: Any, values: Any) -> None:
    expected = [(1, values)] if values else []
    assert read([json.dumps({"epoch": 1, "kpi": kpi})]) == expected
    assert read([json.dumps({"epoch": 1, "data": {"kpi": kpi}})]) == expected


@pytest.mark.parametrize(
    "line",
    ["", "{", "[1]", "null", "3", '{"kpi": 0.5}', '{"kpi": [0.5]}', '{"epoch": 3}', "[" * 60_000, "x" * 2_000_000],
)
def test_other_lines_report_nothing(line: str) -> None:
    assert read([line]) == []


def test_an_answer_is_bounded() -> None:
    ((_, values),) = read([json.dumps({"kpi": {f"m{n}": n for n in range(5000)} | {"x" * 1000: 1}})])
    assert len(values) == 256


KEYS = st.sampled_from(["epoch", "max_epoch", "kpi", "metrics", "message", "status", "a"]) | st.text(max_size=3)
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(KEYS, inner, max_size=4),
    max_leaves=10,
)


@given(st.lists(st.dictionaries(KEYS, JSON, max_size=6).map(json.dumps) | st.text(), max_size=8))
def test_no_text_is_an_error(lines: list[str]) -> None:
    for epoch, values in read(lines):
        assert epoch is not None
        assert epoch >= 1
        assert all(value is None or math.isfinite(value) for value in values.values())
