"""The finetune-causal-lm skill: its scripts as a job runs them, and their parts where that is faster.

Tests that train are skipped without torch, transformers and peft; those of specs, data checks and skill files are not.
All models are tiny and made here; no hub is asked for anything.
"""

from __future__ import annotations

import csv
import importlib
import json
import os
import random
import re
import runpy
import shlex
import shutil
import signal
import struct
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

SKILL = Path(__file__).resolve().parents[2] / "skills" / "models" / "finetune-causal-lm"
SCRIPTS = SKILL / "scripts"
ACTIONS = ("train", "evaluate", "predict", "export")
LIBRARIES = ("torch", "transformers", "peft", "tokenizers", "jinja2", "numpy")
OF_THE_MACHINE = ("tokens_per_second", "peak_memory_mb")

MISSING = [name for name in LIBRARIES if find_spec(name) is None]
needs_tao_automl = pytest.mark.skipif(find_spec("tao_automl") is None, reason="tao_automl is not installed")
needs_libraries = pytest.mark.skipif(bool(MISSING), reason=f"not installed: {', '.join(MISSING)}")

sys.path.append(str(SCRIPTS))


def part(name: str) -> ModuleType:
    return importlib.import_module(f"causal_lm.{name}")


# Models, data and jobs


@pytest.fixture(scope="module", autouse=True)
def one_thread() -> None:
    if not MISSING:
        import torch

        torch.set_num_threads(1)


def script_here(name: str, *arguments: str) -> int:
    """Runs a script in this process, which saves importing torch; its exit code."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(sys, "argv", [name, *arguments])
        with pytest.raises(SystemExit) as ended:
            runpy.run_path(str(SCRIPTS / f"{name}.py"), run_name="__main__")
    return int(ended.value.code or 0)


def make_model(folder: Path, *options: str) -> Path:
    assert script_here("make_tiny_model", str(folder), "--width", "32", "--positions", "48", *options) == 0
    return folder


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_model(tmp_path_factory.mktemp("models") / "llama")


@pytest.fixture(scope="module")
def gpt2(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_model(tmp_path_factory.mktemp("models") / "gpt2", "--type", "gpt2", "--layers", "1")


def write_rows(path: Path, rows: list[tuple[str, str]]) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("".join(json.dumps({"prompt": p, "answer": a}) + "\n" for p, a in rows), encoding="utf-8")
    return path


def exercises(count: int, seed: int = 0) -> list[tuple[str, str]]:
    """A letter for each of some, and answers of one or two letters: learned in a few steps."""
    dice = random.Random(seed)
    rows = []
    for number in range(count):
        first, second = dice.choice("abcd"), dice.choice("abcd")
        rows.append((f"{number:03d} {first}{second}>", (first + second)[: 1 + number % 2].upper()))
    return rows


@pytest.fixture(scope="module")
def train_path(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_rows(tmp_path_factory.mktemp("data") / "train.jsonl", exercises(60))


@pytest.fixture(scope="module")
def eval_path(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_rows(tmp_path_factory.mktemp("data") / "eval.jsonl", exercises(20, seed=1))


def tiny(train_path: Path | None, model: Path | None, **changes: Any) -> dict[str, Any]:
    """A spec that trains in a second: 4 units are 2 passes; `changes` are dotted names with __ for the dots."""
    spec: dict[str, Any] = {
        "dataset": {"train_path": train_path and str(train_path), "max_length": 32},
        "model": {"path": model and str(model), "lora": {"rank": 4, "alpha": 16, "dropout": 0.2}},
        "train": {
            "num_epochs": 4,
            "schedule_epochs": 4,
            "units_per_epoch": 2,
            "batch_size": 8,
            "micro_batch_size": 3,
            "num_gpus": 0,
            "optim": {"lr": 0.02},
        },
    }
    for name, value in changes.items():
        *above, last = name.split("__")
        section = spec
        for key in above:
            section = section.setdefault(key, {})
        section[last] = value
    return spec


@dataclass
class Ended:
    out: str
    err: str

    @property
    def lines(self) -> list[dict[str, Any]]:
        """The metric lines."""
        objects = [json.loads(line) for line in self.out.splitlines() if line.startswith("{")]
        return [entry for entry in objects if entry.get("tao_automl") == "metric"]

    def refusal(self) -> str:
        """What a person reads: exactly one error line, and nothing that looks like a crash."""
        errors = [line for line in self.err.splitlines() if line.startswith("error: ")]
        assert len(errors) == 1, self.err
        assert "Traceback" not in self.err
        return errors[0]


def launch(folder: Path, script: str, spec: Mapping[str, Any]) -> subprocess.Popen[str]:
    """As the runner does: the spec in the job's own folder, `code` a link to the skill."""
    folder.mkdir(parents=True, exist_ok=True)
    if not (folder / "code").exists():
        (folder / "code").symlink_to(SKILL)
    (folder / "spec.yaml").write_text(yaml.safe_dump(dict(spec)), encoding="utf-8")
    env = {key: value for key, value in os.environ.items() if key not in ("WORLD_SIZE", "RANK", "LOCAL_RANK")}
    env |= {"OMP_NUM_THREADS": "1", "CUDA_VISIBLE_DEVICES": ""}
    command = [sys.executable, f"code/scripts/{script}.py", "--config", "spec.yaml"]
    return subprocess.Popen(command, cwd=folder, env=env, text=True, stdout=subprocess.PIPE, stderr=subprocess.PIPE)


def run(folder: Path, script: str, spec: Mapping[str, Any], expect: int = 0) -> Ended:
    process = launch(folder, script, spec)
    out, err = process.communicate(timeout=100)
    assert process.returncode == expect, f"exit code {process.returncode}\n{err}"
    return Ended(out, err)


def run_here(
    folder: Path, script: str, spec: Mapping[str, Any], capture: pytest.CaptureFixture[str], expect: int = 0
) -> Ended:
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "spec.yaml").write_text(yaml.safe_dump(dict(spec)), encoding="utf-8")
    capture.readouterr()
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        code = script_here(script, "--config", "spec.yaml")
    said = capture.readouterr()
    assert code == expect, said.err
    return Ended(said.out, said.err)


def job_of(folder: Path, spec: Mapping[str, Any]) -> Any:
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "spec.yaml").write_text(yaml.safe_dump({**spec, "results_dir": str(folder / "results")}))
    return part("spec").train_job(folder / "spec.yaml")


def train_here(folder: Path, spec: Mapping[str, Any]) -> dict[str, Any]:
    """Trains in this process; returns the last checkpoint's content."""
    job = job_of(folder, spec)
    part("training").train(job, part("survey").take(job))
    return load(folder / "results", job.train.num_epochs)


def load(results: Path, unit: int) -> dict[str, Any]:
    import torch

    content: dict[str, Any] = torch.load(results / "checkpoints" / f"epoch_{unit}.pt", weights_only=True)
    return content


def learned(line: Mapping[str, Any]) -> dict[str, Any]:
    """A metric line without what depends on the machine's load."""
    metrics = {name: value for name, value in line["metrics"].items() if name not in OF_THE_MACHINE}
    return {**line, "metrics": metrics}


def assert_same_state(one: Any, other: Any, where: str = "") -> None:
    """Equal to the last bit, at any depth."""
    import torch

    assert type(one) is type(other), where
    if isinstance(one, dict):
        assert one.keys() == other.keys(), where
        for key in one:
            assert_same_state(one[key], other[key], f"{where}.{key}")
    elif isinstance(one, list | tuple):
        assert len(one) == len(other), where
        for index, (a, b) in enumerate(zip(one, other, strict=True)):
            assert_same_state(a, b, f"{where}[{index}]")
    elif isinstance(one, torch.Tensor):
        assert torch.equal(one, other), where
    else:
        assert one == other, where


