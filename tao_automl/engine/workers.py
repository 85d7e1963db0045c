"""Callbacks run aside, so that a slow one does not stall the polling of jobs."""

from collections.abc import Callable, Hashable
from concurrent.futures import FIRST_COMPLETED, Executor, Future, wait
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class Answer:
    """What a callback returned, or the exception that it raised. Leaving with `sys.exit` counts as raising."""

    value: Any = None
    error: Exception | SystemExit | None = None


class Workers:
    """Asks each question once, and keeps its answer until somebody fetches it."""

    def __init__(self, executor: Executor) -> None:
        self._executor = executor
        self._futures: dict[Hashable, Future[Any]] = {}

    def answer(self, question: Hashable, call: Callable[[], Any]) -> Answer | None:
        """The answer to `question`, or None as long as `call`, started by the first request, has not returned."""
        future = self._futures.get(question)
        if future is None:
            future = self._futures[question] = self._executor.submit(call)
        if not future.done():
            return None
        del self._futures[question]
        error = future.exception()
        if isinstance(error, Exception | SystemExit):
            return Answer(error=error)
        return Answer(value=future.result())

    def asked(self, question: Hashable) -> bool:
        """Whether `question` waits for its answer, or for being fetched."""
        return question in self._futures

    def tell(self, call: Callable[[], None]) -> None:
        """Runs `call` some time, in order of the requests if the executor has one thread; nobody waits for it."""
        self._executor.submit(call)

    @property
    def busy(self) -> bool:
        return bool(self._futures)

    def wait(self, seconds: float) -> None:
        """Returns when an answer is there, or after so long."""
        wait(self._futures.values(), timeout=seconds, return_when=FIRST_COMPLETED)

    def close(self) -> None:
        """Does not wait for what still runs."""
        self._executor.shutdown(wait=False, cancel_futures=True)
