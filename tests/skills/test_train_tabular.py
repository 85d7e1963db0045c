"""The native skill train-tabular: its scripts on small tables, and its files and documentation against them."""

import csv
import importlib
import importlib.util
import json
import os
import pickle
import re
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable
from functools import cache
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

yaml = pytest.importorskip("yaml")
np = pytest.importorskip("numpy")
pd = pytest.importorskip("pandas")
pytest.importorskip("sklearn")

SKILL = Path(__file__).resolve().parents[2] / "skills" / "models" / "train-tabular"
SCRIPTS = SKILL / "scripts"
KINDS = ("hist_gradient_boosting", "mlp", "random_forest", "extra_trees", "linear")
TASKS = ("classification", "regression")
SMALL = {  # quick members of the search space that use every kind of preprocessing
    "model.boosting.min_samples_leaf": 3,
    "model.boosting.max_features": 0.5,
    "model.boosting.iterations_per_epoch": 3,
    "model.forest.trees_per_epoch": 3,
    "model.forest.sample_fraction": 0.8,
    "model.mlp.hidden_width": 16,
    "model.mlp.learning_rate": 0.01,
    "model.linear.iterations_per_epoch": 2,
}


def _import_tabular() -> None:
    """Make `tabular` importable without leaving names like `train` on the path of other tests."""
    sys.path.insert(0, str(SCRIPTS))
    try:
        importlib.import_module("tabular")
    finally:
        sys.path.remove(str(SCRIPTS))


_import_tabular()


