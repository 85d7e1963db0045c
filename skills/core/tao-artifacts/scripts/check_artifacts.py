#!/usr/bin/env python3
"""Check the JSON files of a run against their schemas, and against each other.

Reads WORKSPACE, changes nothing. Exit codes: 0 all fits, 2 something does not (one line a fault).
"""

import argparse
import json
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from jsonschema import Draft202012Validator
from referencing import Registry, Resource

SCHEMAS = Path(__file__).resolve().parent.parent / "references"
FILES = {
    "result.json": "result",
    "best_rec.json": "best_rec",
    "job_records.json": "job_record",  # a list of them
    "evaluations/baseline.json": "evaluation",
    "evaluations/final.json": "evaluation",
    "evaluations/data_staging.json": "data_staging",
    "spec_bundle.json": "spec_bundle",
}
RECORD = "jobs/*/job_record.json"
MOST_FAULTS = 50


def validator(name: str) -> Draft202012Validator:
    """For the schema `name`; schemas refer to each other by file name."""
    documents = {path.name: json.loads(path.read_text(encoding="utf-8")) for path in SCHEMAS.glob("*.schema.json")}
    registry = Registry().with_resources((key, Resource.from_contents(value)) for key, value in documents.items())
    return Draft202012Validator(documents[f"{name}.schema.json"], registry=registry)


def read(workspace: Path) -> tuple[dict[str, Any], list[str]]:
    """The artifacts that are there, by file name, and a fault for each that is no JSON."""
    found, faults = {}, []
    for name in [*FILES, *(path.relative_to(workspace).as_posix() for path in sorted(workspace.glob(RECORD)))]:
        try:
            found[name] = json.loads((workspace / name).read_text(encoding="utf-8"))
        except FileNotFoundError:
            continue
        except (OSError, ValueError) as error:
            faults.append(f"{name}: cannot be read: {error}")
    return found, faults


def schema_faults(name: str, document: Any) -> Iterator[str]:
    """One line for every place in which a document does not fit."""
    if name == "job_records.json":
        if not isinstance(document, list):
            yield f"{name}: a list is needed"
            return
        parts: list[tuple[int | None, Any]] = list(enumerate(document))
    else:
        parts = [(None, document)]
    check = validator(FILES.get(name, "job_record"))
    for number, part in parts:
        for error in check.iter_errors(part):
            place = [] if number is None else [number]
            where = ".".join(str(step) for step in [*place, *error.absolute_path]) or "the document"
            yield f"{name}: {where}: {error.message[:300]}"


def cross_faults(found: dict[str, Any]) -> Iterator[str]:
    """Where the files contradict each other or the disk. Only for documents that fit their schemas."""
    result, records = found.get("result.json"), found.get("job_records.json")
    if result is None:
        yield "result.json: missing; the run has not come to its baseline, or this is no workspace"
        return
    best = result["best"]
    if best != found.get("best_rec.json"):
        yield "best_rec.json: is not the `best` of result.json"
    if best is not None:
        yield from _winner_faults(best, result, records)
    for number, entry in enumerate(result["history"]):
        if entry["rec_id"] != number:
            yield f"result.json: history.{number}: has rec_id {entry['rec_id']}"
    yield from _record_faults(found, records)
    bundle = found.get("spec_bundle.json")
    if bundle and best and (bundle["rec_id"], bundle["job_id"]) != (best["rec_id"], best["job_id"]):
        yield "spec_bundle.json: is not of the winner; make it again"


def _record_faults(found: dict[str, Any], records: Any) -> Iterator[str]:
    """A job's own record says what the list of all says."""
    if found["result.json"]["status"] in ("running", "interrupted"):
        return  # the list is made when the run ends
    listed = {record["job_id"]: record for record in records or ()}
    for name, record in found.items():
        if name.endswith("job_record.json") and listed.get(record["job_id"]) != record:
            yield f"{name}: is not the entry of job_records.json"


def _winner_faults(best: dict[str, Any], result: dict[str, Any], records: Any) -> Iterator[str]:
    if best["rec_id"] >= len(result["history"]):
        yield f"best_rec.json: trial {best['rec_id']} is not in the history"
    if records is not None and best["job_id"] not in {record["job_id"] for record in records}:
        yield f"best_rec.json: job {best['job_id']} has no record"
    if best["checkpoint"] and not Path(best["checkpoint"]).exists():
        yield f"best_rec.json: the checkpoint is not there: {best['checkpoint']}"
    if best["spec_path"] and not Path(best["spec_path"]).exists():
        yield f"best_rec.json: the spec is not there: {best['spec_path']}"


def check(workspace: Path) -> tuple[list[str], list[str]]:
    """The files that were looked at, and all faults."""
    found, faults = read(workspace)
    faults += [fault for name, document in found.items() for fault in schema_faults(name, document)]
    if not faults:
        faults += cross_faults(found)
    return list(found), faults


def main() -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n\n")[0])
    parser.add_argument("workspace", type=Path, help="the run's folder")
    parser.add_argument("--format", choices=("text", "json"), default="text", help="json: one document on stdout")
    given = parser.parse_args()
    files, faults = check(given.workspace)
    if given.format == "json":
        document = {"workspace": str(given.workspace), "files": files, "ok": not faults, "faults": faults[:MOST_FAULTS]}
        print(json.dumps(document, indent=2))
    else:
        for fault in faults[:MOST_FAULTS]:
            print(fault)
        print(f"{len(files)} files looked at, {len(faults)} faults", file=sys.stderr)
    return 2 if faults else 0


if __name__ == "__main__":
    sys.exit(main())
