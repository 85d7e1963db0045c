#!/usr/bin/env python3
"""Measures a checkpoint on dataset.eval_path; prints one metric line and writes results/metrics.json.

With a model's folder in the place of a checkpoint the base model itself is measured. With evaluate.compare_base it is
measured beside a checkpoint, on the same rows, for metrics.json.
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

from causal_lm import cli, files, records, schema, survey

if TYPE_CHECKING:
    from causal_lm.encoding import Example
    from causal_lm.inference import Untrained


def main(config: Path) -> int:
    settings = schema.load_spec(config, "evaluate")
    data = settings["dataset"]
    path = survey.checkpoint_path(settings["evaluate"]["checkpoint"], "evaluate.checkpoint", or_folder=True)
    rows = records.read_records(data["eval_path"], "dataset.eval_path", data["prompt_key"], data["answer_key"])
    cli.require_libraries()
    from causal_lm import inference, memory

    with memory.gpu_memory(inference.LOWER.format(action="evaluate")):
        opened = inference.open_for_evaluation(settings, path, config)
        encoded = opened.encoder.encode(rows, data["eval_path"])
        inference.check_examples(opened, encoded.examples)
        cli.log(encoded.account("evaluation"))
        base = None
        if settings["evaluate"]["compare_base"] and opened.unit:
            base = _measure(opened, opened.base, encoded.examples, settings["evaluate"])
        metrics = _measure(opened, opened.finetuned(), encoded.examples, settings["evaluate"])
    report = {
        "checkpoint": path,
        "epoch": opened.unit,
        "rows": len(encoded.examples),
        "prompts_shortened": encoded.shortened,
        "rows_left_out": encoded.left_out,
        "metrics": metrics,
        "base_metrics": base,
    }
    files.write_json(Path(settings["results_dir"]) / "metrics.json", report)
    if base is not None:
        cli.log(f"before fine-tuning: {base}")
    cli.emit_metrics(opened.unit, metrics)
    return 0


def _measure(opened: Untrained, model: Any, examples: list[Example], settings: dict[str, Any]) -> dict[str, float]:
    from causal_lm import distributed, evaluation, generation, network

    world = distributed.World(rank=0, size=1, device=opened.device)
    scorer = network.Scorer(model, opened.precision)
    batch_size, padding = settings["batch_size"], opened.encoder.padding
    metrics = evaluation.measure(model, scorer, examples, batch_size, padding, world)
    scorer.close()
    if settings["exact_match"]:
        stops = generation.Stops(ids=opened.stops(examples), max_new_tokens=settings["max_new_tokens"])
        metrics["exact_match"] = evaluation.exact_match(
            model, opened.encoder, examples, batch_size, stops, opened.precision, world
        )
    return metrics


if __name__ == "__main__":
    sys.exit(cli.run(__doc__, main))
