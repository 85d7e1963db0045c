"""Events in words: one line each, for the log, the plain progress lines and the live display."""

import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, assert_never

from tao_automl.domain.events import (
    BaselineSettled,
    CallbackFailed,
    CheckpointsDeleted,
    CheckpointsReleased,
    Evaluation,
    Event,
    ExperimentCreated,
    ExperimentFinished,
    FeedbackGiven,
    FinalEvaluationSettled,
    JobCancelRequested,
    JobEnded,
    JobRequested,
    JobStarted,
    JobSubmitted,
    MetricReported,
    Purpose,
    RunnerAttached,
    RunnerDetached,
    SearchEnded,
    TrialPromoted,
    TrialSettled,
    TrialStarted,
    TrialStopRequested,
)
from tao_automl.domain.experiment import Experiment
from tao_automl.domain.job import JobState
from tao_automl.domain.leaders import Settlement
from tao_automl.domain.trial import TrialState

ENDINGS = {
    TrialState.COMPLETED: "completed",
    TrialState.FAILED: "failed",
    TrialState.STOPPED: "stopped",
    TrialState.ABANDONED: "abandoned",
    TrialState.RUNNING: "running",
}


@dataclass(frozen=True, slots=True)
class Line:
    """What happened, when, and to which trial."""

    at: float
    kind: str
    trial: int | None
    text: str
    evaluation: str = ""  # baseline or final, for what is about one of their jobs

    @property
    def subject(self) -> str:
        return self.evaluation if self.trial is None else f"trial {self.trial}"

    def with_clock(self) -> str:
        """For people who watch: the time of day is enough."""
        return f"{time.strftime('%H:%M:%S', time.localtime(self.at))}  {self.kind:<9}  {self.subject:<9}  {self.text}"

    def with_date(self) -> str:
        """For people who look back."""
        day = time.strftime("%Y-%m-%d %H:%M:%S", time.localtime(self.at))
        return f"{day}  {self.kind:<9}  {self.subject:<9}  {self.text}".rstrip()


IMPORTANT = (
    TrialStarted,
    TrialPromoted,
    TrialSettled,
    BaselineSettled,
    FinalEvaluationSettled,
    CallbackFailed,
    RunnerDetached,
    SearchEnded,
)


def is_important(event: Event) -> bool:
    """Whether people who watch a run want to hear of it at once."""
    return isinstance(event, IMPORTANT) or (isinstance(event, JobRequested) and event.attempt > 1)


def narrate(event: Event, experiment: Experiment) -> Line:
    """The line of an event that `experiment` has already taken in."""
    match event:
        case TrialStarted() | TrialPromoted() | TrialStopRequested() | TrialSettled():
            return _trial(event, experiment)
        case JobRequested() | JobSubmitted() | JobStarted() | MetricReported() | JobCancelRequested() | JobEnded():
            return _job(event, experiment)
        case BaselineSettled():
            return Line(event.at, "baseline", None, evaluation_text(event.evaluation))
        case FinalEvaluationSettled():
            return Line(
                event.at, "final", event.trial if several(experiment) else None, evaluation_text(event.evaluation)
            )
        case FeedbackGiven():
            return Line(event.at, "callback", event.trial, "feedback_fn answered")
        case CheckpointsReleased() | CheckpointsDeleted():
            return _checkpoints(event, experiment)
        case CallbackFailed():
            text = f"{event.callback} failed: {one_line(event.message)}"
            return Line(event.at, "callback", event.trial, text)
        case _:
            return _run(event, experiment)


def _checkpoints(event: CheckpointsReleased | CheckpointsDeleted, experiment: Experiment) -> Line:
    trial = experiment.jobs[event.key].trial
    if isinstance(event, CheckpointsReleased):
        return Line(event.at, "retain", trial, f"{len(event.paths)} checkpoint(s) no longer needed")
    text = f"checkpoints could not be deleted: {one_line(event.detail)}" if event.detail else "checkpoints deleted"
    return Line(event.at, "retain", trial, text)


def _run(
    event: ExperimentCreated | RunnerAttached | RunnerDetached | SearchEnded | ExperimentFinished,
    experiment: Experiment,
) -> Line:
    match event:
        case ExperimentCreated():
            goal = ", ".join(f"{o.direction.value} {o.metric}" for o in event.goal.objectives)
            goal += "".join(f", keep {constraint.text}" for constraint in event.constraints)
            text = f"{event.skill} with {event.algorithm} on {event.platform}: {goal}, seed {event.seed}"
            return Line(event.at, "created", None, text)
        case RunnerAttached():
            return Line(event.at, "attached", None, f"runner {event.pid} on {event.host}")
        case RunnerDetached():
            return Line(event.at, "detached", None, f"{one_line(event.reason)}; jobs go on")
        case SearchEnded():
            return Line(event.at, "search", None, f"ends: {one_line(event.reason)}")
        case ExperimentFinished():
            return Line(event.at, "finished", None, f"{event.status.value}: {one_line(event.reason)}")
        case _:
            assert_never(event)


def _trial(event: TrialStarted | TrialPromoted | TrialStopRequested | TrialSettled, experiment: Experiment) -> Line:
    match event:
        case TrialStarted():
            grant = f"{budget_text(experiment, event.budget)}  " if experiment.facts.fidelity else ""
            origin = "" if event.origin.value == "search" else f"({event.origin.value}) "
            text = f"{grant}{origin}{params_text(event.params)}"
            return Line(event.at, "started", event.trial, text)
        case TrialPromoted():
            return Line(event.at, "promoted", event.trial, f"to {budget_text(experiment, event.budget)}")
        case TrialStopRequested():
            return Line(event.at, "stopping", event.trial, one_line(event.reason))
        case TrialSettled():
            return Line(event.at, ENDINGS[event.state], event.trial, _settled_text(event, experiment))
        case _:
            assert_never(event)


