"""What trackers left behind, read back: from MLflow's database, TensorBoard's event files and W&B's offline logs."""

import json
import struct
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from tao_automl.testing.tracker_contract import SeenRun, SeenTrial

BLOCK, HEADER = 32768, 7


def see_mlflow(uri: str) -> list[SeenRun]:
    """The parent runs, and their nested ones."""
    from mlflow import MlflowClient

    client = MlflowClient(tracking_uri=uri)
    runs = client.search_runs([e.experiment_id for e in client.search_experiments()], max_results=1000)
    trials: dict[str, list[SeenTrial]] = {}
    for run in runs:
        if (parent := run.data.tags.get("mlflow.parentRunId")) is not None:
            seen = SeenTrial(
                number=int(run.data.tags["tao_automl.trial"]),
                params=dict(run.data.params),
                values=dict(run.data.metrics),
                points={name: len(client.get_metric_history(run.info.run_id, name)) for name in run.data.metrics},
                failed=run.info.status == "FAILED",
                text=json.dumps(run.data.tags),
            )
            trials.setdefault(parent, []).append(seen)
    parents = [run for run in runs if "mlflow.parentRunId" not in run.data.tags]
    return [
        SeenRun(
            id=run.data.tags["tao_automl.experiment_id"],
            trials=trials.get(run.info.run_id, []),
            ended=run.info.status in ("FINISHED", "FAILED"),
            text=json.dumps([run.data.tags, run.data.params]),
        )
        for run in parents
    ]


def tensorboard_events(folder: Path) -> Iterator[Any]:
    """The events of all files in a folder, as protocol buffers."""
    from tensorboardX.proto.event_pb2 import Event

    for path in sorted(folder.glob("events.out.tfevents.*")):
        data, at = path.read_bytes(), 0
        while at < len(data):
            (length,) = struct.unpack_from("<Q", data, at)
            yield Event.FromString(data[at + 12 : at + 12 + length])
            at += 16 + length


def see_tensorboard(folder: Path) -> list[SeenRun]:
    """A run a folder; a trial a folder in it."""
    return [
        SeenRun(
            id=run.name,
            trials=[_tensorboard_trial(trial) for trial in sorted(run.glob("trial-*"))],
            ended="run/trials" in _scalars(run / "search"),
            text="",
        )
        for run in sorted(folder.glob("*"))
    ]


def _scalars(folder: Path) -> dict[str, list[float]]:
    found: dict[str, list[float]] = {}
    for event in tensorboard_events(folder):
        for value in event.summary.value:
            if value.WhichOneof("value") == "simple_value":
                found.setdefault(value.tag, []).append(value.simple_value)
    return found


def _tensorboard_trial(folder: Path) -> SeenTrial:
    from tensorboardX.proto.plugin_hparams_pb2 import HParamsPluginData

    params: dict[str, str] = {}
    status = 0
    for event in tensorboard_events(folder):
        for value in event.summary.value:
            data = HParamsPluginData.FromString(value.metadata.plugin_data.content)
            if value.tag == "_hparams_/session_start_info":
                hparams = data.session_start_info.hparams
                params = {name: str(getattr(hparams[name], hparams[name].WhichOneof("kind"))) for name in hparams}
            if value.tag == "_hparams_/session_end_info":
                status = data.session_end_info.status
    scalars = _scalars(folder)
    return SeenTrial(
        number=int(folder.name.removeprefix("trial-")),
        params=params,
        values={name: values[-1] for name, values in scalars.items()},
        points={name: len(values) for name, values in scalars.items()},
        failed=status == 2,
        text="",
    )


def wandb_records(path: Path) -> Iterator[Any]:
    """The records of an offline log: LevelDB's format, after a header of seven bytes."""
    from wandb.proto.wandb_internal_pb2 import Record

    data, at, body = path.read_bytes(), HEADER, b""
    while at + HEADER <= len(data):
        if BLOCK - at % BLOCK < HEADER:
            at += BLOCK - at % BLOCK
            continue
        length, kind = struct.unpack_from("<HB", data, at + 4)
        body += data[at + HEADER : at + HEADER + length]
        at += HEADER + length
        if kind in (1, 4):
            yield Record.FromString(body)
            body = b""


def see_wandb(folder: Path, patience: float = 10.0) -> list[SeenRun]:
    """The newest log of each run: a run that goes on offline has all of its history there again. W&B writes the end of
    a log a moment after it has finished the run; that is waited for."""
    logs = {path.stem: path for path in sorted(folder.glob("**/offline-run-*/run-*.wandb"))}
    deadline = time.monotonic() + patience
    for path in logs.values():
        while "exit" not in (r.WhichOneof("record_type") for r in wandb_records(path)) and time.monotonic() < deadline:
            time.sleep(0.01)
    return [_wandb_run(path) for path in logs.values()]


def _wandb_run(path: Path) -> SeenRun:
    id_, ended, text = "", False, ""
    steps: dict[int, dict[str, Any]] = {}
    summary: dict[str, Any] = {}
    for record in wandb_records(path):
        match record.WhichOneof("record_type"):
            case "run":
                id_, text = record.run.run_id, text + str(record.run)
            case "config":
                text += str(record.config)
            case "history":
                step = record.history.step.num
                assert step not in steps, "a step was logged twice"
                steps[step] = {_key(item): json.loads(item.value_json) for item in record.history.item}
            case "summary":
                summary |= {_key(item): json.loads(item.value_json) for item in record.summary.update}
            case "exit":
                ended = summary.get("status") in ("completed", "stopped", "failed")
    table = json.loads((path.parent / "files" / summary["trials"]["path"]).read_text()) if "trials" in summary else {}
    rows = [dict(zip(table["columns"], row, strict=True)) for row in table.get("data", [])]
    return SeenRun(id=id_, trials=[_wandb_trial(row, steps) for row in rows], ended=ended, text=text)


def _key(item: Any) -> str:
    return item.key or ".".join(item.nested_key)


def _wandb_trial(row: dict[str, Any], steps: dict[int, dict[str, Any]]) -> SeenTrial:
    points: dict[str, int] = {}
    for values in steps.values():
        if values["trial"] == row["trial"]:
            points = {name: points.get(name, 0) + 1 for name in {*points, *values}}
    found = {name: value for name, value in row.items() if value is not None}
    return SeenTrial(
        number=row["trial"],
        params={name: str(value) for name, value in found.items()},
        values={name: value for name, value in found.items() if isinstance(value, float)},
        points=points,
        failed=row["status"] == "failed",
        text=json.dumps(row),
    )
