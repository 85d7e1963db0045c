"""The public contract, row by row: every argument, every setting, every answer of a callback, every status.

Runs are real ones of a toy skill, on a platform without machines and a clock that does not wait.
"""

import json
import math
import shutil
import sys
from collections.abc import Callable, Mapping
from dataclasses import fields
from pathlib import Path
from typing import Any

import pytest
import yaml

from tao_automl import plugins
from tao_automl.domain.events import Event, JobStarted
from tao_automl.domain.experiment import Experiment
from tao_automl.domain.job import FailureAnalysis, FailureClass, JobSpec, JobState
from tao_automl.engine.world import Callbacks
from tao_automl.errors import SettingsError, UserError
from tao_automl.runner import AutoMLRunner, Result, RunArguments, query_status, resume_run, runs
from tao_automl.runner.arguments import ALIASES
from tao_automl.runner.automl_runner import KEYWORDS
from tao_automl.runner.mailbox import request_cancel
from tao_automl.runner.settings import SETTINGS, parse_settings, searcher_settings
from tao_automl.runner.trial_entries import HISTORY_STATUS
from tao_automl.search.asha import ASHA
from tao_automl.search.random_search import RandomSearch
from tao_automl.testing.clock import ManualClock
from tao_automl.testing.memory_platform import Behaviour, MemoryPlatform
from tao_automl.testing.toy import metric_line

sys.path.append(str(Path(__file__).resolve().parents[2] / "e2e"))
from toy_skill import make_toy_skill  # of the end-to-end tests

Behave = Callable[[str, Mapping[str, Any]], Behaviour]
CRASH = Behaviour(
    seconds=1.0,
    state=JobState.FAILED,
    failure=FailureAnalysis(failure_class=FailureClass.MODEL_CODE, evidence="boom", advice="look"),
)


def trains(key: str, spec: Mapping[str, Any], **more: Any) -> Behaviour:
    """A second an epoch; the accuracy is `x`, whatever the epoch. An evaluation says 0.5."""
    if "checkpoint" in spec:
        return Behaviour(seconds=1.0, lines=[(0.5, metric_line(None, accuracy=0.5))])
    epochs = range(1, int(spec["num_epochs"]) + 1)
    lines = [(float(epoch), metric_line(epoch, accuracy=float(spec["x"]), **more)) for epoch in epochs]
    outputs = [(float(epoch), f"checkpoints/epoch_{epoch}.ckpt") for epoch in epochs]
    return Behaviour(seconds=epochs[-1] + 0.5, lines=lines, outputs=outputs)


class Bench:
    """Runs of the toy skill in a folder."""

    def __init__(self, folder: Path, skill: Path) -> None:
        self.folder, self.skill, self.count = folder, skill, 0
        self.data = folder / "data.csv"
        self.data.write_text("x\n" + "1\n" * 50)
        self.clock = ManualClock()

    @property
    def workspace(self) -> Path:
        return self.folder / f"run{self.count}"

    def runner(self, behave: Behave = trains, **more: Any) -> AutoMLRunner:
        self.count += 1
        platform = MemoryPlatform(clock=self.clock, behave=lambda spec: behave(spec.key, spec_of(spec)))
        keywords = {"skill_dir": self.skill, "platform_sdk": platform, "workspace_dir": self.workspace, **more}
        return AutoMLRunner(**keywords, poll_interval=0.25)

    def run(
        self, behave: Behave = trains, settings: Mapping[str, Any] = {}, on_event: Any = None, **more: Any
    ) -> Result:
        usual = {"algorithm": "random", "num_recommendations": 2, "max_epochs": 2, "max_concurrent": 1}
        return self.runner(behave, on_event=on_event).run(automl_settings={**usual, **settings}, **more)


def spec_of(spec: JobSpec) -> dict[str, Any]:
    (text,) = spec.files.values()
    read: dict[str, Any] = yaml.safe_load(text)
    return read


