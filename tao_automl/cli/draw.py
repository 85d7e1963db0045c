"""The live display's picture of a snapshot, never larger than the terminal."""

from collections.abc import Sequence
from dataclasses import dataclass

from rich.cells import cell_len, set_cell_size
from rich.console import Group, RenderableType
from rich.text import Text

from tao_automl.cli.board import ActiveJob, Snapshot, Standing
from tao_automl.cli.narrate import Line, evaluation_text, number, one_line, params_text, steady
from tao_automl.domain.events import Purpose
from tao_automl.domain.experiment import Job
from tao_automl.engine.evaluation import DEFAULT_SCORE

WIDE = 100  # columns from which on there is room for everything
NARROW = 70  # columns below which settings are left out
TALL = 18  # lines from which on there is room for blank ones
LINE_STYLES = {"failed": "red", "callback": "red", "baseline": "cyan", "final": "cyan", "search": "yellow"}
STATE_STYLES = {"running": "green", "queued": "yellow", "waiting": "dim", "ending": "magenta"}


def draw(snapshot: Snapshot, width: int, height: int, footer: str = "") -> RenderableType:
    """The whole picture; `height` lines at most."""
    standing = snapshot.standing
    if standing is None:
        return Text("starting …", style="dim")
    tall = height >= TALL
    top = [_header(snapshot, standing, width), _progress(standing, width), *_bests(standing, width, tall)]
    bottom = [_cut(Text(footer, style="dim"), width)] if footer and tall else []
    room = height - len(top) - len(bottom)
    jobs, lines = _share(snapshot, room - 2 * tall)
    parts: list[RenderableType] = list(top)
    gap = [Text("")] if tall else []
    if jobs:
        parts += [*gap, *_jobs(snapshot, jobs, width)]
    if lines:
        parts += [*gap, *(_event(line, width) for line in snapshot.lines[-lines:])]
    return Group(*parts, *bottom)


def clock(seconds: float | None) -> str:
    """`42s`, `4m02s`, `3h05m`, `2d04h`: six characters at most, so that columns stand still."""
    if seconds is None:
        return "-"
    whole = int(seconds)
    if whole < 60:
        return f"{whole}s"
    for unit, size, small, step in (("d", 86_400, "h", 3_600), ("h", 3_600, "m", 60), ("m", 60, "s", 1)):
        if whole >= size:
            return f"{whole // size}{unit}{whole % size // step:02d}{small}"
    return ""


def _share(snapshot: Snapshot, room: int) -> tuple[int, int]:
    """How many lines go to the jobs (with heading and remainder), and how many to events."""
    wanted_jobs = snapshot.jobs + 1 if snapshot.jobs else 0
    lines = min(len(snapshot.lines), max(3, room - wanted_jobs), max(0, room - min(wanted_jobs, 2)))
    jobs = min(wanted_jobs, room - lines)
    return (jobs if jobs >= 2 else 0), max(0, lines)


def _header(snapshot: Snapshot, standing: Standing, width: int) -> Text:
    facts = standing.facts
    left = Text.assemble((facts.skill, "bold"), (f"  {facts.algorithm} on {facts.platform}", "dim"))
    eta = snapshot.eta if standing.status == "running" else None
    ends = "" if eta is None else f"  about {clock(eta)} left"
    state = "" if standing.status == "running" else f"  {standing.status}"
    right = Text.assemble(clock(standing.elapsed(snapshot.now)), (ends, "dim"), (state, "yellow"))
    return _ends(left, right, width)


def _progress(standing: Standing, width: int) -> Text:
    """A bar by trials: succeeded, failed, running, to come."""
    total = standing.facts.total_trials
    of = f"/{total}" if total is not None else ""
    counts = Text.assemble((f"{standing.done}{of}", "bold"), " done")
    if standing.failed:
        counts.append(f"  {standing.failed} failed", style="red")
    counts.append(f"  {standing.running} running", style="dim" if not standing.running else "")
    room = width - counts.cell_len - 2
    if total is None or room < 10:
        return _cut(counts, width)
    return Text.assemble(_bar(standing, max(total, standing.trials), room), "  ", counts)


def _bar(standing: Standing, total: int, width: int) -> Text:
    parts = [
        (standing.done - standing.failed, "green"),
        (standing.failed, "red"),
        (standing.running, "yellow"),
        (total - standing.trials, "bright_black"),
    ]
    bar, passed, drawn = Text(), 0, 0
    for count, style in parts:
        passed += count
        end = round(width * passed / total) if total else 0
        bar.append("━" * (end - drawn), style=style)
        drawn = end
    return bar


def _bests(standing: Standing, width: int, tall: bool) -> list[Text]:
    """The best so far and what it is compared with."""
    lines = [_cut(_best(standing), width)]
    if tall and standing.best_trial:
        lines.append(_cut(Text(f"          {params_text(standing.best_trial.params)}", style="dim"), width))
    baseline = standing.baseline
    if baseline and baseline.source != DEFAULT_SCORE:
        lines.append(_cut(Text.assemble(("baseline  ", "dim"), evaluation_text(baseline)), width))
    return lines


def _best(standing: Standing) -> Text:
    best, metric = standing.best, standing.facts.objective.metric
    if standing.nearest:
        broken = f"trial {standing.nearest.trial} comes nearest"
        return Text.assemble(("best      ", "dim"), ("no trial keeps the constraints", "yellow"), f"  {broken}")
    if standing.front:
        return _front(standing)
    if best is None or best.value is None:
        return Text.assemble(("best      ", "dim"), (f"no {metric} yet", "dim"))
    text = Text.assemble(("best      ", "dim"), f"{metric} ", (number(best.value), "bold green"))
    text.append(f"  trial {best.trial}")
    return text.append_text(_gain(standing, best.value))


