"""Looking at, resuming and cancelling the run in a workspace, from any process."""

import os
import socket
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import fields
from pathlib import Path
from typing import Any

from tao_automl.domain.events import Event
from tao_automl.domain.experiment import Experiment, fold
from tao_automl.engine.loop import Listener
from tao_automl.engine.world import Callbacks
from tao_automl.errors import JournalConflict, PlatformUnavailable, UserError
from tao_automl.runner.arguments import BY_HAND, Arguments, make_callbacks, refuse_unknown
from tao_automl.runner.journals import open_journal
from tao_automl.runner.mailbox import request_cancel
from tao_automl.runner.result import Result, build_result
from tao_automl.runner.runs import Run, end, open_platform, resume

CANCEL_PATIENCE_SECONDS = 120.0
CALLBACKS = tuple(item.name for item in fields(Callbacks))


def read_events(workspace: str | Path, after: int = 0) -> Iterator[Event]:
    """The events of a run from number `after` + 1 on. Needs no lock, and changes nothing."""
    journal = open_journal(_folder(workspace), "read")
    try:
        yield from journal.read(after)
    finally:
        journal.close()


def read_experiment(workspace: str | Path) -> Experiment:
    """The state of a run, as its journal says it."""
    return fold(read_events(workspace))


def query_status(workspace: str | Path) -> Result:
    """The result so far, from any process, at any time, without a lock and without the runner."""
    folder = _folder(workspace)
    experiment = read_experiment(folder)
    return build_result(experiment, folder, time.time(), alive=runner_alive(experiment))


def runner_alive(experiment: Experiment) -> bool:
    """Whether the runner that the journal knows may still be there. Of another host nothing can be said: yes."""
    attached = experiment.attached
    if attached is None:
        return False
    if attached.host != socket.gethostname():
        return True
    try:
        os.kill(attached.pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True


def resume_run(
    workspace: str | Path,
    *,
    on_event: Listener | None = None,
    trackers: Mapping[str, Any] | None = None,
    **callbacks: Callable[..., Any],
) -> Result:
    """Continues the run in a workspace from its journal alone. Its callbacks, if it had some, must be given again.

    `trackers`, if given, take the place of those that the run began with.
    """
    refuse_unknown("resume_run", callbacks, CALLBACKS)
    folder = _folder(workspace)
    run = _recorded_run(folder, on_event, callbacks)
    if trackers is None:
        return resume(run, {})
    settings = Arguments.recorded(read_experiment(folder).facts).automl_settings
    return resume(run, {"automl_settings": {**settings, "trackers": trackers}})


def cancel_run(
    workspace: str | Path,
    *,
    patience: float = CANCEL_PATIENCE_SECONDS,
    sleep: Callable[[float], None] = time.sleep,
) -> Result:
    """Cancels all jobs of a run and ends it: through its runner if there is one, else by taking the journal over.

    Raises PlatformUnavailable if that did not happen within `patience` seconds; the request stands.
    """
    folder = _folder(workspace)
    read_experiment(folder)
    request_cancel(folder)
    deadline = time.monotonic() + patience
    while (result := query_status(folder)).status not in ("completed", "stopped", "failed"):
        if result.status == "interrupted" and (taken := _take_over(folder)):
            return taken
        if time.monotonic() > deadline:
            raise PlatformUnavailable(
                f"{folder}: the run has not ended within {patience:g} s", "the request stands; look again later"
            )
        sleep(0.2)
    return result


def _take_over(folder: Path) -> Result | None:
    try:
        return end(_recorded_run(folder))
    except JournalConflict:
        return None


def _recorded_run(folder: Path, on_event: Listener | None = None, callbacks: Mapping[str, Any] | None = None) -> Run:
    recorded = Arguments.recorded(read_experiment(folder).facts)
    if recorded.platform == BY_HAND:
        raise UserError(f"{folder}: the trials of this study are run by hand", "use `ask` and `tell`")
    return Run(
        workspace=folder,
        platform=open_platform(recorded.platform, folder, recorded.platform_options),
        callbacks=make_callbacks(callbacks or {}),
        on_event=on_event,
    )


def _folder(workspace: str | Path) -> Path:
    return Path(workspace).expanduser().absolute()