@pytest.fixture(scope="module")
def skill(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Without its data check, which would be a process for every plan."""
    folder = tmp_path_factory.mktemp("skill")
    toy = make_toy_skill(folder / "toy", folder / "launches")
    info = toy / "references" / "skill_info.yaml"
    declared = yaml.safe_load(info.read_text())
    del declared["actions"]["train"]["data_check"]
    info.write_text(yaml.safe_dump(declared))
    return toy


@pytest.fixture
def bench(tmp_path: Path, skill: Path, monkeypatch: pytest.MonkeyPatch) -> Bench:
    made = Bench(tmp_path, skill)
    monkeypatch.setattr(runs, "SystemClock", lambda: made.clock)
    return made


# Arguments


def nothing(*_: Any) -> None:
    """A callback."""


ARGUMENTS: dict[str, Any] = {
    "automl_algorithm": "sobol",
    "automl_settings": {"seed": 3},
    "spec_overrides": {"seconds_per_epoch": 0.5},
    "automl_hyperparameters": ["x"],
    "custom_param_ranges": {"x": {"valid_min": 0.25}},
    "train_dataset_uri": "DATA",
    "eval_dataset_uri": Path("DATA"),
    "image": "registry/toy:1",
    "gpu_count": 0,
    "num_nodes": 2,
    "platform_options": {"slots": 2},
    "plan_token": "anything, which a plan does not look at",
    "wandb_config": {"mode": "disabled"},
    **dict.fromkeys((item.name for item in fields(Callbacks)), nothing),
}
WRONG_ARGUMENTS: list[tuple[str, Any, str]] = [
    ("automl_algorithm", "bayesain", "did you mean `bayesian`?"),
    ("automl_settings", [("seed", 1)], "automl_settings: a mapping is needed"),
    ("spec_overrides", {"sead": 1}, "has no spec key `sead`"),
    ("spec_overrides", {"num_epochs": 3}, "is the budget of a trial"),
    ("automl_hyperparameters", ["y"], "y"),
    ("custom_param_ranges", {"x": {"min": 0.1}}, "valid_min"),
    ("custom_param_ranges", {"x": {"valid_max": 3}}, "x"),
    ("train_dataset_uri", "nowhere.csv", "train_dataset_uri: no such file or folder"),
    ("eval_dataset_uri", "s3://bucket/data", "eval_dataset_uri: s3:// is not supported"),
    ("num_nodes", 0, "num_nodes"),
    ("gpu_count", -1, "gpu_count"),
    ("wandb_config", {"nmae": "x"}, "name"),
    *((item.name, "no function", f"{item.name}: a function is needed") for item in fields(Callbacks)),
]


def test_every_argument_has_a_row() -> None:
    assert set(ARGUMENTS) == set(RunArguments.__annotations__)
    assert {name for name, _, _ in WRONG_ARGUMENTS} | {"image", "platform_options", "plan_token"} == set(ARGUMENTS)


@pytest.mark.parametrize("name", RunArguments.__annotations__)
def test_an_argument_is_accepted_and_none_stands_for_nothing(name: str, bench: Bench) -> None:
    if name == "wandb_config":
        pytest.importorskip("wandb")
    value = ARGUMENTS[name]
    given: Any = {name: type(value)(bench.data) if str(value) == "DATA" else value}
    assert bench.runner().plan(**given)["token"]
    absent: Any = {name: None}
    assert bench.runner().plan(**absent)["algorithm"] == "asha"


@pytest.mark.parametrize(("name", "value", "words"), WRONG_ARGUMENTS)
def test_a_wrong_argument_is_one_error_before_anything_happens(name: str, value: Any, words: str, bench: Bench) -> None:
    if name == "wandb_config":
        pytest.importorskip("wandb")
    with pytest.raises(UserError) as caught:
        bench.runner().run(**{name: value})
    assert words in f"{caught.value.message} {caught.value.hint}"
    assert not bench.workspace.exists()


def typo(name: str) -> str:
    """The last two letters, exchanged or doubled."""
    return name[:-2] + name[-1] + (name[-2] if name[-1] != name[-2] else "x")


@pytest.mark.parametrize("name", RunArguments.__annotations__)
@pytest.mark.parametrize("method", ["plan", "run"])
def test_a_typo_names_the_nearest_argument(name: str, method: str, bench: Bench) -> None:
    with pytest.raises(SettingsError) as caught:
        getattr(bench.runner(), method)(**{typo(name): ARGUMENTS[name]})
    assert caught.value.message == f"{method}: unknown argument `{typo(name)}`"
    assert caught.value.hint == f"did you mean `{name}`?"
    assert not bench.workspace.exists()


@pytest.mark.parametrize("name", [*KEYWORDS, *ALIASES])
def test_a_typo_names_the_nearest_keyword_of_the_constructor(name: str, bench: Bench) -> None:
    with pytest.raises(SettingsError) as caught:
        bench.runner(**{typo(name): None})
    assert caught.value.hint == f"did you mean `{name}`?"


def test_aliases_of_the_constructor(bench: Bench) -> None:
    platform = MemoryPlatform(clock=bench.clock, behave=lambda spec: trains(spec.key, spec_of(spec)))
    made = AutoMLRunner(skill_dir=bench.skill, sdk=platform, workspace_path=bench.folder / "aliased")
    assert made.plan(automl_algorithm="random")["workspace"] == str(bench.folder / "aliased")


def test_resuming_and_callbacks_have_no_typos_either(bench: Bench) -> None:
    bench.run()
    for call, words in (
        (lambda: resume_run(bench.workspace, eval_f=nothing), "did you mean `eval_fn`?"),
        (lambda: bench.runner().run(resme=True), "did you mean `resume`?"),  # type: ignore[call-arg]
    ):
        with pytest.raises(SettingsError) as caught:
            call()  # type: ignore[no-untyped-call]
        assert caught.value.hint == words


def test_a_plan_token_is_for_one_plan(bench: Bench) -> None:
    asked: Any = {"automl_algorithm": "random", "automl_settings": {"num_recommendations": 2, "seed": 1}}
    runner = bench.runner()
    token = runner.plan(**asked)["token"]
    with pytest.raises(SettingsError, match="plan_token"):
        runner.run(**{**asked, "automl_settings": {"num_recommendations": 3, "seed": 1}}, plan_token=token)
    assert not bench.workspace.exists()
    assert runner.run(**asked, plan_token=token).status == "completed"


# Settings: (accepted, refused, words of the refusal)

VALUES: dict[str, tuple[Any, Any, str]] = {
    "algorithm": ("random", "", "algorithm"),
    "metric": ("accuracy", "", "a text is needed"),
    "direction": ("maximize", "up", "one of maximize, minimize"),
    "objectives": ([{"metric": "accuracy", "weight": 2}, "test_accuracy"], 3, "a list of mappings"),
    "outcome_constraints": (["accuracy >= 0.1"], 3, "a text or a list of texts"),
    "tracking_metrics": (["test_accuracy"], [], "a text or a list of texts"),
    "evaluate_trials": (False, "yes", "true or false"),
    "reuse_best_evaluation": (True, 1, "true or false"),
    "automl_max_recommendations": ("12", 0, "an integer of at least 1"),
    "automl_max_epochs": (9.0, 2.5, "an integer of at least 1"),
    "automl_reduction_factor": (4, 1, "an integer of at least 2"),
    "automl_max_concurrent": (2, True, "an integer of at least 1"),
    "max_wall_time": ("2h", "soon", "a positive duration"),
    "max_trial_time": (30, 0, "a positive duration"),
    "max_gpu_hours": (1, -1, "a finite number"),
    "max_cost": (5, math.nan, "a finite number"),
    "price_per_gpu_hour": (2.5, "much", "a finite number"),
    "patience": (3, 0, "an integer of at least 1"),
    "target_metric": ("0.9", math.inf, "a finite number"),
    "max_attempts": (2, 0, "an integer of at least 1"),
    "tolerated_failure_rate": (0.25, 1.5, "a finite number in [0, 1]"),
    "platform_patience": ("10m", "-1", "a positive duration"),
    "evaluate_default": (False, "no", "true or false"),
    "allow_proxy_metric": (True, None, "true or false"),
    "early_stopping": ({"type": "percentile", "min_trials": 3}, 3, "a mapping with a `type`"),
    "warm_start": ("DATA", [], "a text or a list of texts"),
    "train_sample_count": (100, 0, "an integer of at least 1"),
    "automl_delete_intermediate_ckpt": (True, "yes", "true or false"),
    "automl_checkpoint_retention_strategy": ("best", "some", "one of auto, all, terminal, best"),
    "fixed_parameters": ({}, [1], "a mapping is needed"),
    "seed": (7, -1, "an integer of at least 0"),
    "trackers": ({}, 3, "a mapping"),
}
SPELLINGS = [(spelled, name) for name, setting in SETTINGS.items() for spelled in (name, *setting.aliases)]
RUNGS = ("automl_reduction_factor",)  # a setting of algorithms with rungs
SEMANTICS: list[tuple[dict[str, Any], str]] = [
    ({"metric": "acuracy"}, "`acuracy`"),
    ({"metric": "-accuracy"}, "write `accuracy`"),
    ({"metric": "accuracy + "}, "metric"),
    ({"metric": "accuracy", "objectives": ["accuracy"]}, "given together"),
    ({"direction": "minimize"}, "declares that `accuracy` is to maximize"),
    ({"metric": "accuracy - 0.1 * loss", "direction": "minimize"}, "is maximised"),
    ({"objectives": [{"metric": "accuracy", "wieght": 2}]}, "weight"),
    ({"objectives": [{"metric": "accuracy", "weight": 0}]}, "positive number"),
    ({"objectives": ["accuracy", "accuracy"]}, "named once"),
    ({"objectives": ["accuracy", "test_accuracy"], "target_metric": 1}, "target_metric"),
    ({"outcome_constraints": "accuracy"}, "one `<=` or `>=`"),
    ({"outcome_constraints": "20 >= accuracy"}, "metrics belong on the left"),
    ({"outcome_constraints": "accuracy >= loss"}, "belong on the right"),
    ({"max_cost": 3}, "price_per_gpu_hour"),
    ({"max_gpu_hours": 3}, "the jobs use no GPU"),
    ({"early_stopping": "percentil"}, "percentile"),
    ({"early_stopping": {"type": "percentile", "min_trails": 3}}, "min_trials"),
    ({"early_stopping": {"type": "threshold"}}, "`value`"),
    ({"warm_start": "nowhere"}, "warm_start"),
    ({"automl_delete_intermediate_ckpt": False, "automl_checkpoint_retention_strategy": "best"}, "contradicts"),
    ({"fixed_parameters": {"y": 1}}, "y"),
    ({"trackers": {"tensorbored": {}}}, "tensorboard"),
    ({"max_epochs": 3, "automl_max_epochs": 3}, "given twice"),
    ({"evaluate_trials": True}, "no evaluation data was given"),
    ({"evaluate_default": False, "outcome_constraints": "accuracy >= 0.9 * baseline"}, "evaluate_default=False"),
]


def test_every_setting_has_a_row() -> None:
    assert set(VALUES) == set(SETTINGS)


def plan(bench: Bench, settings: Mapping[str, Any]) -> Any:
    algorithm = "asha" if any(SPELLED.get(name) in RUNGS for name in settings) else "random"
    chosen = {} if "algorithm" in settings else {"automl_algorithm": algorithm}
    return bench.runner().plan(automl_settings=settings, **chosen)  # type: ignore[arg-type]


SPELLED = dict(SPELLINGS)


@pytest.mark.parametrize(("spelled", "name"), SPELLINGS)
def test_a_setting_is_accepted_under_each_of_its_names(spelled: str, name: str, bench: Bench) -> None:
    value = VALUES[name][0]
    if value == "DATA":
        (bench.folder / "known.csv").write_text("x,accuracy\n0.5,0.6\n")
        value = str(bench.folder / "known.csv")
    settings: dict[str, Any] = {spelled: value}
    if name in ("max_gpu_hours", "max_cost"):
        settings |= {"price_per_gpu_hour": 1}
        with pytest.raises(SettingsError, match="the jobs use no GPU"):
            plan(bench, settings)
        return
    shown = plan(bench, settings)
    if name not in ("algorithm", "trackers"):
        assert name in shown["settings"], "what is kept has the canonical name"
        assert spelled == name or spelled not in shown["settings"]


@pytest.mark.parametrize(("spelled", "name"), SPELLINGS)
def test_a_wrong_value_is_one_error_that_names_the_setting(spelled: str, name: str) -> None:
    _, wrong, words = VALUES[name]
    with pytest.raises(SettingsError) as caught:
        parse_settings({spelled: wrong}, ASHA)
    assert caught.value.message.startswith(f"{spelled}: ")
    assert words in caught.value.message
    assert "\n" not in caught.value.message


@pytest.mark.parametrize(("settings", "words"), SEMANTICS, ids=lambda value: str(value)[:40])
def test_settings_that_make_no_sense_are_refused_with_a_way_out(
    settings: dict[str, Any], words: str, bench: Bench
) -> None:
    with pytest.raises(UserError) as caught:
        bench.runner().run(automl_algorithm="random", automl_settings=settings)
    assert words in f"{caught.value.message} {caught.value.hint}"
    assert not bench.workspace.exists()


@pytest.mark.parametrize(("spelled", "name"), SPELLINGS)
def test_a_typo_names_a_near_setting(spelled: str, name: str) -> None:
    with pytest.raises(SettingsError) as caught:
        parse_settings({typo(spelled): VALUES[name][0]}, RandomSearch)
    assert caught.value.message == f"automl_settings: unknown setting `{typo(spelled)}`"
    assert caught.value.hint == f"did you mean `{spelled}`?"


OWN = [
    (searcher, name, spelled)
    for searcher in plugins.names(plugins.SEARCHERS)
    for name, field in searcher_settings(plugins.load(plugins.SEARCHERS, searcher)).items()
    for spelled in (name, *field.metadata.get("aliases", ()))
]


@pytest.mark.parametrize(("searcher", "name", "spelled"), OWN)
def test_settings_of_an_algorithm(searcher: str, name: str, spelled: str, bench: Bench) -> None:
    default = searcher_settings(plugins.load(plugins.SEARCHERS, searcher))[name].default
    settings = {spelled: default if default is not None else 4}
    assert bench.runner().plan(automl_algorithm=searcher, automl_settings=settings)["algorithm"] == searcher
    with pytest.raises(SettingsError) as caught:
        bench.runner().plan(automl_algorithm=searcher, automl_settings={spelled: "nonsense"})
    assert name in caught.value.message or spelled in caught.value.message


@pytest.mark.parametrize(("name", "spelled"), sorted({row[1:] for row in OWN if row[1] != "num_recommendations"}))
def test_settings_of_another_algorithm_are_refused(name: str, spelled: str) -> None:
    """`random` has none of its own."""
    with pytest.raises(SettingsError, match=f"`({spelled}|{name})`"):
        parse_settings({spelled: 3}, RandomSearch)


# Callbacks: what each may answer


def explode(*_: Any) -> Any:
    raise OSError("disk gone")


def answering(value: Any) -> Callable[..., Any]:
    return lambda *_: value


Expected = Callable[[Result], bool]


def succeeded(result: Result) -> bool:
    return result.status == "completed" and {entry["status"] for entry in result.history} == {"success"}


def measured(value: float) -> Expected:
    return lambda result: succeeded(result) and {entry["metric"] for entry in result.history} == {value}


def built_in(result: Result) -> bool:
    return succeeded(result) and all(entry["metric"] == entry["specs"]["x"] for entry in result.history)


def unscored(result: Result) -> bool:
    """No fallback to what the training reported."""
    classes = {(entry["status"], entry["failure_class"], entry["metric"]) for entry in result.history}
    found = {(status, failure) for status, failure, _ in classes}
    return result.best is None and found == {("failure", "metric_missing")}


def no_baseline(result: Result) -> bool:
    baseline = result.baseline
    return (
        (result.status, baseline["status"], len(result.history)) == ("failed", "failure", 0)
        and str(result.failure_reason).startswith("no baseline")
        and bool(baseline["failure_reason"])
    )


def baseline_is(value: float) -> Expected:
    return lambda result: (
        built_in(result)
        and (result.baseline["status"], result.baseline["metric_value"]) == ("provided", value)
        and result.baseline["source"] == "baseline_fn"
    )


def final_is(value: float, **more: Any) -> Expected:
    return lambda result: (
        built_in(result)
        and (result.final_evaluation["status"], result.final_evaluation["metric_value"]) == ("provided", value)
        and all(result.final_evaluation[name] == told for name, told in more.items())
    )


def final_failed(result: Result) -> bool:
    final = result.final_evaluation
    return built_in(result) and result.best is not None and final["status"] == "callback_error"


def feedback_is(value: Any) -> Expected:
    return lambda result: built_in(result) and [entry["feedback"] for entry in result.history] == [value, value]


def feedback_failed(result: Result) -> bool:
    named = {error["callback"] for error in result.callback_errors}
    return feedback_is(None)(result) and named == {"feedback_fn"}


def not_finite(result: Result) -> bool:
    """A value that is not finite is a failure."""
    return {(e["status"], e["failure_class"]) for e in result.history} == {("failure", "model_code")}


RECORD = {"metric_value": 0.7, "record_path": "/r.json", "job_id": "mine"}
ANSWERS: list[tuple[str, str, Callable[..., Any], Expected]] = [
    ("metric_extractor", "a number", answering(0.25), measured(0.25)),
    ("metric_extractor", "None", answering(None), built_in),
    ("metric_extractor", "raises", explode, built_in),
    ("metric_extractor", "NaN", answering(math.nan), not_finite),
    ("eval_fn", "a number", answering(0.25), measured(0.25)),
    ("eval_fn", "mean and error", answering((0.25, 0.01)), measured(0.25)),
    ("eval_fn", "a mapping", answering({"accuracy": 0.25, "fps": 3}), measured(0.25)),
    ("eval_fn", "a mapping of pairs", answering({"accuracy": (0.25, 0.1)}), measured(0.25)),
    ("eval_fn", "None", answering(None), unscored),
    ("eval_fn", "raises", explode, unscored),
    ("eval_fn", "NaN", answering(math.nan), unscored),
    ("eval_fn", "another metric", answering({"loss": 1.0}), unscored),
    ("eval_fn", "a text", answering("good"), unscored),
    ("baseline_fn", "a number", answering(0.4), baseline_is(0.4)),
    ("baseline_fn", "a mapping", answering({"accuracy": 0.4}), baseline_is(0.4)),
    ("baseline_fn", "None", answering(None), no_baseline),
    ("baseline_fn", "raises", explode, no_baseline),
    ("baseline_fn", "NaN", answering(math.nan), no_baseline),
    ("final_eval_fn", "a number", answering(0.7), final_is(0.7, source="final_eval_fn")),
    ("final_eval_fn", "a record", answering(RECORD), final_is(0.7, record_path="/r.json", job_id="mine")),
    ("final_eval_fn", "None", answering(None), final_failed),
    ("final_eval_fn", "raises", explode, final_failed),
    ("final_eval_fn", "NaN", answering(math.nan), final_failed),
    ("feedback_fn", "JSON", answering({"note": "blurred", "image_id": 7}), feedback_is({"note": "blurred"})),
    ("feedback_fn", "a path", answering({"note": "see /data/7.png"}), feedback_is({"note": "see <path>"})),
    ("feedback_fn", "None", answering(None), feedback_failed),
    ("feedback_fn", "raises", explode, feedback_failed),
    ("feedback_fn", "NaN", answering({"a": math.nan}), feedback_failed),
    ("on_recommendation", "whatever", answering(3), built_in),
    ("on_recommendation", "raises", explode, built_in),
    ("on_result", "whatever", answering(math.nan), built_in),
    ("on_result", "raises", explode, built_in),
]


def test_every_callback_has_rows() -> None:
    assert {name for name, *_ in ANSWERS} == {item.name for item in fields(Callbacks)}


@pytest.mark.parametrize(("name", "says", "callback", "expected"), ANSWERS, ids=[f"{a[0]}-{a[1]}" for a in ANSWERS])
def test_a_callback_answers(name: str, says: str, callback: Any, expected: Expected, bench: Bench) -> None:
    result = bench.run(settings={"allow_proxy_metric": name in ("eval_fn", "metric_extractor")}, **{name: callback})
    assert expected(result), result.to_json()
    assert json.loads(result.to_json()) == query_status(bench.workspace).to_dict()


def test_a_base_model_is_a_baseline_too(bench: Bench, tmp_path: Path) -> None:
    """Measured by the first job, and good for a constraint that compares with it, also without a default trial."""
    bench.skill = Path(shutil.copytree(bench.skill, tmp_path / "based"))
    info = bench.skill / "references" / "skill_info.yaml"
    declared = yaml.safe_load(info.read_text())
    declared["actions"]["evaluate"]["inputs"]["checkpoint"]["base_from"] = "train_path"
    info.write_text(yaml.safe_dump({**declared, "name": "based"}))
    search: Any = {
        "settings": {"evaluate_default": False, "outcome_constraints": "accuracy >= 0.5 * baseline"},
        "eval_dataset_uri": bench.data,
    }
    with pytest.raises(SettingsError, match="evaluate_default=False"):
        bench.run(**search)
    result = bench.run(**search, train_dataset_uri=bench.data)
    assert (result.status, result.baseline["status"], result.baseline["rec_id"]) == ("completed", "measured", None)
    assert result.outcome_constraints[0]["bound"] == 0.25
    records = json.loads((bench.workspace / "job_records.json").read_text())
    assert [record["purpose"] for record in records][:2] == ["baseline", "train"]


def test_a_failed_baseline_is_no_end_where_the_user_said_so(bench: Bench) -> None:
    result = bench.run(settings={"allow_proxy_metric": True}, baseline_fn=explode)
    assert built_in(result)
    assert result.baseline["status"] == "failure"


def test_what_callbacks_are_given(bench: Bench) -> None:
    given: dict[str, list[Any]] = {}

    def noting(name: str, answer: Any) -> Callable[..., Any]:
        return lambda *arguments: (given.setdefault(name, []).append(arguments), answer)[1]

    answers = {"eval_fn": 0.5, "baseline_fn": 0.5, "final_eval_fn": 0.5, "feedback_fn": {}}
    bench.run(**{item.name: noting(item.name, answers.get(item.name)) for item in fields(Callbacks)})
    assert set(given) == {item.name for item in fields(Callbacks)}
    text, metric = given["metric_extractor"][0]
    assert (metric, "tao_automl" in text) == ("accuracy", True)
    (base_specs,) = given["baseline_fn"][0]
    assert base_specs["num_epochs"] == 2, "the spec of the default configuration"
    for name in ("eval_fn", "final_eval_fn", "feedback_fn"):
        rec, job = given[name][0]
        assert {"rec_id", "specs", "budget", "job_id", "results_path", "checkpoint"} <= set(rec)
        assert job == rec["job_id"]
    assert given["final_eval_fn"][0][0]["metric_value"] == 0.5
    assert [rec["rec_id"] for (rec,) in given["on_recommendation"]] == [0, 1]
    assert [(metric, status) for _, metric, status in given["on_result"]] == [(0.5, "success")] * 2


# Statuses, each of them reached


def of_trial(number: int, key: str) -> bool:
    return f"-t{number:04d}-" in key


def crashing(key: str, spec: Mapping[str, Any]) -> Behaviour:
    return CRASH


def slow_second(key: str, spec: Mapping[str, Any]) -> Behaviour:
    """Trial 1 is good at once; trial 2 is as it always was, and takes for ever."""
    if of_trial(1, key):
        return trains(key, {**spec, "x": 1.0})
    usual = trains(key, spec)
    return Behaviour(seconds=math.inf, lines=usual.lines) if of_trial(2, key) else usual


def hopeless(key: str, spec: Mapping[str, Any]) -> Behaviour:
    return (
        trains(key, spec)
        if of_trial(0, key)
        else Behaviour(seconds=1000.0, lines=[(1.0, metric_line(1, accuracy=0.0))])
    )


def mute_evaluation(key: str, spec: Mapping[str, Any]) -> Behaviour:
    return Behaviour(seconds=1.0, lines=[(0.5, "done")]) if "checkpoint" in spec else trains(key, spec)


def broken_evaluation(key: str, spec: Mapping[str, Any]) -> Behaviour:
    return CRASH if "checkpoint" in spec else trains(key, spec)


def once_trial_0_runs(bench: Bench, do: Callable[[Path], Any], **more: Any) -> tuple[Result, list[Any]]:
    """The result, and what `do` answered when the first job had started."""
    seen: list[Any] = []

    def look(event: Event, experiment: Experiment) -> None:
        if isinstance(event, JobStarted) and not seen:
            seen.append(do(bench.workspace))

    return bench.run(on_event=look, **more), seen


def so_far(bench: Bench) -> Result:
    found: Result = once_trial_0_runs(bench, query_status)[1][0]
    return found


def interrupted(bench: Bench) -> Result:
    def ctrl_c(_: Path) -> None:
        raise KeyboardInterrupt

    result, _ = once_trial_0_runs(bench, ctrl_c)
    assert query_status(bench.workspace).status == result.status
    return result


BLUNT = {"allow_proxy_metric": True, "tolerated_failure_rate": 1.0}
SCORED = {"evaluate_trials": True}
STOP_EARLY = {"early_stopping": {"type": "threshold", "value": 0.5}}
TARGET = {"num_recommendations": 3, "max_concurrent": 2, "target_metric": 0.99, "evaluate_default": True}
Scenario = Callable[[Bench], Result]


def evaluated(behave: Behave = trains, settings: Mapping[str, Any] = {}, **more: Any) -> Scenario:
    return lambda bench: bench.run(behave, settings, eval_dataset_uri=bench.data, **more)


def plain(behave: Behave = trains, settings: Mapping[str, Any] = {}, **more: Any) -> Scenario:
    return lambda bench: bench.run(behave, settings, **more)


STATUSES: dict[str, dict[str, Scenario]] = {
    "run": {
        "running": so_far,
        "completed": plain(),
        "stopped": plain(settings={"patience": 1, "num_recommendations": 20}),
        "failed": plain(crashing),
        "interrupted": interrupted,
    },
    "trial": {
        "running": so_far,
        "success": plain(),
        "failure": plain(crashing),
        "stopped": plain(hopeless, STOP_EARLY),
        "cancelled": plain(slow_second, TARGET),
    },
    "baseline": {
        "measured": evaluated(),
        "provided": plain(baseline_fn=answering(0.5)),
        "skipped": plain(settings={"evaluate_default": False}),
        "metric_missing": evaluated(mute_evaluation),
        "failure": evaluated(broken_evaluation),
        "not_run": so_far,
    },
    "final_evaluation": {
        "measured": evaluated(),
        "provided": plain(final_eval_fn=answering(0.5)),
        "reused_best": evaluated(settings={**SCORED, "reuse_best_evaluation": True}),
        "metric_missing": evaluated(mute_evaluation, BLUNT),
        "callback_error": plain(final_eval_fn=explode),
        "unavailable": evaluated(settings=SCORED),
        "not_run": plain(crashing),
    },
}
ROWS = [(of, status) for of, statuses in STATUSES.items() for status in statuses]


@pytest.mark.parametrize(("of", "status"), ROWS)
def test_a_status_is_reached(of: str, status: str, bench: Bench) -> None:
    result = STATUSES[of][status](bench)
    if of == "run":
        assert result.status == status
        assert bool(result.failure_reason) is (status in ("failed", "stopped", "interrupted"))
    elif of == "trial":
        entry = next(entry for entry in result.history if entry["status"] == status)
        assert bool(entry["failure_reason"]) is (status in ("failure", "stopped", "cancelled"))
        assert bool(entry["failure_class"]) is (status == "failure")
    else:
        entry = result[of]
        assert entry["status"] == status
        has_value = status in ("measured", "provided", "reused_best")
        assert (entry["metric_value"] is not None) is has_value
        assert bool(entry["failure_reason"]) is not has_value, "where there is no value there is a reason"


def test_the_rows_are_all_there_are() -> None:
    assert set(STATUSES["trial"]) == set(HISTORY_STATUS.values())
    assert set(STATUSES["run"]) == {"running", "completed", "stopped", "failed", "interrupted"}


def test_a_run_that_is_cancelled_says_so(bench: Bench) -> None:
    result, _ = once_trial_0_runs(bench, request_cancel)
    assert (result.status, result.failure_reason) == ("stopped", "cancelled by the user")
    assert {entry["status"] for entry in result.history} == {"cancelled"}
    assert result.final_evaluation["status"] == "not_run"


def test_an_interrupted_run_goes_on(bench: Bench) -> None:
    interrupted(bench)
    bench.count -= 1
    again = bench.runner().run(resume=True)
    assert again.status == "completed"
    assert len(again.history) == 2
