#!/usr/bin/env python3
"""Turns a checkpoint into results/model (a whole model) or results/adapter (for peft), with a model_card.json.

The folder holds the tokenizer too. It is loaded again and compared with the checkpoint before the script succeeds.
Always on the CPU, in fp32.
"""

from __future__ import annotations

import sys
from pathlib import Path

from causal_lm import cli, schema, survey


def main(config: Path) -> int:
    settings = schema.load_spec(config, "export")
    path = survey.checkpoint_path(settings["export"]["checkpoint"], "export.checkpoint")
    cli.require_libraries()
    from causal_lm import distributed, exporting, inference, precision

    device = distributed.device_for(0)
    full = precision.choose_precision("fp32", device)
    opened = inference.open_checkpoint(path, "export.checkpoint", settings["model"]["path"], full, device)
    card = exporting.export(opened, Path(path), Path(settings["results_dir"]), settings["export"])
    cli.emit({"exported": card["folder"], "kind": card["kind"], "verification": card["verification"]})
    return 0


if __name__ == "__main__":
    sys.exit(cli.run(__doc__, main))
