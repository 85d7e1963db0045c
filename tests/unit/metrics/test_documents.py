"""Reading metrics.json, and what W&B leaves behind."""

import json
import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tao_automl.metrics import DocumentReader, Found, SummaryReader


def read(text: str, kind: type[DocumentReader] = DocumentReader, *, before: int = 0, budget: int = 5) -> list[Found]:
    reader = kind(before, budget)
    assert [line for line in text.split("\n") if reader.read(line)] == []
    return list(reader.close())


@pytest.mark.parametrize(
    ("content", "found"),
    [
        ({"acc": 0.5, "loss": 1, "name": "resnet"}, [(5, {"acc": 0.5, "loss": 1.0})]),
        ({"metrics": {"acc": 0.5, "note": "x"}, "epoch": 4}, [(4, {"acc": 0.5})]),
        ({"val": {"acc": 0.5}}, [(5, {"val.acc": 0.5})]),
        ([{"epoch": 1, "acc": 0.1}, {"epoch": 2, "acc": 0.2}], [(1, {"acc": 0.1}), (2, {"acc": 0.2})]),
        ([{"epoch": 0, "acc": 0.1}, {"epoch": 1, "acc": 0.2}], [(1, {"acc": 0.1}), (2, {"acc": 0.2})]),
        ([{"acc": 0.1}, {"acc": 0.2}], [(3, {"acc": 0.1}), (4, {"acc": 0.2})]),
        ({"best": 0.2, "history": [{"epoch": 3, "acc": 0.1}]}, [(3, {"acc": 0.1}), (5, {"best": 0.2})]),
        ({"acc": math.nan}, [(5, {"acc": None})]),
        ({}, []),
        ([], []),
        ([1, 2], []),
    ],
)
@pytest.mark.parametrize("indent", [None, 2])
def test_a_document(content: Any, found: list[Found], indent: int | None) -> None:
    assert read(json.dumps(content, indent=indent), before=2) == found


def test_lines_of_json_will_do() -> None:
    assert read('{"epoch": 1, "acc": 0.1}\n{"epoch": 2, "acc": 0.2}\n') == [(1, {"acc": 0.1}), (2, {"acc": 0.2})]


@pytest.mark.parametrize("text", ["", "no json", '{"a": 1', "[" * 60_000, '"' + "x" * 3_000_000 + '"'])
def test_other_files_report_nothing(text: str) -> None:
    assert read(text) == read(text, SummaryReader) == []


@given(st.text())
def test_no_text_is_an_error(text: str) -> None:
    read(text)
    read(text, SummaryReader)


def test_a_summary_has_the_last_values() -> None:
    content = {"val/acc": 0.5, "_step": 9, "_wandb": {"runtime": 3}, "loss": "NaN", "f1": {"max": 0.75}}
    assert read(json.dumps(content), SummaryReader) == [(5, {"val/acc": 0.5, "loss": None, "f1.max": 0.75})]


def test_the_summary_of_a_real_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Offline, so that nothing leaves this machine. Then newer versions write no file of what would be its content."""
    wandb = pytest.importorskip("wandb")
    settings: Mapping[str, Any] = {"mode": "offline", "dir": str(tmp_path), "project": "toy"}
    monkeypatch.setenv("WANDB_SILENT", "true")
    run = wandb.init(**settings)
    for epoch in (1, 2, 3):
        run.log({"epoch": epoch, "val_acc": epoch / 10, "loss": math.inf})
    summary = json.dumps(dict(run.summary))
    run.finish()
    written = [path.read_text() for path in tmp_path.glob("wandb/*run-*/files/wandb-summary.json")]
    ((last, values),) = read(written[0] if written else summary, SummaryReader)
    assert (last, values["val_acc"], values["loss"]) == (5, 0.3, None)
