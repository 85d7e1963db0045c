"""A result as text tables."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from rich.console import Console, ConsoleOptions, RenderableType, RenderResult
from rich.text import Text

from tao_automl.report.blocks import BAD, DIM, GOOD, HEAD, Cell, grid, note, pairs, pairs_under, section
from tao_automl.report.importance import Importance, importance_of, ordered_parameters
from tao_automl.report.labels import fitted, middle
from tao_automl.report.reading import read_report
from tao_automl.report.shapes import (
    FAILED,
    RUNNING,
    SUCCEEDED,
    Best,
    Evaluation,
    Failures,
    Parameter,
    Report,
    Trial,
)
from tao_automl.report.timeline import latest
from tao_automl.report.values import same
from tao_automl.report.wording import (
    MISSING,
    best_note,
    better_is,
    constraints_kept,
    duration,
    evaluation_note,
    factor,
    figure,
    gain_sentence,
    hours,
    keeps,
    objectives_title,
    percent_share,
    range_text,
    spec_value,
    trial_budget,
    trials_sentence,
    verdict,
    whole,
)

TOP = 10
LONGEST_SPECS = 16
_WORDS = {"completed": GOOD, "failed": BAD, "interrupted": "yellow", "stopped": "yellow", SUCCEEDED: "", FAILED: BAD}


class ResultText:
    """A rich renderable of the dict form of a result."""

    def __init__(self, result: Mapping[str, Any]) -> None:
        self.report = read_report(result)
        self.importance = importance_of(self.report)

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        yield from result_parts(self.report, self.importance, options.max_width)


def result_parts(report: Report, importance: Importance, width: int) -> Iterator[RenderableType]:
    """The parts of the page, top to bottom; parts that would be empty are left out."""
    parameters = ordered_parameters(report, importance)
    yield headline(report)
    yield evaluations(report)
    if report.best:
        yield specs_part(report, importance, parameters, width)
    if report.front:
        yield section("Pareto front", *front_blocks(report))
    if running := [trial for trial in report.trials if trial.status == RUNNING]:
        yield section(f"Running ({len(running)})", *running_blocks(report, running))
    ranked = report.ranked()
    if ranked:
        title = f"Top {TOP} of {len(ranked)} scored trials" if len(ranked) > TOP else "Scored trials"
        kept = [note(constraints_kept(report))] if report.constraints else []
        yield section(title, top_table(report, ranked[:TOP], parameters, width - 2), *kept)
    if adjusted := list(adjusted_trials(report)):
        yield section("Adjusted so that they can run", pairs(adjusted))
    if report.failures:
        yield section("Failures by cause", *(failure_block(failures) for failures in report.failures))
    yield section("Effort", pairs(effort(report)))
    if found := list(places(report)):
        yield section("Files", pairs(found))


def headline(report: Report) -> RenderableType:
    """Two or three lines: status, verdict, and why it failed or stopped."""
    line = Text.assemble(("AutoML run ", HEAD), (report.status, f"bold {_WORDS.get(report.status, '')}".strip()))
    line.append(f"   {' on '.join(name for name in (report.skill, report.platform) if name)}", DIM)
    if report.reason:
        line.append(f"\nreason: {report.reason}", BAD if report.status == "failed" else "")
    line.append(f"\n{verdict(report)}.")
    if sentence := gain_sentence(report):
        line.append(f"\n{sentence}.", GOOD if " better " in sentence else "")
    return line


def evaluations(report: Report) -> RenderableType:
    """Baseline, best and final evaluation under one another."""
    if report.several:
        return section(objectives_title(report), evaluations_of_front(report))
    best = report.best
    rows: list[Sequence[Cell]] = [
        ("baseline", figure(report.baseline.value), evaluation_note(report.baseline)),
        ("best trial", figure(best.value if best else None), best_note(report)),
        ("final evaluation", figure(report.final.value), evaluation_note(report.final)),
    ]
    title = f"{report.metric} ({better_is(report.maximize)})"
    return section(title, grid(("", "value", ""), rows, right=(1,), fold=2))


def evaluations_of_front(report: Report) -> RenderableType:
    """The baseline, and the final evaluation of each member of the Pareto front, in all objectives."""
    rows: list[Sequence[Cell]] = [["baseline", *_objectives(report, report.baseline), evaluation_note(report.baseline)]]
    for final in report.finals[:TOP]:
        rows.append([f"final, trial {final.rec}", *_objectives(report, final), evaluation_note(final)])
    if not report.finals:
        rows.append(["final evaluation", *_objectives(report, report.final), evaluation_note(report.final)])
    names = [middle(objective.metric, 16) for objective in report.objectives]
    return grid(("", *names, ""), rows, right=range(1, len(names) + 1), fold=len(names) + 1)


def _objectives(report: Report, measured: Evaluation | Best | Trial) -> list[str]:
    return [figure(measured.objectives.get(objective.metric)) for objective in report.objectives]


def specs_part(report: Report, importance: Importance, parameters: list[Parameter], width: int) -> RenderableType:
    """The winner's values beside the defaults."""
    specs = report.best.specs if report.best else {}
    chosen = [parameter for parameter in parameters if parameter.key in specs]
    if not chosen:
        return section("Best configuration", note("its values are not recorded"))
    shares = dict(importance.shares)
    ranges = width >= 96
    heads = ("parameter", "best", "default", "change", "importance", *(["searched range"] if ranges else []))
    rows = [_spec_row(parameter, specs[parameter.key], shares, ranges) for parameter in chosen[:LONGEST_SPECS]]
    room = width - 2 - sum(max(len(head), *(len(row[k]) for row in rows)) + 2 for k, head in enumerate(heads) if k)
    for parameter, row in zip(chosen, rows, strict=False):
        row[0] = Text(fitted(parameter.name, parameter.label, max(12, room - 2)))
    more = len(chosen) - LONGEST_SPECS
    rest = [note(f"and {more} parameters more, in result.json")] if more > 0 else []
    return section("Best configuration", grid(heads, rows, right=(1, 2, 3, 4)), *rest)