def _front(standing: Standing) -> Text:
    """How many trials the Pareto front has, and from where to where they go in each objective."""
    text = Text.assemble(("front     ", "dim"), f"{len(standing.front)} trial{'s' if len(standing.front) != 1 else ''}")
    goal = standing.facts.goal
    rows = [goal.values(settlement.score) for settlement in standing.front if settlement.score]
    for objective in goal.objectives:
        ends = sorted((row[objective.metric] for row in rows), key=objective.cost)
        span = number(ends[0]) if ends[0] == ends[-1] else f"{number(ends[0])} to {number(ends[-1])}"
        text.append(f"  {objective.metric} ").append(span, style="bold green")
    return text


def _gain(standing: Standing, value: float) -> Text:
    """Against the default configuration on the same data: the one honest comparison while a run goes on."""
    default, best = standing.default, standing.best
    if best and default and best.trial == default.id:
        return Text("  the default configuration", style="dim")
    if default is None or default.score is None:
        return Text("")
    gain = standing.facts.objective.improvement(default.score.value, value)
    word, style = ("better", "green") if gain >= 0 else ("worse", "red")
    how = Text.assemble("  ", (f"{number(abs(gain))} {word}", style))
    return how.append(f" than the default's {number(default.score.value)}", style="dim")


def _jobs(snapshot: Snapshot, lines: int, width: int) -> list[Text]:
    """A heading, a line for each job, and how many more there are."""
    standing = snapshot.standing
    assert standing
    fits = snapshot.jobs <= lines - 1
    shown = snapshot.active[: lines - 1 if fits else lines - 2]
    columns = _columns(standing, shown, width)
    each = zip(shown, snapshot.left, strict=False)
    rows = [_row(columns, _cells(active, left, standing, snapshot.now), width) for active, left in each]
    more = [] if fits else [Text(f"      and {snapshot.jobs - len(shown)} more", style="dim")]
    return [_row(columns, [(column.head, "dim") for column in columns], width), *rows, *more]


@dataclass(frozen=True, slots=True)
class _Column:
    head: str
    width: int = 0
    right: bool = False
    tail: bool = False  # too long a text keeps its end


def _columns(standing: Standing, shown: Sequence[ActiveJob], width: int) -> list[_Column]:
    """Of widths that depend on nothing that changes from one drawing to the next but the names."""
    wide = width >= WIDE
    names = [cell_len(_name(active.job)) for active in shown]
    evaluating = any(active.job.purpose is not Purpose.TRAIN for active in shown)
    unit = standing.facts.fidelity.unit if standing.facts.fidelity else "epoch"
    return [
        _Column("trial", 8 if evaluating else 5),
        _Column("job", min(max([8, *names]), 30 if wide else 14), tail=True),
        _Column("state", 7),
        _Column(unit, 7, right=True),
        _Column(standing.facts.objective.metric, 10, right=True),
        _Column("time", 6, right=True),
        _Column("left", 6 if wide else 0, right=True),
        _Column("settings"),
    ]


def _cells(active: ActiveJob, left: float | None, standing: Standing, now: float) -> list[tuple[str, str]]:
    """Text and style of each column."""
    job, report, state = active.job, active.job.last_report, _state(active.job)
    training = job.purpose is Purpose.TRAIN
    value = standing.facts.objective.measure(job.latest)
    seconds = job.seconds(now) if job.started_at is not None else None
    return [
        (_subject(job), ""),
        (_name(job), "dim"),
        (state, STATE_STYLES[state]),
        (f"{report.epoch if report else 0}/{job.budget}" if training and standing.facts.fidelity else "-", ""),
        ("-" if value is None else steady(value), ""),
        (clock(seconds), ""),
        (clock(left), ""),
        (params_text(active.trial.params) if active.trial else "the base model", "dim"),
    ]


def _subject(job: Job) -> str:
    """The trial, or what else the job is for."""
    if job.purpose is Purpose.TRAIN:
        return str(job.trial)
    return f"{job.trial} eval" if job.purpose is Purpose.EVALUATE else job.purpose.value


def _row(columns: Sequence[_Column], cells: Sequence[tuple[str, str]], width: int) -> Text:
    """One line; the last column takes what is left of it."""
    row = Text(no_wrap=True)
    for column, (text, style) in zip(columns[:-1], cells[:-1], strict=True):
        if column.width:
            row.append(f"{_fitted(text, column)} ", style=style)
    return _cut(row.append(cells[-1][0], style=cells[-1][1]) if width >= NARROW else row, width)


def _fitted(text: str, column: _Column) -> str:
    """`text` in exactly the column's width."""
    if cell_len(text) > column.width:
        short = text[-(column.width - 1) :] if column.tail else set_cell_size(text, column.width - 1)
        return f"…{short}" if column.tail else f"{short}…"
    return text.rjust(column.width) if column.right else set_cell_size(text, column.width)


def _name(job: Job) -> str:
    return one_line(job.handle or job.key)


def _state(job: Job) -> str:
    if job.cancel:
        return "ending"
    if job.started_at is not None:
        return "running"
    return "queued" if job.handle else "waiting"


def _event(line: Line, width: int) -> Text:
    style = LINE_STYLES.get(line.kind, "dim")
    return _cut(Text(line.with_clock(), style="green" if "new best" in line.text else style), width)


def _cut(text: Text, width: int) -> Text:
    text.no_wrap = True
    text.truncate(width, overflow="ellipsis")
    return text


def _ends(left: Text, right: Text, width: int) -> Text:
    """One text at each end of the line; the right one is kept whole."""
    room = width - right.cell_len - 2
    left.truncate(max(0, room), overflow="ellipsis", pad=True)
    return Text.assemble(left, "  ", right, no_wrap=True)
