"""What earlier runs have taught: read from workspaces and tables, and turned into trials of the new problem."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from tao_automl.domain.goal import Direction, Objective, OutcomeConstraint
from tao_automl.domain.problem import Problem
from tao_automl.domain.trial import Origin, TrialState
from tao_automl.engine.world import Callbacks
from tao_automl.errors import DataError
from tao_automl.runner import warm_start
from tao_automl.runner.warm_start import known_trials, read_rows
from tao_automl.search.asha import ASHA
from tao_automl.search.random_search import RandomSearch
from tao_automl.store.sqlite import open_sqlite
from tao_automl.testing.toy import ToyJobs, build_engine, toy_problem

Run = Callable[..., Path]


@pytest.fixture
def run(tmp_path: Path) -> Run:
    """Runs a toy search in a workspace."""

    def make(name: str = "earlier", *, asha: bool = False, problem: Problem | None = None, **more: Any) -> Path:
        problem = problem or toy_problem(epochs=9)
        searcher = ASHA if asha else RandomSearch
        journal = open_sqlite(tmp_path / name, "create")
        engine = build_engine(
            searcher=searcher(problem=problem, num_recommendations=4),
            problem=problem,
            journal=journal,
            jobs=ToyJobs(problem=problem, evaluates=False),
            **more,
        )
        engine.run()
        journal.close()
        return tmp_path / name

    return make


def table(folder: Path, text: str, name: str = "table.csv") -> str:
    (folder / name).write_text(text)
    return str(folder / name)


def test_the_trials_of_a_workspace_are_known_with_their_curves(run: Run) -> None:
    workspace = run()
    rows = read_rows([str(workspace)])
    known = known_trials(toy_problem(epochs=9), rows)
    assert len(known) == 4
    for number, trial in enumerate(known):
        assert (trial.id, trial.state, trial.origin) == (-1 - number, TrialState.COMPLETED, Origin.USER)
        assert list(trial.scores) == list(range(1, 10))
        assert trial.budget == 9
        assert trial.params == rows[number]["params"]
    assert {row["source"] for row in rows} == {"earlier"}


def test_signatures_are_never_those_of_a_configuration(run: Run) -> None:
    problem = toy_problem(epochs=9)
    known = known_trials(problem, read_rows([str(run())]))
    assert len({trial.signature for trial in known}) == 4
    assert not {trial.signature for trial in known} & {problem.space.signature(trial.params) for trial in known}


def test_rungs_are_budgets(run: Run) -> None:
    known = known_trials(toy_problem(epochs=9), read_rows([str(run(asha=True))]))
    assert {trial.budget for trial in known} > {1, 9}


def test_what_counts_is_the_goal_of_now(run: Run) -> None:
    rows = read_rows([str(run())])
    now = replace(toy_problem(epochs=9), objective=Objective(metric="loss", direction=Direction.MAXIMIZE))
    for trial in known_trials(now, rows):
        assert all(score.cost == -score.value for score in trial.scores.values())
    formula = Objective(metric="-2 * loss", direction=Direction.MAXIMIZE, formula="-2 * loss")
    (first, *_) = known_trials(replace(now, objective=formula), rows)
    assert first.scores[9].value == -2 * rows[0]["values"]["9"]["loss"]  # type: ignore[index, call-overload, operator]
    assert known_trials(replace(now, objective=Objective(metric="other", direction=Direction.MAXIMIZE)), rows) == ()


def test_constraints_are_judged_by_what_was_reported(run: Run) -> None:
    keeps = (OutcomeConstraint(left="loss", right="0", at_most=True),)
    known = known_trials(replace(toy_problem(epochs=9), constraints=keeps), read_rows([str(run())]))
    assert all(trial.score and trial.score.violation > 0 for trial in known)


def test_what_lies_beyond_the_new_budget_is_left_out(run: Run) -> None:
    known = known_trials(toy_problem(epochs=3), read_rows([str(run())]))
    assert all(list(trial.scores) == [1, 2, 3] for trial in known)


def test_a_complete_training_is_one_whatever_its_length(run: Run) -> None:
    rows = read_rows([str(run(problem=toy_problem(epochs=None)))])
    assert {tuple(row["values"]) for row in rows} == {("0",)}  # type: ignore[arg-type]  # a mapping
    assert [tuple(trial.scores) for trial in known_trials(toy_problem(epochs=9), rows)] == [(9,)] * 4


def test_of_trials_that_an_eval_fn_scored_only_its_scores_count(run: Run) -> None:
    """What the trainings reported under the same name is another thing."""
    rows = read_rows([str(run(callbacks=Callbacks(eval_fn=lambda rec, job: 100.0 + rec["rec_id"])))])
    known = known_trials(toy_problem(epochs=9), rows)
    assert sorted((*trial.scores, *(s.value for s in trial.scores.values())) for trial in known) == [
        (9, 100.0 + n) for n in range(4)
    ]


def test_rows_of_a_table(tmp_path: Path) -> None:
    text = "lr, width,optimizer,budget,loss,note\n0.01,8,adam,3,0.25,good\n0.1,4,sgd,,0.5,\n1e-9,99,adam,1,0.75,\n"
    known = known_trials(toy_problem(epochs=9), read_rows([table(tmp_path, text)]))
    assert [(trial.params, {b: s.value for b, s in trial.scores.items()}) for trial in known] == [
        ({"lr": 0.01, "width": 8, "optimizer": "adam"}, {3: 0.25}),
        ({"lr": 0.1, "width": 4, "optimizer": "sgd"}, {9: 0.5}),
        ({"lr": 1e-9, "width": 99, "optimizer": "adam"}, {1: 0.75}),  # outside of the space: it teaches nevertheless
    ]


def test_what_a_row_lacks_is_the_default(tmp_path: Path) -> None:
    (trial,) = known_trials(toy_problem(), read_rows([table(tmp_path, "lr,loss\n0.5,1\n")]))
    assert trial.params == {**toy_problem().space.default(), "lr": 0.5}


@pytest.mark.parametrize(
    "row", ["fast,8,adam,1", "0.1,8.5,adam,1", "0.1,8,lion,1", "0.1,8,adam,", "0.1,8,adam,nan", "nan,8,adam,1"]
)
def test_rows_that_mean_nothing_here_are_left_out(tmp_path: Path, row: str) -> None:
    rows = read_rows([table(tmp_path, f"lr,width,optimizer,loss\n{row}\n")])
    assert len(rows) == 1
    assert known_trials(toy_problem(), rows) == ()


def test_a_row_without_any_searched_parameter_is_left_out(tmp_path: Path) -> None:
    assert known_trials(toy_problem(), read_rows([table(tmp_path, "depth,loss\n3,1\n")])) == ()


@pytest.mark.parametrize(
    "text", ["", "lr,loss\n", "lr,budget,loss\n1,nan,1\n", "lr,budget,loss\n1,inf,1\n", "lr,budget,loss\n1,-3,1\n"]
)
def test_tables_without_sense_are_refused_by_name(tmp_path: Path, text: str) -> None:
    with pytest.raises(DataError, match=r"warm_start: .*table\.csv"):
        read_rows([table(tmp_path, text)])


def test_what_is_no_text_is_refused(tmp_path: Path) -> None:
    (tmp_path / "weights.csv").write_bytes(b"\x80\x81\xff\x00" * 100)
    with pytest.raises(DataError, match="cannot be read"):
        read_rows([str(tmp_path / "weights.csv")])


def test_a_workspace_that_is_none_is_refused_and_not_made(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="warm_start: ") as caught:
        read_rows([str(tmp_path / "nowhere")])
    assert "a CSV file" in caught.value.hint
    assert list(tmp_path.iterdir()) == []


def test_a_run_in_which_nothing_succeeded_teaches_nothing(run: Run) -> None:
    workspace = run(callbacks=Callbacks(eval_fn=lambda rec, job: None))
    with pytest.raises(DataError, match="no completed trial in"):
        read_rows([str(workspace)])


def test_there_is_a_limit(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(warm_start, "MOST_ROWS", 2)
    assert len(read_rows([table(tmp_path, "lr,loss\n1,1\n2,2\n")])) == 2
    with pytest.raises(DataError, match="at most 2 trials can be used, got 3"):
        read_rows([table(tmp_path, "lr,loss\n1,1\n2,2\n3,3\n")])


def test_sources_are_put_together(run: Run, tmp_path: Path) -> None:
    rows = read_rows([str(run()), table(tmp_path, "lr,loss\n0.5,1\n")])
    assert [row["source"] for row in rows] == ["earlier"] * 4 + ["table.csv"]
    assert [trial.id for trial in known_trials(toy_problem(), rows)] == [-1, -2, -3, -4, -5]


def test_a_search_with_known_trials_proposes_inside_of_its_space(run: Run, tmp_path: Path) -> None:
    problem = toy_problem(epochs=9)
    known = known_trials(problem, read_rows([table(tmp_path, "lr,width,loss\n1e-9,99,0.1\n")]))
    engine = build_engine(searcher=RandomSearch(problem=replace(problem, known=known), num_recommendations=5))
    engine.run()
    assert len(engine.experiment.trials) == 5
    assert not any(problem.space.validate(trial.params) for trial in engine.experiment.trials)
