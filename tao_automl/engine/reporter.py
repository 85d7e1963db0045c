"""Who said what: the reports of one job, by source."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from tao_automl.domain.events import MetricReported
from tao_automl.domain.experiment import Job

LOG = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Reporter:
    """Makes the reports of a job in one tick, and knows which source has reported which metric: in the journal, and in
    this tick."""

    job: Job
    now: float
    _new: dict[str, set[str]] = field(default_factory=dict)

    def report(self, epoch: int, values: Mapping[str, float | None], cursor: int, source: str = LOG) -> MetricReported:
        self._new.setdefault(source, set()).update(values)
        return MetricReported(at=self.now, key=self.job.key, epoch=epoch, values=values, cursor=cursor, source=source)

    def told_by(self, sources: Iterable[str]) -> set[str]:
        """The metrics that any of the sources has reported."""
        told: set[str] = set()
        for source in sources:
            before = self.job.sources.get(source)
            told.update(before.latest if before else (), self._new.get(source, ()))
        return told

    @property
    def sources(self) -> set[str]:
        """All that have reported something."""
        return {*self.job.sources, *self._new}