def _spec_row(parameter: Parameter, value: Any, shares: Mapping[str, float], ranges: bool) -> list[Text]:
    changed = not same(value, parameter.default)
    share = shares.get(parameter.key)
    return [
        Text(""),
        Text(spec_value(value, 18), style=HEAD if changed else ""),
        Text(spec_value(parameter.default, 14)),
        Text(factor(parameter, value) if changed else ""),
        Text(percent_share(share) if share else ""),
        *([Text(range_text(parameter, 22))] if ranges else []),
    ]


def top_table(report: Report, trials: list[Trial], parameters: list[Parameter], width: int) -> RenderableType:
    """Trials with as many of the parameters as there is room for."""
    rows = [_trial_cells(report, trial) for trial in trials]
    heads = ["trial", "status", *_measures(report), *(["keeps"] if report.constraints else []), "budget"]
    named = len(heads)
    left = width - sum(max(len(head), *(len(row[k]) for row in rows)) + 2 for k, head in enumerate(heads))
    chosen: list[Parameter] = []
    for parameter in parameters:
        room = 2 + max(len(middle(parameter.label, 16)), *(len(_cell(parameter, trial)) for trial in trials))
        if room > left:
            break
        left -= room
        chosen.append(parameter)
    cells = [[*row, *(_cell(p, trial) for p in chosen)] for row, trial in zip(rows, trials, strict=True)]
    heads += [middle(parameter.label, 16) for parameter in chosen]
    keeps_at = {named - 2} if report.constraints else set()
    return grid(heads, cells, right={0, *range(2, len(heads))} - keeps_at)


def _measures(report: Report) -> list[str]:
    """The heads of the columns with a trial's metrics."""
    others = [objective.metric for objective in report.objectives[1:]]
    return [middle(name, 16) for name in (report.metric, *others, *report.tracking)]


def _trial_cells(report: Report, trial: Trial) -> list[Cell]:
    best = report.is_best(trial)
    rec = Text(f"{'★ ' if best else ''}{trial.rec}", style=HEAD if best else "")
    status = Text(trial.status, style=_WORDS.get(trial.status, ""))
    others = [figure(trial.objectives.get(objective.metric)) for objective in report.objectives[1:]]
    tracked = [figure(trial.tracking.get(name)) for name in report.tracking]
    kept = [keeps(trial)] if report.constraints else []
    return [rec, status, figure(trial.value), *others, *tracked, *kept, trial_budget(trial)]


