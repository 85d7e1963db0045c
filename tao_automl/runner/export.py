"""Writing a run elsewhere, whatever its state: into trackers, into Optuna's storage, into a table."""

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from tao_automl.domain.experiment import Experiment
from tao_automl.errors import TaoAutoMLError, TrackingError, UserError
from tao_automl.platforms.redact import Redactor, redact
from tao_automl.runner.files import write_atomically
from tao_automl.runner.status import read_events, read_experiment, runner_alive
from tao_automl.runner.trackers import open_trackers, trackers_setting
from tao_automl.runner.tracking import Tracking, scrubbed
from tao_automl.tracking.rows import run_facts, trial_row

PATIENCE_SECONDS = 600.0


def export_run(
    workspace: str | Path,
    *,
    optuna: str | None = None,
    study_name: str | None = None,
    csv: str | Path | None = None,
    trackers: Mapping[str, Any] | None = None,
) -> list[str]:
    """Writes the run as it stands now, and returns a line for each thing that was written. Exporting again is safe.

    Args:
        optuna: the URL of an Optuna storage, such as ``sqlite:///study.db``. A study of the same name is replaced if
            it is an earlier export of this run.
        csv: a file for a table with a row a trial.
        trackers: as the setting of this name. Not while a runner is at work: it tells its trackers itself.

    Raises:
        UserError: there is no run, or what was asked for is impossible.
        TrackingError: the other side did not take it.
    """
    folder = Path(workspace).expanduser().absolute()
    experiment = read_experiment(folder)
    return list(_written(folder, experiment, optuna, study_name, csv, trackers_setting("trackers", trackers or {})))


def _written(
    folder: Path,
    experiment: Experiment,
    optuna: str | None,
    study_name: str | None,
    csv: str | Path | None,
    trackers: Mapping[str, Mapping[str, Any]],
) -> Iterator[str]:
    if csv is not None:
        yield _write_table(experiment, Path(csv))
    if optuna is not None:
        yield _write_study(experiment, optuna, study_name)
    if trackers:
        yield _tell_trackers(folder, experiment, trackers)


def _write_table(experiment: Experiment, path: Path) -> str:
    from tao_automl.tracking.trial_table import trial_table

    write_atomically(path, trial_table(scrubbed(_rows(experiment), Redactor.from_environment())))
    return f"wrote {path}"


def _write_study(experiment: Experiment, storage: str, name: str | None) -> str:
    from tao_automl.tracking.optuna_study import export_study

    facts, rows = scrubbed((run_facts(experiment), _rows(experiment)), Redactor.from_environment())
    try:
        study = export_study(facts, rows, storage, name)
    except TaoAutoMLError:
        raise
    except Exception as error:
        raise TrackingError(
            f"Optuna's storage: {redact(str(error)).splitlines()[0]:.200}", "a URL is needed: sqlite:///study.db"
        ) from error
    return f"wrote the study {study}"


def _rows(experiment: Experiment) -> tuple[Any, ...]:
    return tuple(trial_row(experiment, trial.id) for trial in experiment.trials)


def _tell_trackers(folder: Path, experiment: Experiment, asked: Mapping[str, Mapping[str, Any]]) -> str:
    if runner_alive(experiment):
        raise UserError(
            f"{folder}: a runner is at work, and tells the run's trackers itself",
            "export to trackers once it has ended; --csv and --optuna can be written at any time",
        )
    tracking = Tracking(open_trackers(asked, folder))
    tracking.replay(read_events(folder))
    if notes := tracking.close(experiment, PATIENCE_SECONDS):
        raise TrackingError("; ".join(notes), "once it answers again, the same export goes on where it stopped")
    return f"told {', '.join(asked)}"
