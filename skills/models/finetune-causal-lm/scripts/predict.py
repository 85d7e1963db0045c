#!/usr/bin/env python3
"""Answers the prompts of dataset.predict_path, greedily; writes results/predictions.csv or predictions.jsonl.

Columns: line (of the input, from 1), prompt, prediction, complete (false where the limit of tokens cut the answer).
"""

from __future__ import annotations

import csv
import io
import json
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from causal_lm import cli, errors, files, records, schema, survey

if TYPE_CHECKING:
    from causal_lm.inference import Opened

COLUMNS = ("line", "prompt", "prediction", "complete")


def main(config: Path) -> int:
    settings = schema.load_spec(config, "predict")
    data = settings["dataset"]
    path = survey.checkpoint_path(settings["predict"]["checkpoint"], "predict.checkpoint")
    asked = records.read_records(data["predict_path"], "dataset.predict_path", data["prompt_key"], None)
    cli.require_libraries()
    from causal_lm import inference, memory

    with memory.gpu_memory(inference.LOWER.format(action="predict")):
        opened = inference.open_for(settings, "predict", path)
        rows = _answer(opened, opened.finetuned(), asked, settings["predict"])
    form = settings["predict"]["format"]
    target = Path(settings["results_dir"]) / f"predictions.{form}"
    files.write_text(target, _csv(rows) if form == "csv" else _jsonl(rows))
    incomplete = sum(not row["complete"] for row in rows)
    cli.emit({"predictions": str(target), "rows": len(rows), "incomplete": incomplete, "epoch": opened.unit})
    return 0


def _answer(
    opened: Opened, model: Any, asked: Sequence[records.Record], settings: dict[str, Any]
) -> list[dict[str, Any]]:
    from causal_lm import generation

    encoder = opened.encoder
    stops = generation.Stops(ids=tuple(opened.saved["stop_ids"]), max_new_tokens=settings["max_new_tokens"])
    room = (opened.folder.positions or sys.maxsize) - stops.max_new_tokens
    if room < 1:
        raise errors.SpecError(
            f"predict.max_new_tokens: {stops.max_new_tokens} leaves no room for a prompt: the model has "
            f"{opened.folder.positions} positions",
            "lower it",
        )
    prompts = encoder.encode_prompts(asked)
    cut = [encoder.cut_prompt(prompt, room) for prompt in prompts]
    shortened = sum(map(len, cut)) < sum(map(len, prompts))
    if shortened:
        cli.log("warning: some prompts are longer than the model and lost their beginning")
    answers = generation.generate(model, cut, settings["batch_size"], encoder.padding, stops, opened.precision)
    return [
        {
            "line": row.line,
            "prompt": row.prompt,
            "prediction": encoder.decode(answer.ids),
            "complete": answer.complete,
        }
        for row, answer in zip(asked, answers, strict=True)
    ]


def _csv(rows: Sequence[dict[str, Any]]) -> str:
    text = io.StringIO(newline="")
    writer = csv.DictWriter(text, COLUMNS, lineterminator="\n")
    writer.writeheader()
    writer.writerows({**row, "complete": str(row["complete"]).lower()} for row in rows)
    return text.getvalue()


def _jsonl(rows: Sequence[dict[str, Any]]) -> str:
    return "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows)


if __name__ == "__main__":
    sys.exit(cli.run(__doc__, main))
