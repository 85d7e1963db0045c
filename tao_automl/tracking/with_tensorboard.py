"""TensorBoard: a folder a search, in it one a trial, so that the trials are the rows of the HParams page."""

import time
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tao_automl.domain.trial import TrialState
from tao_automl.tracking.flat import plain_name, scalars
from tao_automl.tracking.options import read_options, require
from tao_automl.tracking.port import RunFacts, Summary, TrialRow

SEARCH = "search"
_FILE = "events.out.tfevents.{began}.tao-automl.{count}"
_SECRETS = "TensorBoard reads files; there is nothing to log in to"


@dataclass(frozen=True, slots=True, kw_only=True)
class TensorboardOptions:
    """`dir` is the folder for ``tensorboard --logdir``; many searches may share one."""

    dir: str | None = None


def open_tensorboard(folder: Path, options: Mapping[str, Any]) -> "TensorboardTracker":
    """Files go to ``<folder>/tensorboard`` unless ``dir`` is given. Raises SettingsError and MissingExtra."""
    asked = read_options("tensorboard", TensorboardOptions, options, _SECRETS)
    require("tensorboard", "tensorboardX")
    return TensorboardTracker(Path(asked.dir).expanduser() if asked.dir else folder / "tensorboard")


class TensorboardTracker:
    """See `Tracker`. Files only grow, so that TensorBoard may read along; a new runner writes them all anew."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._id = ""
        self._search = _EventFile(folder)
        self._trials: dict[int, _EventFile] = {}

    def begin(self, run: RunFacts) -> None:
        self._id = run.id
        for path in (self._folder / run.id).glob(f"*/{_FILE.format(began='*', count='*')}"):
            path.unlink()
        self._search, self._trials = _EventFile(self._folder / run.id / SEARCH), {}

    def trial(self, row: TrialRow) -> None:
        if row.trial not in self._trials:
            file = _EventFile(self._folder / self._id / f"trial-{row.trial:04d}")
            self._trials[row.trial] = file
            file.write([_session_start(row)], row.started_at or row.at)
        file = self._trials[row.trial]
        for epoch, values in row.curve.items():
            file.scalars(values, epoch, row.at)
        if row.scored_at is not None:
            file.scalars({**row.metrics, **row.objectives}, row.scored_at, row.at)
        if row.state is not TrialState.RUNNING:
            file.write([_session_end(row)], row.ended_at or row.at)
            file.close()
        if row.settlement is not None:
            best = {} if row.best is None else {"best": row.best}
            self._search.scalars({**row.objectives, **best}, row.settlement, row.at)

    def finish(self, summary: Summary) -> None:
        if not summary.interrupted:
            self._search.scalars({f"run/{name}": value for name, value in summary.figures.items()}, 0, summary.at)
        for file in (self._search, *self._trials.values()):
            file.close()


class _EventFile:
    """Events in a folder of their own; a new file goes on where a closed one ended."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._count = 0
        self._writer: Any = None
        self._points: dict[tuple[str, int], float] = {}

    def scalars(self, values: Mapping[str, float], step: int, at: float) -> None:
        """The values at one step, but for those that are there already."""
        from tensorboardX.summary import scalar

        named = {(plain_name(name), step): value for name, value in values.items()}
        fresh = {point: value for point, value in named.items() if self._points.get(point) != value}
        self.write([scalar(name, value) for (name, _), value in fresh.items()], at, step)
        self._points |= fresh

    def write(self, summaries: Iterable[Any], at: float, step: int = 0) -> None:
        from tensorboardX.proto.event_pb2 import Event

        for summary in summaries:
            writer = self._writer or self._open()
            writer.write(Event(wall_time=at, step=step, summary=summary).SerializeToString())
            writer.flush()

    def close(self) -> None:
        if self._writer:
            self._writer.close()
            self._writer = None

    def _open(self) -> Any:
        from tensorboardX.proto.event_pb2 import Event
        from tensorboardX.record_writer import RecordWriter

        self._folder.mkdir(parents=True, exist_ok=True)
        name = _FILE.format(began=int(time.time()), count=self._count)
        self._writer, self._count = RecordWriter(str(self._folder / name)), self._count + 1
        self._writer.write(Event(wall_time=time.time(), file_version="brain.Event:2").SerializeToString())
        return self._writer


def _session_start(row: TrialRow) -> Any:
    from tensorboardX.summary import hparams

    _, start, _ = hparams(scalars(row.params), {})
    return start


def _session_end(row: TrialRow) -> Any:
    from tensorboardX.proto.api_pb2 import Status
    from tensorboardX.proto.plugin_hparams_pb2 import HParamsPluginData, SessionEndInfo
    from tensorboardX.proto.summary_pb2 import Summary as Protocol
    from tensorboardX.proto.summary_pb2 import SummaryMetadata

    word = "STATUS_FAILURE" if row.state is TrialState.FAILED else "STATUS_SUCCESS"
    end = SessionEndInfo(status=Status.Value(word), end_time_secs=row.ended_at or row.at)
    content = HParamsPluginData(session_end_info=end, version=0).SerializeToString()
    plugin = SummaryMetadata.PluginData(plugin_name="hparams", content=content)
    value = Protocol.Value(tag="_hparams_/session_end_info", metadata=SummaryMetadata(plugin_data=plugin))
    return Protocol(value=[value])
