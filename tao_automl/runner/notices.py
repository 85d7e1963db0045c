"""`on_recommendation` and `on_result`: told in order, from one thread of their own, once an event is durable."""

import logging
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from tao_automl.domain.events import Event, TrialSettled, TrialStarted
from tao_automl.domain.experiment import Experiment
from tao_automl.engine.naming import recommendation
from tao_automl.engine.world import Callbacks
from tao_automl.runner.trial_entries import HISTORY_STATUS

log = logging.getLogger("tao_automl")


class Notices:
    """A listener of the engine. What a callback raises is logged, and changes nothing."""

    def __init__(self, callbacks: Callbacks) -> None:
        self._callbacks = callbacks
        self._thread = ThreadPoolExecutor(max_workers=1, thread_name_prefix="tao-automl-notices")

    def __call__(self, event: Event, experiment: Experiment) -> None:
        match event:
            case TrialStarted(trial=trial) if self._callbacks.on_recommendation:
                self._tell(self._callbacks.on_recommendation, self._rec(experiment, trial))
            case TrialSettled(trial=trial, value=value, state=state) if self._callbacks.on_result:
                self._tell(self._callbacks.on_result, self._rec(experiment, trial), value, HISTORY_STATUS[state])
            case _:
                pass

    def close(self) -> None:
        """Returns once all that was to be told is told."""
        self._thread.shutdown(wait=True)

    def _rec(self, experiment: Experiment, trial: int) -> dict[str, Any]:
        job = experiment.train_job.get(trial)
        return recommendation(experiment.trials[trial], experiment.jobs[job] if job else None)

    def _tell(self, callback: Callable[..., Any], *arguments: Any) -> None:
        self._thread.submit(_call, callback, arguments)


def _call(callback: Callable[..., Any], arguments: tuple[Any, ...]) -> None:
    try:
        callback(*arguments)
    except Exception:  # a user's callback: the run goes on
        log.exception("%s raised", getattr(callback, "__name__", "a callback"))
