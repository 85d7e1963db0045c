"""Time that passes only when it is told to."""

from collections.abc import Callable
from dataclasses import dataclass

EPOCH = 1_700_000_000.0


@dataclass(kw_only=True)
class ManualClock:
    """See `tao_automl.domain.ports.Clock`. Sleeping advances it at once.

    Attributes:
        time: what `now` answers; may be set.
        on_sleep: is called after each sleep, with its length; may raise, as a Ctrl-C would.
        slept: seconds slept in all.
    """

    time: float = EPOCH
    on_sleep: Callable[[float], None] | None = None
    slept: float = 0.0

    def now(self) -> float:
        return self.time

    def sleep(self, seconds: float) -> None:
        self.time += seconds
        self.slept += seconds
        if self.on_sleep:
            self.on_sleep(seconds)