def assert_same_training(one: dict[str, Any], other: dict[str, Any]) -> None:
    for key in ("trained", "optimizer", "scaler", "epoch", "step"):
        assert_same_state(one[key], other[key], key)
    assert learned({"metrics": one["metrics"]}) == learned({"metrics": other["metrics"]})


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory, train_path: Path, model: Path) -> tuple[Path, Ended]:
    """An uninterrupted LoRA training of 4 units, run as a job is: (its folder, how it ended)."""
    folder = tmp_path_factory.mktemp("trained")
    return folder, run(folder, "train", tiny(train_path, model))


# Training


@needs_libraries
def test_training_learns_and_reports(trained: tuple[Path, Ended]) -> None:
    folder, ended = trained
    assert [line["epoch"] for line in ended.lines] == [1, 2, 3, 4]
    first, last = ended.lines[0]["metrics"], ended.lines[-1]["metrics"]
    assert last["eval_loss"] < first["eval_loss"] < 5.6, "5.57 is chance"
    assert last["token_accuracy"] > 0.4
    assert {*OF_THE_MACHINE, "perplexity", "train_loss"} <= set(last)
    assert "exact_match" not in last
    assert [path.name for path in (folder / "results" / "checkpoints").iterdir()] == ["epoch_4.pt"]
    assert {path.name for path in folder.iterdir()} == {"code", "spec.yaml", "results"}
    assert "54 of 54 training rows" in ended.err
    assert all("lora_" in name for name in load(folder / "results", 4)["trained"]), "adapters alone are saved"