def _settled_text(event: TrialSettled, experiment: Experiment) -> str:
    settlement = experiment.last_settlement[event.trial]
    won = "on the Pareto front" if several(experiment) else "new best"
    winner = any(winner.event is event for winner in experiment.winners)
    failure = f"{event.failure.value}: " if event.failure else ""
    reason = f"{failure}{one_line(event.reason)}" if event.reason or failure else ""
    parts = (values_text(experiment, settlement), won if winner else "", broken_text(experiment, settlement), reason)
    return "  ".join(filter(None, parts))


def several(experiment: Experiment) -> bool:
    """Whether there are several objectives."""
    return len(experiment.facts.goal.objectives) > 1


def values_text(experiment: Experiment, settlement: Settlement) -> str:
    """``accuracy 0.91, latency 17``; empty if there is no value."""
    values = {} if settlement.value is None else {experiment.facts.objective.metric: settlement.value}
    values = experiment.facts.goal.values(settlement.score) if settlement.score else values
    return ", ".join(f"{name} {number(value)}" for name, value in values.items())


def broken_text(experiment: Experiment, settlement: Settlement) -> str:
    """The constraints that an outcome breaks."""
    excess = settlement.score.excess if settlement.score else ()
    broken = [c.text for c, beyond in zip(experiment.facts.constraints, excess, strict=False) if beyond > 0]
    return f"breaks {', '.join(broken)}" if broken else ""


def _job(
    event: JobRequested | JobSubmitted | JobStarted | MetricReported | JobCancelRequested | JobEnded,
    experiment: Experiment,
) -> Line:
    job = experiment.jobs[event.spec.key if isinstance(event, JobRequested) else event.key]
    trials_own = job.purpose in (Purpose.TRAIN, Purpose.EVALUATE)
    kind, text = _job_words(event, experiment)
    return Line(event.at, kind, job.trial if trials_own else None, text, "" if trials_own else job.purpose.value)


def _job_words(
    event: JobRequested | JobSubmitted | JobStarted | MetricReported | JobCancelRequested | JobEnded,
    experiment: Experiment,
) -> tuple[str, str]:
    match event:
        case JobRequested():
            again = f", attempt {event.attempt}" if event.attempt > 1 else ""
            return "requested", f"job {event.spec.key}{again}"
        case JobSubmitted():
            handle = "" if event.handle == event.key else f" as {event.handle}"
            return "submitted", f"job {event.key}{handle}"
        case JobStarted():
            return "running", f"job {event.key}"
        case MetricReported():
            fidelity = experiment.facts.fidelity
            epoch = f"{fidelity.unit} {event.epoch}: " if fidelity else ""
            return "metric", f"{epoch}{params_text(event.values)}"
        case JobCancelRequested():
            return "cancel", f"job {event.key}: {one_line(event.reason)}"
        case JobEnded():
            return "ended", _ended_text(event)
        case _:
            assert_never(event)


def _ended_text(event: JobEnded) -> str:
    how = event.state.value.lower()
    code = f", exit code {event.exit_code}" if event.exit_code and event.state is not JobState.CANCELLED else ""
    cause = f": {event.failure.failure_class.value}: {one_line(event.failure.evidence)}" if event.failure else ""
    detail = f" ({one_line(event.detail)})" if event.detail and not cause else ""
    return f"job {event.key} {how}{code}{cause}{detail}"


def evaluation_text(evaluation: Evaluation) -> str:
    """A baseline or final evaluation: the value, or why there is none."""
    status = evaluation.status.replace("_", " ")
    if evaluation.metric_value is None:
        return f"{status}: {one_line(evaluation.reason)}" if evaluation.reason else status
    source = f" ({evaluation.source})" if evaluation.source else ""
    return f"{evaluation.metric_name} {number(evaluation.metric_value)}, {status}{source}"


def budget_text(experiment: Experiment, budget: int) -> str:
    """`3 epochs`, in the fidelity's own unit."""
    fidelity = experiment.facts.fidelity
    if fidelity is None:
        return "the full training"
    return f"{budget} {fidelity.unit}{'' if budget == 1 else 's'}"


def params_text(params: Mapping[str, Any]) -> str:
    """`learning_rate=0.01 depth=6`: last parts of names where that is unambiguous."""
    shown = zip(short_names(params), params.values(), strict=True)
    return " ".join(f"{name}={value_text(value)}" for name, value in shown)


def short_names(names: Mapping[str, Any]) -> list[str]:
    leaves = [name.rpartition(".")[2] for name in names]
    return [leaf if leaves.count(leaf) == 1 else name for leaf, name in zip(leaves, names, strict=True)]


def value_text(value: Any) -> str:
    if isinstance(value, bool) or value is None:
        return {True: "true", False: "false", None: "-"}[value]
    if isinstance(value, float):
        return number(value)
    return one_line(str(value), 60)


def number(value: float) -> str:
    """Four digits that matter."""
    return f"{value:.4g}" if abs(value) < 10_000 else f"{value:.6g}"


def steady(value: float) -> str:
    """As `number`, and as wide whatever the digits: for columns that change."""
    return f"{value:#.4g}" if abs(value) < 10_000 else f"{value:.6g}"


def one_line(text: str, length: int = 300) -> str:
    """Without line ends and control characters; job output may hold both."""
    flat = " ".join("".join(c if c.isprintable() else " " for c in text).split())
    return flat if len(flat) <= length else f"{flat[: length - 1]}…"