@cache
def script(name: str) -> ModuleType:
    spec = importlib.util.spec_from_file_location(f"train_tabular_{name}", SCRIPTS / f"{name}.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def nested(flat: dict[str, Any]) -> dict[str, Any]:
    tree: dict[str, Any] = {}
    for name, value in flat.items():
        *groups, last = name.split(".")
        node = tree
        for group in groups:
            node = node.setdefault(group, {})
        node[last] = value
    return tree


def flattened(tree: dict[str, Any], prefix: str = "") -> dict[str, Any]:
    flat: dict[str, Any] = {}
    for name, value in tree.items():
        flat |= flattened(value, f"{prefix}{name}.") if isinstance(value, dict) else {prefix + name: value}
    return flat


class Job:
    """A job's folder, and the scripts run in it."""

    def __init__(self, folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
        self.folder, self.capsys = folder, capsys
        folder.mkdir(parents=True, exist_ok=True)

    def write(self, settings: dict[str, Any]) -> Path:
        path = self.folder / "spec.yaml"
        path.write_text(yaml.safe_dump(nested({"results_dir": str(self.folder / "results"), **settings})))
        return path

    def run(self, action: str, settings: dict[str, Any]) -> tuple[int, str, str]:
        path = self.write(settings)
        self.capsys.readouterr()
        code = script(action).main(["--config", str(path)])
        return code, *self.capsys.readouterr()

    def metrics(self, action: str, settings: dict[str, Any]) -> dict[int, dict[str, Any]]:
        code, out, err = self.run(action, settings)
        assert (code, err) == (0, ""), err
        return metric_lines(out)

    def fault(self, action: str, settings: dict[str, Any]) -> str:
        """stderr of a run that must be refused: one error line, then at most one hint line."""
        code, out, err = self.run(action, settings)
        lines = err.splitlines()
        assert code == 2, (out, err)
        assert lines[0].startswith("error: ")
        assert [line[:6] for line in lines[1:]] in ([], ["hint: "])
        assert metric_lines(out) == {}
        return err

    def checkpoint(self, epoch: int) -> Path:
        return self.folder / "results" / "checkpoints" / f"epoch_{epoch}.ckpt"


def metric_lines(out: str) -> dict[int, dict[str, Any]]:
    """Metrics by epoch, without the wall time."""
    records = [json.loads(line) for line in out.splitlines() if line.startswith("{")]
    found = {r["epoch"]: r["metrics"] for r in records if r.get("tao_automl") == "metric"}
    return {epoch: {k: v for k, v in metrics.items() if k != "seconds"} for epoch, metrics in found.items()}


@pytest.fixture
def job(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> Job:
    return Job(tmp_path / "job", capsys)


def make_table(rows: int, seed: int, task: str) -> "pd.DataFrame":
    """Numbers with gaps, text with gaps and rare values, a flag, an id; the target depends on most of them."""
    dice = np.random.default_rng(seed)
    size, shade = dice.normal(50, 20, rows), dice.choice(["red", "green", "blue"], rows)
    wet, weight = dice.random(rows) < 0.5, dice.lognormal(0, 1, rows)
    signal_ = (size - 50) / 20 + (shade == "red") * 1.5 + wet + 0.1 * dice.normal(size=rows)
    table = pd.DataFrame(
        {"id": [f"r{i}" for i in range(rows)], "size": size, "weight": weight, "shade": shade, "wet": wet}
    )
    table.loc[dice.random(rows) < 0.1, "size"] = np.nan
    table.loc[dice.random(rows) < 0.1, "shade"] = None
    labels = np.array(["low", "mid", "high"])[np.digitize(signal_, [0.5, 1.5])]
    table["target"] = labels if task == "classification" else signal_ * 10 + 100
    return table


@pytest.fixture(scope="module")
def tables(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("tables")
    for task in TASKS:
        make_table(160, 1, task).to_csv(folder / f"{task}.train.csv", index=False)
        held_out = make_table(60, 2, task)
        held_out.loc[:2, "shade"] = "never seen"
        held_out.to_csv(folder / f"{task}.eval.csv", index=False)
    return folder


def paths(tables: Path, task: str) -> dict[str, Any]:
    held_out = str(tables / f"{task}.eval.csv")
    return {
        "dataset.train_path": str(tables / f"{task}.train.csv"),
        "dataset.eval_path": held_out,
        "dataset.predict_path": held_out,
        "dataset.id_column": "id",
    }


# ---- every family, both tasks


@pytest.mark.parametrize("task", TASKS)
@pytest.mark.parametrize("kind", KINDS)
def test_a_resumed_run_is_the_uninterrupted_run(
    kind: str, task: str, tables: Path, tmp_path: Path, capsys: Any
) -> None:
    settings = {**paths(tables, task), **SMALL, "model.kind": kind}
    whole, parts = Job(tmp_path / "whole", capsys), Job(tmp_path / "parts", capsys)
    every = whole.metrics("train", {**settings, "train.num_epochs": 4})
    first = parts.metrics("train", {**settings, "train.num_epochs": 2})
    resume = {"train.num_epochs": 4, "train.resume_from": str(parts.checkpoint(2))}
    rest = parts.metrics("train", {**settings, **resume})
    assert {**first, **rest} == every
    assert (sorted(first), sorted(rest)) == ([1, 2], [3, 4])
    for one in (whole, parts):
        one.metrics("predict", {**settings, "predict.checkpoint": str(one.checkpoint(4))})
    written = [(one.folder / "results" / "predictions.csv").read_bytes() for one in (whole, parts)]
    assert written[0] == written[1]


@pytest.mark.parametrize("task", TASKS)
@pytest.mark.parametrize("kind", KINDS)
def test_evaluate_predict_and_export(kind: str, task: str, tables: Path, job: Job) -> None:
    settings = {**paths(tables, task), **SMALL, "model.kind": kind, "train.num_epochs": 5}
    checkpoint = str(job.checkpoint(5))
    settings |= {f"{action}.checkpoint": checkpoint for action in ("evaluate", "predict", "export")}
    trained = job.metrics("train", settings)
    evaluated = job.metrics("evaluate", settings)[5]
    assert set(evaluated) == set(trained[5])
    assert evaluated["accuracy" if task == "classification" else "r2"] > (0.55 if task == "classification" else 0.3)
    written = json.loads((job.folder / "results" / "metrics.json").read_text())
    assert written["metrics"] == evaluated
    assert (written["epoch"], written["rows"]) == (5, 60)

    job.metrics("predict", settings)
    table = pd.read_csv(job.folder / "results" / "predictions.csv")
    assert list(table["id"]) == [f"r{i}" for i in range(60)]
    if task == "classification":
        truth = pd.read_csv(tables / "classification.eval.csv")["target"]
        assert (table["prediction"] == truth).mean() == pytest.approx(evaluated["accuracy"])
        assert list(table.columns) == ["id", "prediction", "probability_high", "probability_low", "probability_mid"]

    job.metrics("export", {**settings, "export.metrics_file": str(job.folder / "results" / "metrics.json")})
    exported = job.folder / "results" / "export"
    card = json.loads((exported / "model_card.json").read_text())
    assert card["evaluation"]["metrics"] == evaluated
    assert card["validation_metrics"] == trained[5]
    schema = json.loads((exported / "feature_schema.json").read_text())
    assert [column["name"] for column in schema["inputs"]] == ["size", "weight", "shade", "wet"]


def test_the_exported_folder_predicts_by_itself(tables: Path, job: Job, tmp_path: Path) -> None:
    settings = {**paths(tables, "classification"), **SMALL, "train.num_epochs": 2}
    settings |= {f"{action}.checkpoint": str(job.checkpoint(2)) for action in ("predict", "export")}
    for action in ("train", "predict", "export"):
        job.metrics(action, settings)
    moved = shutil.move(job.folder / "results" / "export", tmp_path / "elsewhere")
    command = [sys.executable, f"{moved}/predict.py", settings["dataset.predict_path"], "-", "--id-column", "id"]
    done = subprocess.run(command, capture_output=True, text=True, cwd=tmp_path, check=True)
    assert done.stdout == (job.folder / "results" / "predictions.csv").read_text()


@pytest.mark.parametrize(
    ("kind", "size"),
    [
        ("hist_gradient_boosting", lambda model: model.n_iter_),
        ("random_forest", lambda model: len(model.estimators_)),
        ("extra_trees", lambda model: len(model.estimators_)),
        ("mlp", lambda model: len(model.loss_curve_)),
    ],
)
def test_an_epoch_is_a_fixed_amount_of_training(kind: str, size: Callable[[Any], int], tables: Path, job: Job) -> None:
    settings = {**paths(tables, "classification"), **SMALL, "model.kind": kind, "model.mlp.passes_per_epoch": 3}
    job.metrics("train", {**settings, "train.num_epochs": 4})
    load = importlib.import_module("tabular.checkpoint").load
    assert size(load(job.checkpoint(4), "test").estimator) == 3 * 4


def test_seeds_decide_and_validation_rows_stay(tables: Path, job: Job) -> None:
    settings = {**paths(tables, "classification"), **SMALL, "model.kind": "extra_trees", "train.num_epochs": 2}
    first, again = job.metrics("train", settings), job.metrics("train", settings)
    other = job.metrics("train", {**settings, "train.seed": 1})
    assert first == again != other


@pytest.mark.parametrize("scale", ["none", "standard", "minmax", "quantile"])
def test_every_preprocessing_choice_trains(scale: str, tables: Path, job: Job) -> None:
    settings = {**paths(tables, "classification"), **SMALL, "train.num_epochs": 1, "model.class_weight": "balanced"}
    dense = {
        "preprocess.scale": scale,
        "preprocess.dense_impute": "mean",
        "preprocess.missing_indicator": scale == "none",
    }
    assert job.metrics("train", {**settings, **dense, "model.kind": "linear"})
    trees = {"preprocess.tree_missing": "median", "preprocess.tree_encoding": "onehot", "preprocess.max_categories": 2}
    assert job.metrics("train", {**settings, **trees})
    assert job.metrics(
        "train", {**settings, **trees, "model.kind": "extra_trees", "dataset.val_path": settings["dataset.eval_path"]}
    )


# ---- checkpoints


def trained_job(job: Job, tables: Path, epochs: int = 2, **settings: Any) -> dict[str, Any]:
    used = {**paths(tables, "classification"), **SMALL, "model.kind": "linear", "train.num_epochs": epochs, **settings}
    job.metrics("train", used)
    return {**used, "train.resume_from": str(job.checkpoint(epochs))}


def test_only_own_older_checkpoints_are_removed(tables: Path, job: Job) -> None:
    foreign = job.checkpoint(77)
    foreign.parent.mkdir(parents=True)
    foreign.write_text("keep me")
    trained_job(job, tables, epochs=5, **{"train.checkpoint_every": 2})
    assert sorted(path.name for path in foreign.parent.iterdir()) == ["epoch_5.ckpt", "epoch_77.ckpt"]


def test_resume_at_the_last_epoch_reports_it_again(tables: Path, job: Job) -> None:
    settings = trained_job(job, tables)
    kept = job.checkpoint(2).rename(job.folder / "kept.ckpt")
    repeated = job.metrics("train", {**settings, "train.resume_from": str(kept)})
    fresh = job.metrics("train", {**settings, "train.resume_from": None})
    assert repeated == {2: fresh[2]}
    assert job.checkpoint(2).exists()


@pytest.mark.parametrize(
    ("change", "needle"),
    [
        ({"train.num_epochs": 1}, "has 2 epochs, train.num_epochs is only 1"),
        ({"model.linear.c": 0.5}, "trained with model.linear.c = 1.0, the spec says 0.5"),
        ({"model.kind": "mlp"}, "model.kind"),
        ({"train.seed": 3}, "train.seed"),
        ({"dataset.split_seed": 3}, "dataset.split_seed"),
        ({"dataset.val_path": "EVAL"}, "other data"),
        ({"train.resume_from": "/nowhere.ckpt"}, "no such file"),
    ],
)
def test_resume_refuses_another_configuration(change: dict[str, Any], needle: str, tables: Path, job: Job) -> None:
    settings = trained_job(job, tables)
    change = {name: settings["dataset.eval_path"] if value == "EVAL" else value for name, value in change.items()}
    assert needle in job.fault("train", {**settings, "train.num_epochs": 3, **change})


def test_settings_without_effect_do_not_hinder_a_resume(tables: Path, job: Job) -> None:
    settings = trained_job(job, tables)
    harmless = {"model.mlp.alpha": 0.5, "train.num_threads": 1, "train.checkpoint_every": 9, "train.num_epochs": 3}
    assert list(job.metrics("train", {**settings, **harmless})) == [3]


class _Evil:
    def __reduce__(self) -> tuple[Any, ...]:
        return os.system, ("echo owned > owned.txt",)


def _with_payload(path: Path, payload: bytes) -> None:
    import hashlib

    magic, line, _ = path.read_bytes().split(b"\n", 2)
    header = {**json.loads(line), "bytes": len(payload), "sha256": hashlib.sha256(payload).hexdigest()}
    path.write_bytes(b"\n".join([magic, json.dumps(header).encode(), payload]))


@pytest.mark.parametrize(
    ("spoil", "needle"),
    [
        (lambda path: path.write_bytes(path.read_bytes()[:-3]), "damaged"),
        (lambda path: path.write_bytes(path.read_bytes()[:-1] + b"x"), "damaged"),
        (lambda path: path.write_bytes(path.read_bytes()[:60]), "damaged"),
        (lambda path: path.write_bytes(b""), "not a checkpoint"),
        (lambda path: path.write_bytes(pickle.dumps(1)), "not a checkpoint"),
        (lambda path: _with_payload(path, pickle.dumps(_Evil())), "is not allowed in a checkpoint"),
        (
            lambda path: path.write_bytes(re.sub(rb'"scikit-learn": "\d+', b'"scikit-learn": "0', path.read_bytes())),
            "pip install",
        ),
    ],
)
def test_a_file_that_is_no_good_checkpoint_is_refused(
    spoil: Callable[[Path], Any], needle: str, tables: Path, job: Job, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(job.folder)
    settings = trained_job(job, tables, epochs=1)
    spoil(job.checkpoint(1))
    message = job.fault("evaluate", {**settings, "evaluate.checkpoint": str(job.checkpoint(1))})
    assert needle in message
    assert not (job.folder / "owned.txt").exists()


def test_a_killed_training_leaves_a_checkpoint_to_resume_from(tables: Path, tmp_path: Path, capsys: Any) -> None:
    settings = {**paths(tables, "classification"), "train.num_epochs": 27, "train.num_threads": 1}
    settings["model.boosting.iterations_per_epoch"] = 20
    whole, killed = Job(tmp_path / "whole", capsys), Job(tmp_path / "killed", capsys)
    command = [sys.executable, str(SCRIPTS / "train.py"), "--config", str(killed.write(settings))]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        seen = 0
        while seen < 3:
            seen += process.stdout.readline().startswith('{"tao_automl"')
        process.send_signal(signal.SIGKILL)
    assert process.returncode == -signal.SIGKILL
    left = max(killed.checkpoint(0).parent.glob("epoch_*.ckpt"), key=lambda path: int(path.stem[6:]))
    epoch = int(left.stem[6:])
    assert 3 <= epoch < 27
    last = {"train.num_epochs": epoch + 1}
    rest = killed.metrics("train", {**settings, **last, "train.resume_from": str(left)})
    assert rest == {epoch + 1: whole.metrics("train", {**settings, **last})[epoch + 1]}


# ---- bad data and bad specs

GOOD = "a,b,target\n" + "".join(f"{i},{i % 3},{'xy'[i % 2]}\n" for i in range(20))
NUMBERS = "a,b,target\n" + "".join(f"{i},{i % 3},{i}.5\n" for i in range(20))
BAD_DATA: dict[str, tuple[str | bytes | None, dict[str, Any], str]] = {
    "missing file": (None, {}, "no such file"),
    "empty": ("", {}, "file is empty"),
    "blank": ("\n\n", {}, "file is empty"),
    "header only": ("a,b,target\n", {}, "no rows"),
    "one class": (GOOD.replace("x", "y"), {}, "same target 'y'"),
    "one value": ("a,target\n1,2.5\n2,2.5\n", {}, "same target '2.5'"),
    "missing target": (NUMBERS + "1,2,\n", {}, "1 of 21 rows have no target"),
    "infinite target": (NUMBERS + "1,2,inf\n", {}, "1 targets in column 'target' are infinite or beyond 1e+100"),
    "wrong target name": (GOOD, {"dataset.target": "targt"}, "did you mean 'target'?"),
    "text target of a regression": (GOOD, {"dataset.task": "regression"}, "needs numbers in column 'target', got 'x'"),
    "class of one row": (GOOD + "1,2,z\n", {}, "classes with one row only, in column 'target': 'z'"),
    "repeated columns": (GOOD.replace("a,b", "a,a"), {}, "repeated column names: 'a'"),
    "no features": (GOOD, {"dataset.ignore_columns": ["a", "b"]}, "no feature columns"),
    "only the target": ("target\nx\ny\n", {}, "no feature columns"),
    "empty column": (re.sub(r",\d,", ",,", GOOD), {}, "columns without a single value: 'b'"),
    "not UTF-8": (GOOD.replace("x", "ü").encode("latin-1"), {}, "is not UTF-8"),
    "not UTF-8 header": (GOOD.replace("a,", "ä,").encode("latin-1"), {}, "is not UTF-8"),
    "UTF-16": (GOOD.encode("utf-16"), {}, "is not UTF-8"),
    "ragged": (GOOD + "1,2,x,4\n", {}, "not a readable table"),
    "wide": (re.sub(r"(?m)([xy])$", r"\1,9", GOOD), {}, "not a readable table"),
    "semicolons": (GOOD.replace(",", ";"), {}, "cells are not separated by ','"),
    "unknown ignored column": (GOOD, {"dataset.ignore_columns": ["A"]}, "did you mean 'a'?"),
    "target ignored": (GOOD, {"dataset.ignore_columns": ["target"]}, "also the id column or an ignored one"),
    "unknown id": (GOOD, {"dataset.id_column": "key"}, "no column 'key'"),
    "no validation file": (GOOD, {"dataset.val_path": "/nowhere/val.csv"}, "dataset.val_path: no such file"),
    "no path": (GOOD, {"dataset.train_path": None}, "dataset.train_path: a path is needed"),
    "folder": (GOOD, {"dataset.train_path": "/"}, "is a folder"),
    "unknown ending": (GOOD, {"dataset.train_path": str(SKILL / "SKILL.md")}, "unknown kind of file"),
}


@pytest.mark.parametrize("case", BAD_DATA)
def test_bad_data_is_one_clear_error(case: str, job: Job) -> None:
    content, settings, needle = BAD_DATA[case]
    path = job.folder / "train.csv"
    if content is not None:
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
    settings = {"dataset.train_path": str(path), "train.num_epochs": 1, "model.kind": "linear", **settings}
    checked = job.fault("check_data", settings)
    assert needle in checked.splitlines()[0]
    assert job.fault("train", settings) == checked


@pytest.mark.parametrize("name", ["t.csv.gz", "t.tsv", "t.tsv.gz", "bom.csv", "t.parquet"])
def test_every_kind_of_file_gives_the_same_model(name: str, tables: Path, job: Job) -> None:
    settings = {**paths(tables, "classification"), **SMALL, "model.kind": "linear", "train.num_epochs": 1}
    expected = job.metrics("train", settings)
    table, path = pd.read_csv(settings["dataset.train_path"]), job.folder / name
    if name.endswith("parquet"):
        pytest.importorskip("pyarrow")
        table.to_parquet(path, index=False)
    else:
        encoding = "utf-8-sig" if name == "bom.csv" else "utf-8"
        table.to_csv(path, index=False, sep="\t" if "tsv" in name else ",", encoding=encoding)
    assert job.metrics("train", {**settings, "dataset.train_path": str(path)}) == expected


def test_numbers_named_as_categories_are_categories(job: Job) -> None:
    rows = "".join(f"{code},{'xy'[code in (3, 17)]}\n" for code in range(20) for _ in range(6))
    (job.folder / "t.csv").write_text("postcode,target\n" + rows)
    settings = {"dataset.train_path": str(job.folder / "t.csv"), "model.kind": "linear", "train.num_epochs": 3}
    settings["model.linear.c"] = 100
    assert job.metrics("train", settings)[3]["balanced_accuracy"] < 0.9
    assert job.metrics("train", {**settings, "dataset.categorical_columns": ["postcode"]})[3]["accuracy"] == 1


@pytest.mark.parametrize("content", [b"no parquet at all", b""])
def test_a_bad_parquet_file_is_one_clear_error(content: bytes, job: Job) -> None:
    pytest.importorskip("pyarrow")
    path = job.folder / "train.parquet"
    path.write_bytes(content)
    assert "dataset.train_path" in job.fault("check_data", {"dataset.train_path": str(path)})


def test_parquet_without_pyarrow_is_one_clear_error(job: Job, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "pyarrow.parquet", None)
    (job.folder / "train.parquet").write_text("x")
    assert "pyarrow is needed" in job.fault("check_data", {"dataset.train_path": str(job.folder / "train.parquet")})


def test_parquet_with_dates_categories_and_an_index(job: Job) -> None:
    pytest.importorskip("pyarrow")
    table = make_table(120, 3, "classification").drop(columns="id").sample(frac=1, random_state=0)
    table["day"] = pd.date_range("2024-01-01", periods=120, tz="Europe/Paris")
    table["span"] = pd.to_timedelta(range(120), unit="h")
    table["shade"] = table["shade"].astype("category")
    table["count"] = pd.array([None, *range(119)], dtype="Int64")
    table.to_parquet(job.folder / "t.parquet")
    settings = {"dataset.train_path": str(job.folder / "t.parquet"), "train.num_epochs": 1, **SMALL}
    for kind in ("hist_gradient_boosting", "linear"):
        assert job.metrics("train", {**settings, "model.kind": kind})
    facts = json.loads(job.run("check_data", settings)[1])
    assert (facts["numeric_features"], facts["text_features"]) == (6, 1)
    assert any("saved row index" in warning for warning in facts["warnings"])


@pytest.mark.parametrize("kind", ["hist_gradient_boosting", "linear"])
def test_huge_cardinality_and_odd_columns_are_handled(kind: str, job: Job) -> None:
    table = make_table(300, 4, "classification")
    table["name"] = [f"person {i}" for i in range(300)]
    table.insert(0, "", range(300))
    table["inf"] = np.where(np.arange(300) % 7 == 0, np.inf, 1.5)
    table["same"] = 1
    table["almost"] = ["?", *map(str, range(299))]
    table.to_csv(job.folder / "t.csv", index=False)
    settings = {"dataset.train_path": str(job.folder / "t.csv"), "model.kind": kind, "train.num_epochs": 1, **SMALL}
    assert job.metrics("train", settings)
    facts = json.loads(job.run("check_data", settings)[1])
    warned = "\n".join(facts["warnings"])
    for needle in ("'name'", "'id'", "no name", "infinite values", "'same' has the same value"):
        assert needle in warned


@pytest.mark.parametrize(
    ("change", "needle"),
    [
        (lambda t: t.drop(columns="size"), "no column 'size'"),
        (lambda t: t.drop(columns="target"), "no column 'target'"),
        (lambda t: t.assign(size="big"), "'size' held numbers in the training table, here it holds 'big'"),
        (lambda t: t.assign(target="huge"), "classes without a training row: 'huge'"),
        (lambda t: t.iloc[:0], "no rows"),
    ],
)
def test_a_bad_held_out_table_is_one_clear_error(
    change: Callable[[Any], Any], needle: str, tables: Path, job: Job
) -> None:
    settings = trained_job(job, tables)
    change(make_table(30, 5, "classification")).to_csv(job.folder / "bad.csv", index=False)
    bad = {"dataset.eval_path": str(job.folder / "bad.csv"), "evaluate.checkpoint": str(job.checkpoint(2))}
    assert needle in job.fault("evaluate", {**settings, **bad})


def test_a_validation_table_of_another_kind_is_one_clear_error(tables: Path, job: Job) -> None:
    make_table(30, 5, "classification").assign(size="big").to_csv(job.folder / "bad.csv", index=False)
    settings = {**paths(tables, "classification"), "dataset.val_path": str(job.folder / "bad.csv")}
    assert "dataset.val_path: column 'size' held numbers" in job.fault("check_data", settings)


def test_labels_may_be_written_as_floats_elsewhere(job: Job) -> None:
    for name, kind in (("t", int), ("e", float)):
        pd.DataFrame({"a": range(30), "target": [kind(i % 3) for i in range(30)]}).to_csv(
            job.folder / f"{name}.csv", index=False
        )
    settings = {"dataset.train_path": str(job.folder / "t.csv"), "dataset.eval_path": str(job.folder / "e.csv")}
    settings |= {"model.kind": "linear", "train.num_epochs": 1, "evaluate.checkpoint": str(job.checkpoint(1))}
    job.metrics("train", settings)
    assert job.metrics("evaluate", settings)[1]["log_loss"] is not None


def test_roc_auc_is_null_where_it_is_undefined(tables: Path, job: Job) -> None:
    settings = trained_job(job, tables)
    make_table(60, 5, "classification").query("target != 'mid'").to_csv(job.folder / "two.csv", index=False)
    two = {"dataset.eval_path": str(job.folder / "two.csv"), "evaluate.checkpoint": str(job.checkpoint(2))}
    metrics = job.metrics("evaluate", {**settings, **two})[2]
    assert metrics["roc_auc"] is None
    assert metrics["accuracy"] > 0.5


@pytest.mark.parametrize("kind", KINDS)
def test_extreme_values_train(kind: str, job: Job) -> None:
    rows = "".join(f"{'-' * (i % 2)}{i % 7}e300,{i % 3}e-300,{i},{i}e90\n" for i in range(40))
    (job.folder / "t.csv").write_text("a,b,c,target\n" + rows)
    settings = {"dataset.train_path": str(job.folder / "t.csv"), "model.kind": kind, "train.num_epochs": 2}
    for scale in ("none", "standard"):
        assert job.metrics("train", {**settings, "preprocess.scale": scale})[2]["rmse"] is not None


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("seed", range(3))
def test_a_column_may_be_empty_in_the_training_part(kind: str, seed: int, job: Job) -> None:
    table = pd.DataFrame({"a": [np.nan] * 39 + [1.0], "b": range(40), "c": [None] * 39 + ["z"], "target": [*"xy"] * 20})
    table.to_csv(job.folder / "t.csv", index=False)
    settings = {"dataset.train_path": str(job.folder / "t.csv"), "dataset.split_seed": seed, "train.num_epochs": 1}
    assert job.metrics("train", {**settings, "model.kind": kind})


@pytest.mark.parametrize("target", ["x,y", "1.5,2.5"])
@pytest.mark.parametrize("kind", KINDS)
def test_four_rows_are_enough(kind: str, target: str, job: Job) -> None:
    one, two = target.split(",")
    (job.folder / "t.csv").write_text(f"a,c,target\n1,u,{one}\n2,v,{two}\n3,,{one}\n,u,{two}\n")
    settings = {"dataset.train_path": str(job.folder / "t.csv"), "train.num_epochs": 2, "model.kind": kind}
    assert len(job.metrics("train", settings)) == 2


def test_divergence_is_one_clear_line(tables: Path, job: Job, monkeypatch: pytest.MonkeyPatch) -> None:
    from sklearn.neural_network import MLPClassifier

    settings = {**paths(tables, "classification"), **SMALL, "model.kind": "mlp", "train.num_epochs": 2}
    learn = MLPClassifier.partial_fit

    def explode(self: Any, *args: Any, **named: Any) -> Any:
        learn(self, *args, **named)
        self.coefs_[0][:] = np.nan
        return self

    def refuse(self: Any, *args: Any, **named: Any) -> Any:
        raise ValueError("Solver produced non-finite parameter weights.")

    for broken in (explode, refuse):
        monkeypatch.setattr(MLPClassifier, "partial_fit", broken)
        code, out, err = job.run("train", settings)
        assert (code, err, metric_lines(out)) == (1, "error: loss is not finite at epoch 1\n", {})
    assert not job.checkpoint(1).exists()


@pytest.mark.parametrize(
    ("text", "needle"),
    [
        ("model: {knd: mlp}", "unknown key 'model.knd'; did you mean 'model.kind'?"),
        ("num_epochs: 3", "unknown key 'num_epochs'; did you mean 'train.num_epochs'?"),
        ("model: {kind: mpl}", "one of hist_gradient_boosting, mlp,"),
        ("model: 3", "model: a mapping of settings is needed"),
        ("train: {num_epochs: 28}", "a value from 1 to 27 is needed, got 28"),
        ("train: {num_epochs: 2.5}", "a whole number is needed"),
        ("train: {num_epochs: true}", "a whole number is needed"),
        ("model: {boosting: {learning_rate: .inf}}", "a finite number is needed"),
        ("model: {boosting: {learning_rate: fast}}", "a finite number is needed"),
        ("predict: {probabilities: maybe}", "true or false is needed"),
        ("dataset: {ignore_columns: a}", "a list of names is needed"),
        ("dataset: {target: null}", "a text is needed"),
        ("[1, 2]", "a mapping of settings is needed"),
        ("a: [", "is not valid YAML"),
    ],
)
@pytest.mark.parametrize("action", ["train", "check_data"])
def test_a_bad_spec_is_one_clear_error(action: str, text: str, needle: str, job: Job, capsys: Any) -> None:
    path = job.folder / "bad.yaml"
    path.write_text(text)
    assert script(action).main(["--config", str(path)]) == 2
    lines = capsys.readouterr().err.splitlines()
    assert lines[0].startswith(f"error: {path}: ")
    assert needle in lines[0]
    assert len(lines) <= 2


def test_a_missing_spec_and_a_short_float(job: Job, tables: Path, capsys: Any) -> None:
    assert script("train").main(["--config", str(job.folder / "none.yaml")]) == 2
    assert "cannot be read" in capsys.readouterr().err
    path = job.folder / "spec.yaml"
    path.write_text("model: {mlp: {learning_rate: 1e-3}}")
    assert importlib.import_module("tabular.spec").load_spec(path).number("model.mlp.learning_rate") == 0.001


def test_balanced_classes_need_classes(tables: Path, job: Job) -> None:
    settings = {**paths(tables, "regression"), "model.class_weight": "balanced"}
    assert "needs a classification task" in job.fault("train", settings)
    assert "balanced fails" in job.run("check_data", settings)[1]


# ---- parts


@pytest.mark.parametrize(
    ("values", "task"),
    [
        (["a", "b"], "classification"),
        ([True, False], "classification"),
        ([0, 1, 2], "classification"),
        ([0.0, 1.0, 2.0], "classification"),
        (list(range(20)), "classification"),
        (list(range(21)), "regression"),
        ([0.5, 1.0], "regression"),
    ],
)
def test_the_task_follows_from_the_target(values: list[Any], task: str) -> None:
    assert importlib.import_module("tabular.target").decide_task(pd.Series(values), "auto")[0] == task


def test_class_names_keep_their_spelling(job: Job) -> None:
    rows = [{"a": i, "target": ("01", "1", "b")[i % 3]} for i in range(30)]
    pd.DataFrame(rows).to_csv(job.folder / "t.csv", index=False)
    pd.DataFrame([row for row in rows if row["target"] != "b"]).to_csv(job.folder / "e.csv", index=False)
    settings = {"dataset.train_path": str(job.folder / "t.csv"), "dataset.eval_path": str(job.folder / "e.csv")}
    settings |= {"model.kind": "linear", "train.num_epochs": 1, "evaluate.checkpoint": str(job.checkpoint(1))}
    job.metrics("train", settings)
    assert job.metrics("evaluate", settings)[1]["accuracy"] is not None


@pytest.mark.parametrize("fraction", [0.05, 0.2, 0.5])
@pytest.mark.parametrize("seed", [0, 1])
def test_the_split_keeps_every_class_on_both_sides(fraction: float, seed: int) -> None:
    split_rows = importlib.import_module("tabular.split").split_rows
    strata = np.repeat([0, 1, 2], [2, 30, 200])
    train, validation = split_rows(strata, fraction, seed)
    assert sorted([*train, *validation]) == list(range(232))
    assert set(strata[train]) == set(strata[validation]) == {0, 1, 2}
    assert abs(len(validation) - fraction * 232) <= 2
    assert all(
        np.array_equal(a, b) for a, b in zip(split_rows(strata, fraction, seed), (train, validation), strict=True)
    )


def test_preprocessing_is_plain_data() -> None:
    features = importlib.import_module("tabular.features")
    table = make_table(80, 6, "classification").drop(columns=["id", "target"])
    for scale in ("none", "standard", "minmax", "quantile"):
        settings = features.FeatureSettings(impute="median", indicator=True, scale=scale, onehot=True, max_categories=2)
        fitted = features.fit_features(table, [], settings)
        again = features.Features.from_json(json.loads(json.dumps(fitted.to_json())))
        assert again == fitted
        matrix = fitted.transform(table)
        assert matrix.shape == (80, len(fitted.outputs))
        assert np.isfinite(matrix).all()
    assert fitted.outputs == ["size", "size is missing", "weight", *fitted.outputs[3:6], "wet"]
    assert [name[:6] for name in fitted.outputs[3:6]] == ["shade=", "shade=", "shade "]


def test_threads_follow_the_spec_then_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    learners = importlib.import_module("tabular.learners")
    info = importlib.import_module("threadpoolctl").threadpool_info
    monkeypatch.setenv("OMP_NUM_THREADS", "3")
    assert (learners.thread_count(None), learners.thread_count(5)) == (3, 5)
    monkeypatch.delenv("OMP_NUM_THREADS")
    assert learners.thread_count(None) == len(os.sched_getaffinity(0))
    with learners.limited_threads(1):
        assert {library["num_threads"] for library in info()} == {1}


def test_the_launch_check_states_facts_without_scikit_learn(tables: Path, job: Job) -> None:
    path = job.write(paths(tables, "classification"))
    code = "import sys, check_data; rc = check_data.main(sys.argv[1:]); sys.exit(rc or 3 * ('sklearn' in sys.modules))"
    command = [sys.executable, "-c", code, "--config", str(path)]
    done = subprocess.run(command, capture_output=True, text=True, cwd=SCRIPTS, check=True)
    facts = json.loads(done.stdout)
    assert facts["ok"] is True
    assert facts["train_samples"] + facts["validation_samples"] == 160
    assert (facts["task"], facts["classes"], facts["features"]) == ("classification", 3, 4)
    assert sum(facts["class_counts"].values()) == facts["train_samples"]


@pytest.mark.parametrize("dataset", ["digits", "breast_cancer", "wine", "diabetes"])
def test_sample_data_is_the_same_every_time(dataset: str, tmp_path: Path, capsys: Any) -> None:
    facts = []
    for folder in (tmp_path / "a", tmp_path / "b"):
        assert script("make_sample_data").main([str(folder), "--dataset", dataset]) == 0
        facts.append(json.loads(capsys.readouterr().out))
    for part in ("train", "eval"):
        first, again = (Path(fact[f"{part}_path"]) for fact in facts)
        assert first.read_bytes() == again.read_bytes()
        with first.open() as file:
            rows = list(csv.DictReader(file))
        assert len(rows) == facts[0][f"{part}_samples"]
        assert "target" in rows[0]
    assert facts[0]["eval_samples"] == pytest.approx(
        0.25 * (facts[0]["train_samples"] + facts[0]["eval_samples"]), abs=3
    )


# ---- the skill's files

SCHEMA = json.loads((SKILL / "schemas" / "train.schema.json").read_text())
INFO = yaml.safe_load((SKILL / "references" / "skill_info.yaml").read_text())
PROPERTIES = importlib.import_module("tabular.spec").properties()


def test_templates_and_schema_agree() -> None:
    jsonschema = pytest.importorskip("jsonschema")
    jsonschema.Draft202012Validator.check_schema(SCHEMA)
    covered: set[str] = set()
    for action in INFO["actions"]:
        template = yaml.safe_load((SKILL / "references" / f"spec_template_{action}.yaml").read_text())
        jsonschema.Draft202012Validator(SCHEMA).validate(template)
        settings = flattened(template)
        assert settings == {name: PROPERTIES[name]["default"] for name in settings}
        assert set(INFO["actions"][action]["inputs"]) <= set(settings)
        covered |= set(settings)
    assert covered == set(PROPERTIES)


def test_the_search_space_is_sound() -> None:
    for name, prop in PROPERTIES.items():
        assert prop["description"], name
        if prop.get("automl_enabled") and prop["type"] in ("number", "integer"):
            low, high = prop["search_minimum"], prop["search_maximum"]
            assert prop["minimum"] <= low <= prop["default"] <= high <= prop["maximum"], name
            assert all(low <= value <= high for value in prop.get("popular", [])), name
            assert prop["scale"] == "linear" or low > 0, name
        assert set(prop.get("popular", [])) <= set(prop.get("enum", prop.get("popular", []))), name
        assert len(prop.get("option_weights", prop.get("enum", []))) == len(prop.get("enum", [])), name
        for parent, allowed in prop.get("depends_on", {}).items():
            assert set(allowed) <= set(PROPERTIES[parent]["enum"]), name
    assert all(PROPERTIES[name]["automl_enabled"] for name in SCHEMA["automl_default_parameters"])
    assert set(SCHEMA["automl_disabled_parameters"]) <= set(PROPERTIES)


def test_declared_metrics_are_the_reported_ones(tables: Path, job: Job) -> None:
    declared = {metric["name"]: metric["direction"] for metric in INFO["metrics"]}
    assert declared == SCHEMA["x_skill"]["metrics"]
    assert [metric["name"] for metric in INFO["metrics"] if metric.get("primary")] == ["accuracy"]
    reported = {"seconds"}
    for task in TASKS:
        reported |= set(job.metrics("train", {**paths(tables, task), "model.kind": "linear", "train.num_epochs": 1})[1])
    assert reported == set(declared)


def test_scripts_are_executable_and_explain_themselves(capsys: Any) -> None:
    scripts = sorted(path.stem for path in SCRIPTS.glob("*.py"))
    assert {Path(action["python_script"]).stem for action in INFO["actions"].values()} < set(scripts)
    for name in scripts:
        assert os.access(SCRIPTS / f"{name}.py", os.X_OK)
        with pytest.raises(SystemExit) as ended:
            script(name).main(["--help"])
        assert ended.value.code == 0
        assert capsys.readouterr().out.startswith("usage: ")


def test_every_command_of_the_documentation_runs(tmp_path: Path) -> None:
    text = (SKILL / "SKILL.md").read_text()
    blocks = re.findall(r"```bash\n(.*?)```", text, flags=re.DOTALL)
    assert len(blocks) == 2
    environment = {**os.environ, "SKILL_DIR": str(SKILL), "OMP_NUM_THREADS": "1"}
    environment["PATH"] = f"{Path(sys.executable).parent}{os.pathsep}{environment['PATH']}"
    command = ["bash", "-euo", "pipefail", "-c", "\n".join(blocks)]
    done = subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert len(metric_lines(done.stdout)) == 5
    assert json.loads((tmp_path / "results" / "metrics.json").read_text())["metrics"]["accuracy"] > 0.9
    predicted = (tmp_path / "predictions.csv").read_text()
    assert predicted == (tmp_path / "results" / "predictions.csv").read_text()


def test_documented_settings_exist() -> None:
    text = (SKILL / "SKILL.md").read_text()
    named = set(re.findall(r"`((?:dataset|model|train|preprocess|evaluate|predict|export)\.[a-z_.]+[a-z])", text))
    assert named
    for name in named:
        assert name in PROPERTIES or (SCRIPTS / name).exists() or name == "model.ckpt", name


def test_the_skill_validates() -> None:
    text = (SKILL / "SKILL.md").read_text()
    front = yaml.safe_load(text.split("---")[1])
    assert len(front["description"]) <= 200
    assert len(text.splitlines()) < 500
    for name in re.findall(r"`((?:schemas|references)/[\w./]+)`", text):
        assert (SKILL / name).exists(), name
    validator = Path(sys.executable).with_name("agentskills")
    if not validator.exists():
        pytest.skip("skills-ref is not installed")
    done = subprocess.run([validator, "validate", SKILL], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


def test_evals_are_well_formed() -> None:
    evals = json.loads((SKILL / "evals" / "evals.json").read_text())
    assert evals["skill_name"] == SKILL.name
    assert all(set(e) == {"id", "prompt", "expected_output", "files", "assertions"} for e in evals["evals"])
    triggers = json.loads((SKILL / "evals" / "triggers.json").read_text())
    assert len(triggers) == 20
    assert sum(not trigger["should_trigger"] for trigger in triggers) >= 8