@needs_libraries
def test_resumed_training_equals_an_uninterrupted_one(
    trained: tuple[Path, Ended], train_path: Path, model: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder, whole = trained
    train_here(tmp_path / "first", tiny(train_path, model, train__num_epochs=1))
    resumed = tiny(train_path, model, train__resume_from="../first/results/checkpoints/epoch_1.pt")
    second = run_here(tmp_path / "second", "train", resumed, capsys)
    assert [learned(line) for line in second.lines] == [learned(line) for line in whole.lines[1:]]
    assert_same_training(load(tmp_path / "second" / "results", 4), load(folder / "results", 4))


VARIANTS: dict[str, dict[str, Any]] = {
    "all weights but embeddings, exact match": {
        "model__method": "full",
        "model__freeze_embeddings": True,
        "train__exact_match_samples": 3,
        "train__max_new_tokens": 3,
    },
    "packed, bf16, checkpointing": {
        "dataset__packing": True,
        "train__precision": "bf16",
        "model__gradient_checkpointing": True,
    },
    "chat, steps fewer than units": {
        "dataset__chat_template": True,
        "dataset__system_prompt": "s",
        "dataset__max_length": 48,
        "train__batch_size": 54,
        "train__units_per_epoch": 3,
        "train__optim__schedule": "linear",
    },
}


@needs_libraries
@pytest.mark.parametrize("changes", VARIANTS.values(), ids=VARIANTS)
def test_resume_is_exact_in_every_mode(changes: dict[str, Any], train_path: Path, model: Path, tmp_path: Path) -> None:
    import torch

    whole = train_here(tmp_path / "whole", tiny(train_path, model, **{"train__num_epochs": 3, **changes}))
    train_here(tmp_path / "first", tiny(train_path, model, **{"train__num_epochs": 2, **changes}))
    torch.manual_seed(12345)  # whatever state the generators are in
    checkpoint = str(tmp_path / "first" / "results" / "checkpoints" / "epoch_2.pt")
    settings = {"train__num_epochs": 3, "train__resume_from": checkpoint, **changes}
    assert_same_training(train_here(tmp_path / "second", tiny(train_path, model, **settings)), whole)
    assert {weight.dtype for weight in whole["trained"].values()} == {torch.float32}, "whatever is computed in"
    if changes.get("model__method") == "full":
        assert not any("embed" in name or "lm_head" in name for name in whole["trained"])
        assert 0.0 <= whole["metrics"]["exact_match"] <= 1.0


@needs_libraries
def test_micro_batches_and_gradient_checkpointing_change_only_rounding(
    train_path: Path, model: Path, tmp_path: Path
) -> None:
    plain = {"train__num_epochs": 2, "model__lora__dropout": 0.0}
    runs = [
        train_here(tmp_path / str(number), tiny(train_path, model, **plain, **changes))
        for number, changes in enumerate(
            [
                {"train__micro_batch_size": 8},
                {"train__micro_batch_size": 1, "model__gradient_checkpointing": True, "train__eval_batch_size": 1},
            ]
        )
    ]
    for name in ("train_loss", "eval_loss"):
        assert runs[0]["metrics"][name] == pytest.approx(runs[1]["metrics"][name], rel=1e-4)


@needs_libraries
def test_seed_decides_the_training(train_path: Path, model: Path, tmp_path: Path) -> None:
    runs = [
        train_here(tmp_path / str(n), tiny(train_path, model, train__num_epochs=1, train__seed=seed))
        for n, seed in enumerate((0, 0, 1))
    ]
    assert_same_training(runs[0], runs[1])
    assert runs[0]["metrics"]["train_loss"] != runs[2]["metrics"]["train_loss"]
    assert runs[0]["data"] == runs[2]["data"], "the split does not depend on the seed"


@needs_libraries
def test_resume_at_the_final_unit_repeats_its_results(
    trained: tuple[Path, Ended], train_path: Path, model: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder, whole = trained
    checkpoint = folder / "results" / "checkpoints" / "epoch_4.pt"
    again = run_here(tmp_path, "train", tiny(train_path, model, train__resume_from=str(checkpoint)), capsys)
    assert again.lines == whole.lines[-1:]
    assert_same_training(load(tmp_path / "results", 4), load(folder / "results", 4))
    assert checkpoint.exists()


RESUME_FAULTS: dict[str, tuple[dict[str, Any], str]] = {
    "another rank": ({"model__lora__rank": 8}, "model.lora.rank = 4, not 8"),
    "another schedule": ({"train__schedule_epochs": 9}, "train.schedule_epochs = 4, not 9"),
    "fewer units": ({"train__num_epochs": 3}, "has 4 units already"),
    "other rows": ({"dataset__val_path": "OTHER", "train__num_epochs": 5}, "trained on other rows"),
    "no file": ({"train__resume_from": "nowhere.pt"}, "'nowhere.pt' is not a file"),
    "no checkpoint": ({"train__resume_from": "spec.yaml"}, "is not a checkpoint"),
}


@needs_libraries
@pytest.mark.parametrize("case", RESUME_FAULTS)
def test_resume_refuses_another_training(
    case: str,
    trained: tuple[Path, Ended],
    train_path: Path,
    eval_path: Path,
    model: Path,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    changes, message = RESUME_FAULTS[case]
    changes = {name: str(eval_path) if value == "OTHER" else value for name, value in changes.items()}
    checkpoint = str(trained[0] / "results" / "checkpoints" / "epoch_4.pt")
    spec = tiny(train_path, model, **{"train__resume_from": checkpoint, **changes})
    assert message in run_here(tmp_path, "train", spec, capsys, expect=2).refusal()


@needs_libraries
def test_another_base_model_is_refused(
    trained: tuple[Path, Ended], eval_path: Path, gpt2: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    checkpoint = str(trained[0] / "results" / "checkpoints" / "epoch_4.pt")
    spec = {
        "dataset": {"eval_path": str(eval_path)},
        "model": {"path": str(gpt2)},
        "evaluate": {"checkpoint": checkpoint},
    }
    assert "does not hold the base model" in run_here(tmp_path, "evaluate", spec, capsys, expect=2).refusal()


@needs_libraries
def test_diverged_training_says_so(
    train_path: Path, model: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    wild = {"model__method": "full", "train__grad_clip": 0.0, "train__optim__weight_decay": 10.0}
    spec = tiny(train_path, model, train__num_epochs=40, train__schedule_epochs=40, **wild)
    spec["train"]["optim"]["lr"] = 1.0
    ended = run_here(tmp_path, "train", spec, capsys, expect=1)
    assert re.match(r"error: loss is not finite at epoch \d+", ended.refusal())
    assert "NaN" not in ended.out


@needs_libraries
def test_two_processes_train_like_one_and_end_with_their_launcher(
    train_path: Path, model: Path, tmp_path: Path
) -> None:
    """54 sequences in batches of 7 leave a last batch of five: one process has three of them, the other two.

    Killed outright, the launcher takes its processes with it, and they leave a checkpoint that can be loaded.
    """
    common = {"model__lora__dropout": 0.0, "train__batch_size": 7, "train__micro_batch_size": 1}
    alone = train_here(tmp_path / "one", tiny(train_path, model, train__num_epochs=2, **common))["metrics"]
    process = launch(
        tmp_path / "two", "train", tiny(train_path, model, train__num_epochs=1000, train__num_gpus=2, **common)
    )
    assert process.stdout is not None
    told = [json.loads(process.stdout.readline()) for _ in range(3)]
    process.send_signal(signal.SIGKILL)
    process.communicate(timeout=30)  # ends when the last process has closed stdout
    assert [line["epoch"] for line in told] == [1, 2, 3], "one process prints"
    for name in ("train_loss", "eval_loss", "token_accuracy"):
        assert told[1]["metrics"][name] == pytest.approx(alone[name], rel=1e-3), name
    left = list((tmp_path / "two" / "results" / "checkpoints").glob("epoch_*.pt"))
    newest = max(int(path.stem.removeprefix("epoch_")) for path in left)
    assert newest >= 3
    assert load(tmp_path / "two" / "results", newest)["processes"] == 2


@needs_libraries
def test_settings_that_this_machine_cannot_follow(
    train_path: Path, model: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    def refusal(**changes: Any) -> str:
        return run_here(tmp_path, "train", tiny(train_path, model, **changes), capsys, expect=2).refusal()

    assert "adamw_8bit needs" in refusal(train__optim__name="adamw_8bit")
    assert "fp16 needs a GPU" in refusal(train__precision="fp16")
    assert "no layer is named 'nope'" in refusal(model__lora__custom_modules="q_proj,nope")


def test_missing_libraries_are_named(monkeypatch: pytest.MonkeyPatch) -> None:
    cli, errors = part("cli"), part("errors")
    monkeypatch.setattr(cli, "find_spec", lambda name: None if name == "peft" else object())
    with pytest.raises(errors.MissingLibrary, match=r"not installed: peft") as caught:
        cli.require_libraries()
    assert "llm-train" in caught.value.hint


# Evaluate, predict, export


@needs_libraries
@pytest.mark.parametrize("method", ["lora", "full"])
def test_evaluate_predict_and_export_agree(
    method: str,
    trained: tuple[Path, Ended],
    train_path: Path,
    eval_path: Path,
    model: Path,
    gpt2: Path,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """With adapters on one architecture, with all weights on the other."""
    unit = 4
    checkpoint = trained[0] / "results" / "checkpoints" / "epoch_4.pt"
    if method == "full":
        train_here(tmp_path, tiny(train_path, gpt2, train__num_epochs=2, model__method="full"))
        unit, checkpoint = 2, tmp_path / "results" / "checkpoints" / "epoch_2.pt"
    common = {"checkpoint": str(checkpoint), "max_new_tokens": 4, "batch_size": 7}
    spec = {
        "dataset": {"eval_path": str(eval_path)},
        "evaluate": {**common, "exact_match": True, "compare_base": True},
    }
    (line,) = run_here(tmp_path, "evaluate", spec, capsys).lines
    report = json.loads((tmp_path / "results" / "metrics.json").read_text())
    assert line["epoch"] == report["epoch"] == unit
    assert line["metrics"] == report["metrics"]
    assert report["base_metrics"]["eval_loss"] > line["metrics"]["eval_loss"]

    run_here(tmp_path, "predict", {"dataset": {"predict_path": str(eval_path)}, "predict": common}, capsys)
    with open(tmp_path / "results" / "predictions.csv", newline="", encoding="utf-8") as handle:
        rows = list(csv.DictReader(handle))
    right = sum(row["prediction"] == answer for row, (_, answer) in zip(rows, exercises(20, seed=1), strict=True))
    assert right / len(rows) == line["metrics"]["exact_match"]
    assert [int(row["line"]) for row in rows] == list(range(1, 21))

    spec = {
        "dataset": {"predict_path": str(eval_path)},
        "predict": {**common, "format": "jsonl", "batch_size": 1},
    }
    run_here(tmp_path, "predict", spec, capsys)
    alone = [json.loads(text) for text in (tmp_path / "results" / "predictions.jsonl").read_text().splitlines()]
    assert [row["prediction"] for row in alone] == [row["prediction"] for row in rows], "padding changes nothing"
    assert [greedy(tmp_path, checkpoint, row["prompt"]) for row in alone[:3]] == [r["prediction"] for r in alone[:3]]

    export_and_compare(method, checkpoint, tmp_path, capsys)


def greedy(folder: Path, checkpoint: Path, prompt: str) -> str:
    """An answer found token by token, without a cache and without this skill's generation."""
    import torch

    precision = part("precision").choose_precision("fp32", torch.device("cpu"))
    opened = part("inference").open_checkpoint(str(checkpoint), "x", None, precision, torch.device("cpu"))
    network = opened.finetuned()
    answer: list[int] = []
    ids = opened.encoder.tokenizer(prompt)["input_ids"]
    while len(answer) < 4:
        with torch.no_grad():
            token = int(network(input_ids=torch.tensor([ids + answer])).logits[0, -1].argmax())
        if token in opened.saved["stop_ids"]:
            break
        answer.append(token)
    return str(opened.encoder.decode(answer))


def export_and_compare(method: str, checkpoint: Path, folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    run_here(folder, "export", {"export": {"checkpoint": str(checkpoint)}}, capsys)
    run_here(folder, "export", {"export": {"checkpoint": str(checkpoint)}}, capsys)  # again, over the first
    card = json.loads((folder / "results" / "model" / "model_card.json").read_text())
    assert card["verification"]["largest_difference_of_a_probability"] < 1e-5
    assert {file["name"] for file in card["files"]} >= {"config.json", "model.safetensors", "tokenizer.json"}
    adapter = {"export": {"checkpoint": str(checkpoint), "kind": "adapter"}}
    if method == "full":
        assert "has no adapter" in run_here(folder, "export", adapter, capsys, expect=2).refusal()
        return
    run_here(folder, "export", adapter, capsys)
    assert (folder / "results" / "adapter" / "adapter_model.safetensors").is_file()
    (folder / "results" / "model" / "model_card.json").unlink()
    refused = run_here(folder, "export", {"export": {"checkpoint": str(checkpoint)}}, capsys, expect=2)
    assert "was not written by this skill" in refused.refusal()


@needs_libraries
def test_a_moved_base_model_is_found_where_the_spec_says(
    train_path: Path, eval_path: Path, model: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    here = shutil.copytree(model, tmp_path / "here")
    train_here(tmp_path, tiny(train_path, here, train__num_epochs=1))
    here.rename(tmp_path / "there")
    spec: dict[str, Any] = {
        "dataset": {"eval_path": str(eval_path)},
        "evaluate": {"checkpoint": "results/checkpoints/epoch_1.pt"},
    }
    assert "is not a folder" in run_here(tmp_path, "evaluate", spec, capsys, expect=2).refusal()
    spec["model"] = {"path": str(tmp_path / "there")}
    assert run_here(tmp_path, "evaluate", spec, capsys).lines


@needs_libraries
@pytest.mark.parametrize("method", ["lora", "full"])
def test_the_base_model_is_measured_as_a_checkpoint_that_has_learned_nothing(
    method: str, train_path: Path, eval_path: Path, model: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Adapters begin at zero, and the least rate leaves weights alone: all are the base model, measured again."""
    prompts = {"prompt_template": "ask {prompt}", "max_length": 40}
    changes = {f"dataset__{name}": value for name, value in prompts.items()}
    train_here(
        tmp_path, tiny(train_path, model, train__num_epochs=1, model__method=method, train__optim__lr=1e-8, **changes)
    )
    measure = {"exact_match": True, "max_new_tokens": 4}
    told = {}
    for name, checkpoint in (("base", str(model)), ("trained", "results/checkpoints/epoch_1.pt")):
        spec = {
            "dataset": {"eval_path": str(eval_path), **prompts},
            "evaluate": {"checkpoint": checkpoint, "compare_base": True, **measure},
        }
        (line,) = run_here(tmp_path, "evaluate", spec, capsys).lines
        told[name] = {**json.loads((tmp_path / "results" / "metrics.json").read_text()), "line": line}
    assert told["base"]["metrics"] == pytest.approx(told["trained"]["base_metrics"])
    assert told["base"]["metrics"] == pytest.approx(told["trained"]["metrics"], rel=1e-4)
    assert (told["base"]["epoch"], told["base"]["base_metrics"]) == (0, None)
    assert set(told["base"]["metrics"]) == set(told["trained"]["metrics"])


@needs_libraries
@pytest.mark.parametrize(
    ("dataset", "checkpoint", "message"),
    [
        ({"prompt_template": "no place"}, "model", "dataset.prompt_template must hold {prompt} once"),
        ({"chat_template": True}, "checkpoint", "dataset.chat_template: the checkpoint was trained with False"),
        ({"max_length": 33}, "checkpoint", "dataset.max_length: the checkpoint was trained with 32"),
        ({"chat_template": True}, "mute", "has no chat template"),
        ({}, "folder", "config.json is missing"),
    ],
)
def test_what_evaluate_cannot_measure_is_refused(
    dataset: dict[str, Any],
    checkpoint: str,
    message: str,
    trained: tuple[Path, Ended],
    eval_path: Path,
    model: Path,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    mute = shutil.copytree(model, tmp_path / "mute")
    for name in ("chat_template.jinja", "tokenizer_config.json"):
        (mute / name).unlink(missing_ok=True)
    places = {
        "model": model,
        "mute": mute,
        "folder": trained[0] / "results",
        "checkpoint": trained[0] / "results" / "checkpoints" / "epoch_4.pt",
    }
    spec = {
        "dataset": {"eval_path": str(eval_path), **dataset},
        "evaluate": {"checkpoint": str(places[checkpoint])},
    }
    assert message in run_here(tmp_path, "evaluate", spec, capsys, expect=2).refusal()


@pytest.mark.parametrize(
    ("action", "section", "message"),
    [
        ("evaluate", {"checkpoint": "nowhere"}, "evaluate.checkpoint: 'nowhere' is neither a file nor a folder"),
        ("evaluate", {"checkpoint": None}, "evaluate.checkpoint is not set"),
        ("predict", {"checkpoint": "nowhere.pt"}, "predict.checkpoint: 'nowhere.pt' is not a file"),
        ("export", {"checkpoint": "spec.yaml", "kind": "gguf"}, "export.kind must be one of merged, adapter"),
    ],
)
def test_bad_actions_are_refused(
    action: str, section: dict[str, Any], message: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert message in run_here(tmp_path, action, {action: section}, capsys, expect=2).refusal()


# Parts that compute


def examples(*lengths: tuple[int, int]) -> list[Any]:
    """Of (prompt tokens, answer tokens) with different ids."""
    import numpy as np

    encoding, records = part("encoding"), part("records")
    made, begin = [], 3
    for prompt, answer in lengths:
        ids = np.arange(begin, begin + prompt + answer, dtype=np.int32) % 250 + 6
        made.append(encoding.Example(ids=ids, prompt_length=prompt, record=records.Record(line=1, prompt="")))
        begin += prompt + answer
    return made


@needs_libraries
@pytest.mark.parametrize("kind", ["llama", "gpt2"])
def test_packed_and_padded_rows_have_the_logits_of_single_rows(kind: str, request: pytest.FixtureRequest) -> None:
    import torch

    network, sequences, precision = part("network"), part("sequences"), part("precision")
    folder = part("model_folder").read_model_folder(str(request.getfixturevalue("model" if kind == "llama" else kind)))
    base = network.load_base(folder, torch.float32)
    scorer = network.Scorer(base, precision.Precision("fp32", "cpu"))
    rows = examples((5, 3), (2, 6), (0, 4), (7, 1))
    expected = []
    for row in rows:
        logits = base(input_ids=torch.from_numpy(row.ids).long()[None]).logits[0]
        expected.append(logits[max(1, row.prompt_length) - 1 : -1])
    single = torch.cat(expected)
    for shape in ([(row,) for row in rows], [tuple(rows)], [tuple(rows[:3]), tuple(rows[3:])]):
        batch = sequences.collate(shape, 0)
        assert torch.equal(batch.labels, torch.cat([torch.from_numpy(r.ids[-r.targets :]).long() for r in rows]))
        torch.testing.assert_close(scorer.logits(base, batch), single, rtol=1e-4, atol=1e-5)
    assert part("packing_probe")._difference(base, precision.Precision("fp32", "cpu")) < 1e-4


@needs_libraries
def test_a_model_that_mixes_packed_rows_is_refused(model: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import torch

    probe, sequences, precision = part("packing_probe"), part("sequences"), part("precision")
    base = part("network").load_base(part("model_folder").read_model_folder(str(model)), torch.float32)
    base.get_input_embeddings().weight.data.mul_(50)  # random weights hardly look at each other
    probe.check_packing(base, precision.Precision("fp32", "cpu"), 48)
    monkeypatch.setattr(sequences.Batch, "attention_mask", lambda self, dtype: (self.segments > 0).long())
    with pytest.raises(part("errors").SpecError, match="do not keep packed examples apart"):
        probe.check_packing(base, precision.Precision("fp32", "cpu"), 48)
    base.config.sliding_window = 16
    with pytest.raises(part("errors").SpecError, match="the last 16 tokens"):
        probe.check_packing(base, precision.Precision("fp32", "cpu"), 48)


@needs_libraries
def test_architectures_that_cannot_do_it_are_refused() -> None:
    libraries, network, errors = part("libraries"), part("network"), part("errors")
    shape = {"hidden_size": 16, "vocab_size": 262}
    bloom = libraries.transformers.BloomForCausalLM(libraries.transformers.BloomConfig(n_layer=1, n_head=2, **shape))
    with pytest.raises(errors.SpecError, match="'bloom' do not keep packed examples apart"):
        part("packing_probe").check_packing(bloom, part("precision").Precision("fp32", "cpu"), 48)
    spec = part("spec").LoraSpec(
        rank=4, alpha=8, dropout=0.0, target_modules="attention", custom_modules=None, rslora=False
    )
    mamba = libraries.transformers.MambaForCausalLM(libraries.transformers.MambaConfig(num_hidden_layers=1, **shape))
    with pytest.raises(errors.SpecError, match="has no layers for 'attention'"):
        network.lora_config(mamba, spec)


@needs_libraries
def test_packing_keeps_every_row_and_the_length() -> None:
    dice = random.Random(0)
    rows = examples(*((dice.randint(0, 20), dice.randint(2, 12)) for _ in range(200)))
    packed = part("sequences").pack(rows, 32)
    assert sorted(id(row) for sequence in packed for row in sequence) == sorted(map(id, rows))
    lengths = [part("sequences").length_of(sequence) for sequence in packed]
    assert max(lengths) <= 32
    assert sum(lengths) / (32 * len(lengths)) > 0.9


@needs_libraries
def test_every_pass_takes_every_sequence_once_whoever_computes_it() -> None:
    sequences = part("sequences")
    everything = [(row,) for row in examples(*[(2, 2)] * 23)]
    orders = []
    for epoch in (0, 1):
        batches = [sequences.batch_of(everything, 5, seed=0, epoch=epoch, step=step) for step in range(5)]
        assert [len(batch) for batch in batches] == [5, 5, 5, 5, 3]
        orders.append([id(sequence) for batch in batches for sequence in batch])
        assert sorted(orders[-1]) == sorted(map(id, everything))
    assert orders[0] != orders[1]
    for size in (1, 2, 3, 7):
        parts = [sequences.share(everything, rank, size, 2) for rank in range(size)]
        assert len({len(mine) for mine in parts}) == 1, "processes exchange gradients the same number of times"
        found = [id(sequence) for mine in parts for micro in mine for sequence in micro]
        assert sorted(found) == sorted(map(id, everything))


@needs_libraries
def test_learning_rate_follows_the_schedule_and_not_the_budget(tmp_path: Path) -> None:
    optim = part("optim")
    spec = job_of(tmp_path, tiny(None, None, train__optim__warmup_fraction=0.1)).train.optim
    rates = [optim.learning_rate(spec, step, horizon=100) for step in range(150)]
    assert rates[0] < rates[5] < rates[9] < rates[10] == max(rates) == spec.lr
    assert rates[10:101] == sorted(rates[10:101], reverse=True)
    assert rates[100:] == pytest.approx([spec.lr * spec.min_lr_ratio] * 50)


@given(st.integers(1, 500), st.integers(1, 64), st.integers(1, 30))
def test_units_divide_passes_into_whole_steps(sequences: int, batch_size: int, units: int) -> None:
    calendar = part("units").Calendar(sequences=sequences, batch_size=batch_size, units_per_pass=units)
    steps = [step for unit in range(1, 3 * units + 1) for step in calendar.steps_of(unit)]
    assert steps == list(range(3 * calendar.steps_per_pass))
    assert len(calendar.steps_of(1)) >= 1
    assert calendar.place_of(calendar.steps_per_pass) == (1, 0)


# Prompts


def encoder(model: Path, max_length: int = 48, **settings: Any) -> Any:
    plain = {"prompt_template": "{prompt}", "chat_template": False, "system_prompt": "", "truncation": "keep_answer"}
    prompts = part("spec").PromptSpec(**{**plain, "max_length": max_length, **settings})
    folder = part("model_folder").read_model_folder(str(model))
    return part("encoding").Encoder(part("network").load_tokenizer(folder), prompts, max_length)


def encode(found: Any, *rows: tuple[str, str]) -> Any:
    record = part("records").Record
    return found.encode([record(line=n, prompt=p, answer=a) for n, (p, a) in enumerate(rows, 1)], "rows.jsonl")


def text(found: Any, example: Any) -> tuple[str, str]:
    ids, at = example.ids.tolist(), example.prompt_length
    return found.tokenizer.decode(ids[:at]), found.tokenizer.decode(ids[at:])


@needs_libraries
def test_prompts_are_written_as_asked(model: Path) -> None:
    plain = encoder(model, prompt_template="Q: {prompt}\nA: ")
    (row,) = encode(plain, ("é?", "ja")).examples
    assert text(plain, row) == ("<s>Q: é?\nA: ", "ja</s>")
    assert row.targets == 3
    chat = encoder(model, chat_template=True, system_prompt="Be brief.")
    (row,) = encode(chat, ("hi", "ho")).examples
    assert text(chat, row) == ("<s><|system|>Be brief.<|user|>hi<|assistant|>", "ho</s>")
    assert part("encoding").common_end([row]) == chat.end


@needs_libraries
def test_a_chat_template_that_refuses_or_rewrites_is_reported(model: Path) -> None:
    found = encoder(model, chat_template=True)
    found.tokenizer.chat_template = "{{ raise_exception('no system role') }}"
    with pytest.raises(part("errors").DataError, match="line 1: the chat template refuses the row: no system role"):
        encode(found, ("a", "b"))
    found.tokenizer.chat_template = "{{ messages | length }}{{ messages[0].content }}"
    with pytest.raises(part("errors").DataError, match="writes the prompt differently"):
        encode(found, ("a", "b"))


@needs_libraries
def test_long_rows_lose_the_beginning_of_the_prompt_and_are_counted(model: Path) -> None:
    rows = [("abcdefgh", "XY"), ("a", "X"), ("ab", "UVWXYZ12")]
    found = encoder(model, max_length=8)
    kept = encode(found, *rows)
    assert [text(found, row) for row in kept.examples] == [("<s>efgh", "XY</s>"), ("<s>a", "X</s>")]
    assert (kept.shortened, kept.left_out) == (1, 1)
    assert "2 of 3 training rows, 12 tokens; 1 prompts lost their beginning" in kept.account("training")
    dropped = encode(encoder(model, max_length=8, truncation="drop"), *rows)
    assert (len(dropped.examples), dropped.shortened, dropped.left_out) == (1, 0, 2)
    with pytest.raises(part("errors").DataError, match="no row fits into 8 tokens"):
        encode(found, ("a", "ABCDEFGH"))


# Data and model folders, without torch


def check(folder: Path, spec: Mapping[str, Any], capture: pytest.CaptureFixture[str], expect: int = 0) -> Ended:
    return run_here(folder, "check_data", spec, capture, expect)


@pytest.fixture
def folder_of_a_model(tmp_path: Path) -> Path:
    """Enough of a model folder for the data check; no library is needed to make it."""
    folder = tmp_path / "some-model"
    folder.mkdir()
    config = {"model_type": "llama", "architectures": ["LlamaForCausalLM"], "max_position_embeddings": 64}
    (folder / "config.json").write_text(json.dumps({**config, "vocab_size": 100}))
    (folder / "tokenizer.model").write_bytes(b"\0")
    header = json.dumps({"w": {"dtype": "F32", "shape": [5, 3], "data_offsets": [0, 60]}}).encode()
    (folder / "model.safetensors").write_bytes(struct.pack("<Q", len(header)) + header + bytes(60))
    return folder


def test_the_data_check_tells_facts(
    train_path: Path, folder_of_a_model: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    ended = check(tmp_path / "job", tiny(train_path, folder_of_a_model, dataset__max_length=100), capsys)
    facts = json.loads(ended.out)
    assert facts["ok"] is True
    assert (facts["train_samples"], facts["val_samples"]) == (54, 6)
    assert facts["model"] == {
        "type": "llama",
        "parameters": 15,
        "positions": 64,
        "vocabulary": 100,
        "chat_template": False,
    }
    assert (facts["max_length"], facts["passes"], facts["steps"], facts["tokens"]) == (64, 2.0, 14, None)
    assert any("64 positions" in note for note in facts["warnings"])


@needs_libraries
def test_the_data_check_counts_tokens_and_imports_nothing_slow(
    model: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    rows = write_rows(tmp_path / "rows.jsonl", [(f"Question {n}?", "yes" * (1 + 20 * (n == 7))) for n in range(40)])
    ended = check(tmp_path / "job", tiny(rows, model), capsys)
    facts = json.loads(ended.out)
    assert facts["tokens"]["answer_median"] == 4
    assert facts["tokens"]["prompt_median"] == 13
    assert any("answers alone are too long" in note for note in facts["warnings"])
    assert any("run into each other" in note for note in facts["warnings"])
    assert any("chat template" in note for note in facts["warnings"])
    program = f"import sys; sys.path.append({str(SCRIPTS)!r}); from causal_lm import inspection; print(*sys.modules)"
    loaded = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=60).stdout.split()
    assert not {"torch", "transformers", "peft", "numpy"} & set(loaded)


def lines(*rows: str) -> bytes:
    """Good rows enough, then these."""
    good = [json.dumps({"prompt": f"p{n}", "answer": "a"}) for n in range(12)]
    return "\n".join([*good, *rows]).encode() + b"\n"


DATA_FAULTS: dict[str, tuple[bytes, str]] = {
    "an empty answer": (lines('{"prompt": "x", "answer": " \\n"}'), "line 13: 'answer' is empty"),
    "no answer": (lines('{"prompt": "x", "anwser": "y"}'), "line 13: no key 'answer'; there is 'anwser'"),
    "a number": (lines('{"prompt": "x", "answer": 7}'), "line 13: 'answer' must be text, got 7"),
    "a list": (lines("[1, 2]"), "line 13: a JSON object is needed, got [1, 2]"),
    "no JSON": (lines("", "{'prompt': 1}"), "line 14: not valid JSON (column 2)"),
    "an array": (b'[{"prompt": "a"},\n', "line 1: not valid JSON"),
    "deep nesting": (lines("[" * 100_000), "line 13: not valid JSON"),
    "no UTF-8": (lines() + b'{"prompt": "\xe9"}', "line 13: not UTF-8 text (byte 13)"),
    "half a character": (lines('{"prompt": "\\ud800", "answer": "x"}'), "half of a surrogate pair"),
    "too few rows": (b'{"prompt": "a", "answer": "b"}\n' * 9, "9 rows are too few"),
    "no rows": (b"\n\n", "holds no rows"),
    "one prompt": (b'{"prompt": "a", "answer": "b"}\n' * 12, "all prompts are the same"),
}


@pytest.mark.parametrize("case", DATA_FAULTS)
def test_data_faults_are_named(
    case: str, folder_of_a_model: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    content, message = DATA_FAULTS[case]
    (tmp_path / "rows.jsonl").write_bytes(content)
    spec = tiny(tmp_path / "rows.jsonl", folder_of_a_model)
    assert message in check(tmp_path / "job", spec, capsys, expect=2).refusal()


def damage(name: str, change: Callable[[Path], Any]) -> Callable[[Path], Any]:
    return lambda folder: change(folder / name)


def with_config(**changes: Any) -> Callable[[Path], Any]:
    def change(file: Path) -> None:
        file.write_text(json.dumps({**json.loads(file.read_text()), **changes}))

    return damage("config.json", change)


def only_index(folder: Path) -> None:
    (folder / "model.safetensors").unlink()
    index = {"weight_map": {"a": "part-1.safetensors"}}
    (folder / "model.safetensors.index.json").write_text(json.dumps(index))


def only_adapter(folder: Path) -> None:
    (folder / "config.json").rename(folder / "adapter_config.json")


MODEL_FAULTS: dict[str, tuple[Callable[[Path], Any], str]] = {
    "no config": (damage("config.json", Path.unlink), "config.json is missing"),
    "an adapter": (only_adapter, "holds an adapter"),
    "a broken config": (damage("config.json", lambda file: file.write_text("{")), "config.json: not valid JSON"),
    "no type": (with_config(model_type=None), "names no model_type"),
    "no tokenizer": (damage("tokenizer.model", Path.unlink), "no tokenizer is there"),
    "no weights": (damage("model.safetensors", Path.unlink), "no weights are there"),
    "a missing shard": (only_index, "part-1.safetensors is missing"),
    "a pointer": (
        damage("model.safetensors", lambda file: file.write_bytes(b"version https://git-lfs.github.com/spec/v1\n")),
        "Git LFS pointer",
    ),
    "half a download": (
        damage("model.safetensors", lambda file: os.truncate(file, file.stat().st_size - 9)),
        "are needed",
    ),
    "no safetensors": (damage("model.safetensors", lambda file: file.write_bytes(b"<html>")), "not a safetensors file"),
    "an encoder-decoder": (with_config(model_type="t5", is_encoder_decoder=True), "encoder-decoder"),
    "a quantized model": (with_config(quantization_config={"bits": 4}), "quantized"),
    "not there": (shutil.rmtree, "is not a folder"),
}


@pytest.mark.parametrize("case", MODEL_FAULTS)
def test_model_faults_are_named(
    case: str, train_path: Path, folder_of_a_model: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    change, message = MODEL_FAULTS[case]
    change(folder_of_a_model)
    ended = check(tmp_path / "job", tiny(train_path, folder_of_a_model), capsys, expect=2)
    assert message in ended.refusal()
    assert "hint: " in ended.err or case in ("a broken config", "an encoder-decoder")


SPEC_FAULTS: dict[str, tuple[dict[str, Any], str]] = {
    "an unknown key": ({"train__optim__lerning_rate": 1}, "unknown setting train.optim.lerning_rate"),
    "a near name": ({"train__num_epoch": 1}, "did you mean train.num_epochs?"),
    "a wrong type": ({"train__batch_size": "many"}, "train.batch_size must be integer, got 'many'"),
    "a truth for a number": ({"train__batch_size": True}, "train.batch_size must be integer, got True"),
    "out of bounds": ({"model__lora__dropout": 0.95}, "model.lora.dropout must be <= 0.9"),
    "not an option": ({"model__method": "qlora"}, "model.method must be one of lora, full"),
    "no place for the prompt": ({"dataset__prompt_template": "Q:"}, "must hold {prompt} once"),
    "a lonely system prompt": ({"dataset__system_prompt": "x"}, "only with dataset.chat_template: true"),
    "no chat template": ({"dataset__chat_template": True}, "has no chat template"),
    "one key for both": ({"dataset__answer_key": "prompt"}, "must differ"),
    "no data": ({"dataset__train_path": None}, "dataset.train_path is not set"),
    "a folder of data": ({"dataset__train_path": "."}, "is a folder"),
    "no model": ({"model__path": None}, "model.path is not set"),
}


@pytest.mark.parametrize("case", SPEC_FAULTS)
def test_spec_faults_are_named(
    case: str, train_path: Path, folder_of_a_model: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    changes, message = SPEC_FAULTS[case]
    spec = tiny(train_path, folder_of_a_model, **changes)
    assert message in check(tmp_path / "job", spec, capsys, expect=2).refusal()


@pytest.mark.parametrize("content", ["train: [1]", "- a", "a: [", "\udce9"])
def test_a_file_that_is_no_spec_is_refused(content: str, tmp_path: Path) -> None:
    (tmp_path / "spec.yaml").write_text(content, errors="surrogateescape")
    with pytest.raises(part("errors").SpecError):
        part("spec").train_job(tmp_path / "spec.yaml")


def test_numbers_are_read_as_they_are_meant(tmp_path: Path) -> None:
    (tmp_path / "spec.yaml").write_text("train: {optim: {lr: 1e-4, weight_decay: 0}, batch_size: 8.0}")
    train = part("spec").train_job(tmp_path / "spec.yaml").train
    assert (train.optim.lr, train.optim.weight_decay, train.batch_size) == (1e-4, 0.0, 8)


@given(
    st.lists(st.text(st.characters(codec="utf-8"), max_size=3), min_size=10, max_size=60),
    st.floats(0.001, 0.5),
    st.integers(1, 20),
)
def test_the_split_is_by_prompt_and_independent_of_the_order(prompts: list[str], share: float, most: int) -> None:
    records, errors = part("records"), part("errors")
    rows = [records.Record(line=n, prompt=prompt, answer=str(n)) for n, prompt in enumerate(prompts)]
    if len(set(prompts)) == 1:
        with pytest.raises(errors.DataError):
            records.split(rows, share, most)
        return
    train, validation = records.split(rows, share, most)
    assert sorted(r.line for r in [*train, *validation]) == [r.line for r in rows]
    assert train
    assert validation
    assert not {r.prompt for r in train} & {r.prompt for r in validation}
    assert {r.line for r in records.split(rows[::-1], share, most)[1]} == {r.line for r in validation}


# The skill's files


def schema() -> dict[str, Any]:
    found: dict[str, Any] = json.loads((SKILL / "schemas" / "train.schema.json").read_text(encoding="utf-8"))
    return found


def template(action: str) -> dict[str, Any]:
    found: dict[str, Any] = yaml.safe_load((SKILL / "references" / f"spec_template_{action}.yaml").read_text())
    return found


def leaves(node: Mapping[str, Any], at: str = "") -> dict[str, Any]:
    """Dotted name -> leaf, of a schema or of a spec."""
    found: dict[str, Any] = {}
    for key, child in node.get("properties", node).items():
        inner = isinstance(child, dict) and ("properties" in child or "default" not in child)
        found |= leaves(child, f"{at}{key}.") if inner else {f"{at}{key}": child}
    return found


@pytest.mark.parametrize("action", ACTIONS)
def test_templates_agree_with_the_schema(action: str) -> None:
    jsonschema = pytest.importorskip("jsonschema", reason="jsonschema is not installed")
    laws = leaves(schema())
    for name, value in leaves(template(action)).items():
        assert name in laws, name
        assert (value, type(value)) == (laws[name]["default"], type(laws[name]["default"])), name
    jsonschema.Draft202012Validator.check_schema(schema())
    jsonschema.Draft202012Validator(schema()).validate(template(action))


def test_every_key_of_the_schema_belongs_to_an_action() -> None:
    assert set().union(*(leaves(template(action)) for action in ACTIONS)) == set(leaves(schema()))


def test_search_ranges_are_inside_the_legal_ones() -> None:
    laws = leaves(schema())
    searched = [name for name, law in laws.items() if law.get("automl_enabled")]
    for name in searched:
        law = laws[name]
        if "search_minimum" in law:
            assert law["minimum"] <= law["search_minimum"] < law["search_maximum"] <= law["maximum"], name
            assert law["search_minimum"] <= law["default"] <= law["search_maximum"], name
        for parent, values in law.get("depends_on", {}).items():
            assert set(values) <= set(laws[parent]["enum"]), name
    assert set(schema()["automl_default_parameters"]) <= set(searched)
    assert not set(schema()["automl_disabled_parameters"]) & set(searched)
    assert set(schema()["automl_disabled_parameters"]) <= set(laws)


def test_skill_info_names_what_exists() -> None:
    info = yaml.safe_load((SKILL / "references" / "skill_info.yaml").read_text(encoding="utf-8"))
    laws = leaves(schema())
    assert set(info["actions"]) == set(ACTIONS)
    for name, action in info["actions"].items():
        for script in filter(None, (action["python_script"], action.get("data_check"))):
            assert os.access(SKILL / script, os.X_OK), script
        assert set(action["inputs"]) <= set(leaves(template(name)))
    assert {*info["spec_shorthand_keys"].values(), info["gpu_spec_key"], info["fidelity"]["key"]} <= set(laws)
    assert {metric["name"]: metric["direction"] for metric in info["metrics"]} == schema()["x_skill"]["metrics"]
    assert [metric["name"] for metric in info["metrics"] if metric.get("primary")] == ["eval_loss"]
    assert laws["train.num_epochs"]["default"] == info["fidelity"]["max"]


@needs_tao_automl
def test_configurations_of_the_search_are_specs_of_the_scripts(train_path: Path, tmp_path: Path) -> None:
    bank = importlib.import_module("tao_automl.bank")
    skill = bank.load_skill(SKILL)
    bank.support_gate(skill, "train")
    assert set(bank.read_space(skill, "train").space.names) >= set(schema()["automl_default_parameters"])
    searched = [name for name, law in leaves(schema()).items() if law.get("automl_enabled")]
    space = bank.read_space(skill, "train", hyperparameters=searched).space
    for number in range(20):
        config = space.sample(random.Random(number))
        fixed = {"dataset.train_path": str(train_path), "train.num_epochs": 3, "train.num_gpus": 0}
        spec = bank.render_spec(skill, "train", overrides={}, params=config, fixed_values=fixed)
        (tmp_path / "spec.yaml").write_text(bank.dump_spec(spec, "yaml"), encoding="utf-8")
        job = part("spec").train_job(tmp_path / "spec.yaml")
        assert {name: job.settings[name] for name in config} == config
    full = bank.render_spec(skill, "train", overrides={"method": "full"}, params={}, fixed_values={})
    assert "rank" not in full["model"].get("lora", {}), "adapters' settings are left out"
    (tmp_path / "spec.yaml").write_text(bank.dump_spec(full, "yaml"), encoding="utf-8")
    assert part("spec").train_job(tmp_path / "spec.yaml").model.method == "full"


def test_skill_document_is_valid() -> None:
    command = shutil.which("agentskills") or shutil.which("agentskills", path=str(Path(sys.executable).parent))
    if not command:
        pytest.skip("agentskills (pip install skills-ref) is not installed")
    done = subprocess.run([command, "validate", str(SKILL)], capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stdout + done.stderr


def test_settings_named_in_the_document_exist() -> None:
    document = (SKILL / "SKILL.md").read_text(encoding="utf-8")
    sections = "|".join(schema()["properties"])
    named = set(re.findall(rf"`((?:{sections})\.[a-z0-9_.]+)", document))
    laws = leaves(schema())
    assert len(named) > 20
    assert {name for name in named if name not in laws and not any(law.startswith(name) for law in laws)} == set()
    assert len(document.splitlines()) < 500


def test_evals_are_complete() -> None:
    evals = json.loads((SKILL / "evals" / "evals.json").read_text(encoding="utf-8"))
    assert evals["skill_name"] == SKILL.name
    for entry in evals["evals"]:
        assert {"id", "prompt", "expected_output", "files", "assertions"} == set(entry)
    triggers = json.loads((SKILL / "evals" / "triggers.json").read_text(encoding="utf-8"))
    assert len(triggers) >= 20
    assert sum(not entry["should_trigger"] for entry in triggers) >= 8


def quick_start() -> Iterator[list[str]]:
    """Commands of the first shell block, as words: `cat` with its here-document as ["cat", file, text]."""
    block = re.search(r"```bash\n(.*?)```", (SKILL / "SKILL.md").read_text(encoding="utf-8"), re.DOTALL)
    assert block is not None
    documents = re.compile(r"cat > (\S+) <<'YAML'\n(.*?)YAML\n", re.DOTALL)
    for name, content in documents.findall(block[1]):
        yield ["cat", name, content]
    for line in documents.sub("", block[1]).splitlines():
        words = shlex.split(line, comments=True)
        if words and words[0] == "python":
            yield words


@needs_libraries
def test_the_quick_start_works_as_printed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """In this process, and on a tenth of the rows."""
    monkeypatch.chdir(tmp_path)
    ran = []
    for words in quick_start():
        if words[0] == "cat":
            Path(words[1]).write_text(words[2], encoding="utf-8")
            continue
        name = Path(words[1]).stem
        arguments = ["300" if word == "3000" else word for word in words[2:]]
        assert script_here(name, *arguments) == 0, name
        ran.append(name)
    assert set(ran) == {path.stem for path in SCRIPTS.glob("*.py")}
    report = json.loads(Path("results/metrics.json").read_text())
    assert report["metrics"]["eval_loss"] < report["base_metrics"]["eval_loss"] / 2


# Helper scripts


@pytest.mark.parametrize("task", ["sum", "copy", "reverse", "mixed"])
def test_sample_data_is_the_same_every_time(task: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    options = ["--task", task, "--rows", "64"]
    assert script_here("make_sample_data", str(tmp_path / "dry"), *options, "--dry-run") == 0
    assert not (tmp_path / "dry").exists()
    capsys.readouterr()
    for name in ("a", "b"):
        assert script_here("make_sample_data", str(tmp_path / name), *options) == 0
    report = json.loads(capsys.readouterr().out.splitlines()[0])
    assert (report["train_rows"], report["eval_rows"]) == (56, 8)
    files = [(tmp_path / n / f"{p}.jsonl").read_bytes() for n in ("a", "b") for p in ("train", "eval")]
    assert files[:2] == files[2:]
    read = part("records").read_records
    rows = [read(report[f"{p}_path"], "x", "prompt", "answer") for p in ("train", "eval")]
    assert not {r.prompt for r in rows[0]} & {r.prompt for r in rows[1]}
    assert script_here("make_sample_data", str(tmp_path / "a"), *options) == 2
    assert "exists" in capsys.readouterr().err


@needs_libraries
def test_a_tiny_model_overwrites_nothing(model: Path, capsys: pytest.CaptureFixture[str]) -> None:
    before = sorted((path.name, path.stat().st_mtime_ns) for path in model.iterdir())
    assert script_here("make_tiny_model", str(model)) == 2
    assert "is not empty" in capsys.readouterr().err
    assert sorted((path.name, path.stat().st_mtime_ns) for path in model.iterdir()) == before


# A whole search


@needs_tao_automl
@needs_libraries
def test_a_search_from_plan_to_winner(model: Path, train_path: Path, eval_path: Path, tmp_path: Path) -> None:
    """Three trials as real jobs on the local platform, one of them continued, and the winner evaluated."""
    runner = importlib.import_module("tao_automl.runner")
    small = {"model.path": str(model), "dataset.max_length": 32, "train.units_per_epoch": 2, "train.schedule_epochs": 3}
    search = runner.AutoMLRunner(
        skill_dir=SKILL, platform_sdk="local", workspace_dir=tmp_path / "run", poll_interval=0.1
    )
    result = search.run(
        automl_algorithm="asha",
        automl_settings={"num_recommendations": 3, "max_epochs": 3, "max_concurrent": 2, "seed": 1},
        custom_param_ranges={"train.optim.lr": {"valid_min": 1e-4, "valid_max": 2e-3}},
        spec_overrides=small,
        train_dataset_uri=train_path,
        eval_dataset_uri=eval_path,
        gpu_count=0,
    )
    assert result.status == "completed", result.failure_reason
    assert len(result.history) == 3
    assert result.metric == "eval_loss"
    assert result.direction == "minimize"
    assert result.best is not None
    assert Path(result.best["checkpoint"]).is_file()
    assert result.best["metric_value"] == min(entry["metric"] for entry in result.history)
    assert result.final_evaluation["status"] == "measured"
    for entry in result.history:
        assert [unit for unit, _ in entry["curve"]] == list(range(1, entry["budget"] + 1)), "continued, not repeated"
    assert any(entry["origin"] == "search" and entry["budget"] == 3 for entry in result.history)
    assert_the_baseline_is_the_base_model(result, tmp_path / "run", eval_path)


def assert_the_baseline_is_the_base_model(result: Any, workspace: Path, eval_path: Path) -> None:
    """A job before all others measured it, on the rows that the winner was measured on later."""
    baseline, final = result.baseline, result.final_evaluation
    assert (baseline["status"], baseline["source"], baseline["metric_name"]) == (
        "measured",
        "evaluate action",
        "eval_loss",
    )
    records = json.loads((workspace / "job_records.json").read_text(encoding="utf-8"))
    assert [record["job_id"] for record in records].index(baseline["job_id"]) == 0
    trainings = [record for record in records if record["purpose"] == "train"]
    assert records[0]["ended_at"] <= min(record["requested_at"] for record in trainings), "nothing was trained before"

    specs = {
        name: yaml.safe_load((workspace / "jobs" / entry["job_id"] / "spec.yaml").read_text(encoding="utf-8"))
        for name, entry in (("baseline", baseline), ("final", final))
    }
    assert Path(specs["baseline"]["evaluate"]["checkpoint"]).is_dir()
    for spec in specs.values():
        assert spec["dataset"]["eval_path"] == str(eval_path)
    assert specs["baseline"]["dataset"] == specs["final"]["dataset"]
    reports = {
        name: json.loads((workspace / "jobs" / entry["job_id"] / "results" / "metrics.json").read_text())
        for name, entry in (("baseline", baseline), ("final", final))
    }
    assert reports["baseline"]["rows"] == reports["final"]["rows"] == 20
    assert reports["baseline"]["metrics"]["eval_loss"] == baseline["metric_value"]
    compared = final["comparison_to_baseline"]
    assert compared["improved"] is True
    assert compared["delta"] == pytest.approx(final["metric_value"] - baseline["metric_value"])


@needs_tao_automl
@needs_libraries
def test_the_plan_says_how_the_base_model_is_measured(tmp_path: Path) -> None:
    """Batches are counted over all processes: two GPUs do not double them."""
    arguments, setup = (importlib.import_module(f"tao_automl.runner.{name}") for name in ("arguments", "setup"))
    train = write_rows(tmp_path / "train.jsonl", exercises(20))

    class Machine:
        def capacity(self, gpus: int) -> int:
            return 1

    asked = arguments.Arguments(skill_dir=str(SKILL), action="train", platform="local").updated(
        {
            "automl_algorithm": "random",
            "spec_overrides": {"model.path": str(tmp_path)},
            "train_dataset_uri": train,
            "eval_dataset_uri": train,
            "gpu_count": 2,
        }
    )
    jobs = setup.prepare(asked, Machine()).jobs
    assert jobs.why_no_base_model() is None
    assert jobs.adjustments({"train.batch_size": 20}) == ()
    (cap,) = jobs.adjustments({"train.batch_size": 32})
    assert (cap["type"], cap["to"], cap["shards"]) == ("effective_batch_cap", 20, 1)