def _cell(parameter: Parameter, trial: Trial) -> str:
    return spec_value(trial.specs[parameter.key], 14) if parameter.key in trial.specs else MISSING


def running_blocks(report: Report, trials: list[Trial]) -> Iterator[RenderableType]:
    """What each live trial does, and the last that it reported."""
    now = latest(report)
    rows: list[Sequence[Cell]] = []
    for trial in trials[:TOP]:
        epoch, value = trial.curve[-1] if trial.curve else (None, trial.value)
        elapsed = duration(now - trial.spans[-1].start) if trial.spans else MISSING
        reached = f"{whole(epoch or 0)} of {whole(trial.budget)}"
        rows.append([trial.rec, trial.job_status or MISSING, reached, figure(value), elapsed, middle(trial.job_id, 36)])
    yield grid(
        ("trial", "job", report.unit or "budget", report.metric[:16], "elapsed", "job id"), rows, right=(0, 2, 3, 4)
    )
    if len(trials) > TOP:
        yield note(f"and {len(trials) - TOP} more")


def front_blocks(report: Report) -> Iterator[RenderableType]:
    """The Pareto front's trials with all their objectives, and what is tracked beside them."""
    metrics = list(dict.fromkeys(name for best in report.front for name in best.objectives))
    rows = [
        [
            best.rec,
            *(figure(best.objectives.get(name)) for name in metrics),
            *(figure(best.tracking.get(name)) for name in report.tracking),
            whole(best.budget),
            best.spec_path.rpartition("/")[2],
        ]
        for best in report.front[:TOP]
    ]
    heads = ("trial", *(middle(name, 20) for name in (*metrics, *report.tracking)), "budget", "spec")
    yield grid(heads, rows, right=range(len(heads) - 1))
    if len(report.front) > TOP:
        yield note(f"and {len(report.front) - TOP} more, in result.json")


def adjusted_trials(report: Report) -> Iterator[tuple[str, Cell]]:
    """What was changed in a configuration, the same change once."""
    changed: dict[str, list[str]] = {}
    for trial in report.trials:
        for change in trial.adjustments:
            changed.setdefault(change, []).append(trial.rec)
    for change, recs in list(changed.items())[:TOP]:
        shown = ", ".join(recs[:8]) + (", …" if len(recs) > 8 else "")
        yield f"trial{'s' if len(recs) > 1 else ''} {shown}", change


def failure_block(failures: Failures) -> RenderableType:
    """A cause with the line that shows it and what to do."""
    trials = "trial" if failures.count == 1 else "trials"
    shown = ", ".join(failures.recs[:8]) + (", …" if len(failures.recs) > 8 else "")
    head = Text.assemble((failures.cause, BAD), f"  {failures.count} {trials}", (f" ({shown})" if shown else "", DIM))
    rows = [("evidence", failures.evidence), ("advice", failures.advice), ("log", failures.log_path)]
    return pairs_under(head, [(name, words) for name, words in rows if words])


def effort(report: Report) -> list[tuple[str, Cell]]:
    """What was done, and what it took."""
    progress = report.progress
    rows: list[tuple[str, Cell]] = [("trials", trials_sentence(report))]
    if report.algorithm:
        rows.append(("algorithm", report.algorithm))
    left = f", about {duration(progress.eta_s)} to go" if progress.eta_s else ""
    rows.append(("time", duration(progress.elapsed_s) + left))
    if progress.epochs is not None and report.unit:
        rows.append((f"{report.unit}s trained", f"{progress.epochs:,.0f}"))
    if progress.gpu_hours is not None:
        rows.append(("GPU hours", hours(progress.gpu_hours)))
    if progress.cost is not None:
        rows.append(("cost", figure(progress.cost)))
    return rows


def places(report: Report) -> Iterator[tuple[str, Cell]]:
    """Where the files are."""
    if report.workspace:
        yield "workspace", report.workspace
    if report.best and report.best.checkpoint:
        yield "best checkpoint", report.best.checkpoint
    if report.best and report.best.results_path:
        yield "best results", report.best.results_path
    if report.best and report.best.spec_path:
        yield "best spec", report.best.spec_path
    for name, evaluation in (("baseline record", report.baseline), ("final record", report.final)):
        if evaluation.record_path and evaluation.value is not None:
            yield name, evaluation.record_path
