#!/usr/bin/env python3
"""Write WORKSPACE/spec_bundle.json: the hand-off of a run to whatever comes next.

Reads result.json and the winning job's folder. Exit codes: 0 done, 2 there is no winner to hand over.
"""

import argparse
import hashlib
import json
import os
import sys
import tomllib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import yaml


class NothingToHandOver(Exception):
    """Why there can be no bundle."""


def make_bundle(workspace: Path) -> dict[str, Any]:
    """The document, as spec_bundle.schema.json has it."""
    result = _read_result(workspace)
    best = result["best"]
    if best is None or best["job_id"] is None:
        raise NothingToHandOver(f"the run has no winner that a job trained (status {result['status']})")
    folder = workspace / "jobs" / best["job_id"]
    spec = _read_spec(folder)
    if not best["checkpoint"] or not Path(best["checkpoint"]).exists():
        raise NothingToHandOver(f"the winner's checkpoint is gone: {best['checkpoint']}")
    arguments, progress = result["settings"], result["progress"]
    settings = arguments.get("automl_settings", {})
    fixed = {**_flat(arguments.get("spec_overrides", {})), **settings.get("fixed_parameters", {})}
    return {
        "kind": "tao-automl.spec_bundle",
        "version": "1",
        "skill": result["skill"],
        "action": arguments["action"],
        "rec_id": best["rec_id"],
        "job_id": best["job_id"],
        "spec_overrides": {**fixed, **best["specs"]},
        "spec": spec,
        "spec_folder": str(folder.absolute()),
        "checkpoint": best["checkpoint"],
        "checkpoint_sha256": _digest(Path(best["checkpoint"])),
        "metric": {
            "name": result["metric"],
            "direction": result["direction"],
            "value": best["metric_value"],
            "budget": best["budget"],
        },
        "baseline": result["baseline"],
        "final_evaluation": result["final_evaluation"],
        "search": {
            "algorithm": progress["algorithm"],
            "seed": result["algorithm_state"]["seed"],
            "status": result["status"],
            "trials": progress["completed"],
            "elapsed_s": progress["elapsed_s"],
            "gpu_hours": progress["gpu_hours"],
            "failures_by_cause": result["failures_by_cause"],
            "parameters": result["search_space"],
        },
        "data": {"train": arguments.get("train_dataset_uri"), "eval": arguments.get("eval_dataset_uri")},
        "workspace": result["workspace"],
    }


def _read_result(workspace: Path) -> dict[str, Any]:
    try:
        result: dict[str, Any] = json.loads((workspace / "result.json").read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise NothingToHandOver(f"{workspace / 'result.json'} cannot be read: {error}") from error
    if result["status"] not in ("completed", "stopped", "failed"):
        raise NothingToHandOver(f"the run has not ended (status {result['status']}); resume it first")
    return result


def _read_spec(folder: Path) -> dict[str, Any]:
    """The job's spec, in the format that its training code reads."""
    readers: dict[str, Callable[[str], Any]] = {"yaml": yaml.safe_load, "json": json.loads, "toml": tomllib.loads}
    for ending, read in readers.items():
        path = folder / f"spec.{ending}"
        if path.is_file():
            spec: dict[str, Any] = read(path.read_text(encoding="utf-8"))
            return spec
    raise NothingToHandOver(f"the winning job's spec is gone: {folder / 'spec.yaml'}")


def _flat(tree: dict[str, Any], above: str = "") -> dict[str, Any]:
    """Dotted keys; overrides may be nested or dotted."""
    found: dict[str, Any] = {}
    for key, value in tree.items():
        found |= _flat(value, f"{above}{key}.") if isinstance(value, dict) else {f"{above}{key}": value}
    return found


def _digest(path: Path) -> str:
    digest = hashlib.sha256()
    for file in [path] if path.is_file() else sorted(part for part in path.rglob("*") if part.is_file()):
        if file != path:
            digest.update(f"{file.relative_to(path).as_posix()}\0".encode())
        with file.open("rb") as stream:
            while block := stream.read(1 << 20):
                digest.update(block)
    return digest.hexdigest()


def main() -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n\n")[0])
    parser.add_argument("workspace", type=Path, help="the run's folder")
    parser.add_argument("--output", type=Path, help="another file than WORKSPACE/spec_bundle.json")
    parser.add_argument("--dry-run", action="store_true", help="print the document, write nothing")
    parser.add_argument("--format", choices=("text", "json"), default="text", help="json: one document on stdout")
    given = parser.parse_args()
    target = given.output or given.workspace / "spec_bundle.json"
    try:
        bundle = make_bundle(given.workspace)
    except NothingToHandOver as error:
        print(json.dumps({"error": str(error)}) if given.format == "json" else f"error: {error}", file=sys.stderr)
        return 2
    text = json.dumps(bundle, indent=2, ensure_ascii=False, allow_nan=False) + "\n"
    if given.dry_run:
        print(text, end="")
        return 0
    partial = target.with_name(f".{target.name}.{os.getpid()}.part")
    partial.write_text(text, encoding="utf-8")
    partial.replace(target)
    print(json.dumps({"written": str(target)}) if given.format == "json" else f"written: {target}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
