"""The train-image-classifier skill: its scripts as a job runs them, and their parts where that is faster.

Tests that need torch are skipped without it; those of specs, data checks and skill files are not.
"""

from __future__ import annotations

import csv
import importlib
import json
import math
import os
import random
import runpy
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Mapping
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
import yaml

np = pytest.importorskip("numpy", reason="the image classifier needs numpy")
Image = pytest.importorskip("PIL.Image", reason="the image classifier needs pillow")

SKILL = Path(__file__).resolve().parents[2] / "skills" / "models" / "train-image-classifier"
SCRIPTS = SKILL / "scripts"
ACTIONS = ("train", "evaluate", "predict", "export")
CLASSES = ("down", "left", "right", "up")
OF_THE_MACHINE = ("images_per_second", "peak_gpu_memory_mb")

needs_torch = pytest.mark.skipif(find_spec("torch") is None, reason="torch is not installed")

sys.path.append(str(SCRIPTS))


def part(name: str) -> ModuleType:
    return importlib.import_module(f"image_classifier.{name}")


# Data and jobs


def make_folder(root: Path, per_class: int, seed: int = 0, classes: tuple[str, ...] = CLASSES) -> Path:
    """8x8 images that are bright on one side: easy to learn, but not if they are mirrored or misread."""
    dice = np.random.default_rng(seed)
    low, high, whole = slice(0, 4), slice(4, 8), slice(None)
    bright = ((high, whole), (whole, low), (whole, high), (low, whole))
    for label, name in enumerate(classes):
        (root / name).mkdir(parents=True)
        for number in range(per_class):
            pixels = dice.integers(0, 90, size=(8, 8, 3))
            pixels[bright[label]] += 150
            Image.fromarray(pixels.astype(np.uint8)).save(root / name / f"{number:03d}.png")
    return root


@pytest.fixture(scope="module")
def train_dir(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_folder(tmp_path_factory.mktemp("data") / "train", 20)


@pytest.fixture(scope="module")
def eval_dir(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_folder(tmp_path_factory.mktemp("data") / "eval", 8, seed=1)


def tiny(train_dir: Path | None, **changes: Any) -> dict[str, Any]:
    """A spec that trains in about a second; `changes` are dotted names with __ for the dots."""
    spec: dict[str, Any] = {
        "dataset": {"train_dir": str(train_dir) if train_dir else None, "num_workers": 0},
        "model": {"width": 16, "depth": 1},
        "augment": {"mixup_alpha": 0.2, "erase_prob": 0.3},
        "train": {"num_epochs": 4, "schedule_epochs": 4, "batch_size": 16, "num_gpus": 0, "optim": {"lr": 0.01}},
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
    code: int
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
    return Ended(process.returncode, out, err)


def run_here(folder: Path, script: str, spec: Mapping[str, Any]) -> None:
    """Runs a script in this process, which saves importing torch."""
    (folder / "spec.yaml").write_text(yaml.safe_dump(dict(spec)), encoding="utf-8")
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        patch.setattr(sys, "argv", [script, "--config", "spec.yaml"])
        with pytest.raises(SystemExit) as ended:
            runpy.run_path(str(SCRIPTS / f"{script}.py"), run_name="__main__")
    assert ended.value.code == 0


def train_here(folder: Path, spec: Mapping[str, Any]) -> dict[str, Any]:
    """Trains in this process, on one thread like `run`: sums depend on their number. Returns the last checkpoint."""
    import torch

    torch.set_num_threads(1)
    job = job_of(folder, spec)
    part("training").train(job, part("survey").take(job, 1))
    return load(folder / "results", job.train.num_epochs)


def job_of(folder: Path, spec: Mapping[str, Any]) -> Any:
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "spec.yaml").write_text(yaml.safe_dump({**spec, "results_dir": str(folder / "results")}))
    return part("spec").train_job(folder / "spec.yaml")


def load(results: Path, epoch: int) -> dict[str, Any]:
    import torch

    content: dict[str, Any] = torch.load(results / "checkpoints" / f"epoch_{epoch}.pt", weights_only=True)
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
    for key in ("model", "average", "optimizer", "scaler", "epoch"):
        assert_same_state(one[key], other[key], key)
    assert learned({"metrics": one["metrics"]}) == learned({"metrics": other["metrics"]})


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory, train_dir: Path) -> tuple[Path, Ended]:
    """An uninterrupted run of 4 epochs: (its folder, how it ended)."""
    folder = tmp_path_factory.mktemp("trained")
    return folder, run(folder, "train", tiny(train_dir))


# Training


@needs_torch
def test_training_learns_and_reports(trained: tuple[Path, Ended]) -> None:
    folder, ended = trained
    assert [line["epoch"] for line in ended.lines] == [1, 2, 3, 4]
    last = ended.lines[-1]["metrics"]
    assert last["accuracy"] >= 0.9
    assert {"balanced_accuracy", "f1_macro", "loss", "train_loss", "images_per_second"} <= set(last)
    assert "top5_accuracy" not in last  # four classes
    assert last["train_loss"] < ended.lines[0]["metrics"]["train_loss"]
    assert [path.name for path in (folder / "results" / "checkpoints").iterdir()] == ["epoch_4.pt"]
    assert {path.name for path in folder.iterdir()} == {"code", "spec.yaml", "results"}


@needs_torch
def test_resumed_training_equals_an_uninterrupted_one(
    trained: tuple[Path, Ended], train_dir: Path, tmp_path: Path
) -> None:
    folder, whole = trained
    train_here(tmp_path / "first", tiny(train_dir, train__num_epochs=2))
    resumed = tiny(train_dir, train__resume_from="../first/results/checkpoints/epoch_2.pt")
    second = run(tmp_path / "second", "train", resumed)
    assert [learned(line) for line in second.lines] == [learned(line) for line in whole.lines[2:]]
    assert_same_training(load(tmp_path / "second" / "results", 4), load(folder / "results", 4))


VARIANTS = {
    "sgd": {"train__optim__name": "sgd", "train__optim__sgd_lr": 0.05},
    "no average": {"train__ema_decay": 0.0},
    "files, dropout, drop path": {
        "dataset__cache": "never",
        "dataset__num_workers": 1,
        "model__dropout": 0.2,
        "model__drop_path": 0.3,
    },
    "bf16, drop last": {"train__precision": "bf16", "train__drop_last": True},
}


@needs_torch
@pytest.mark.parametrize("changes", VARIANTS.values(), ids=VARIANTS)
def test_resume_is_exact_in_every_mode(changes: dict[str, Any], train_dir: Path, tmp_path: Path) -> None:
    import torch

    whole = train_here(tmp_path / "whole", tiny(train_dir, train__num_epochs=3, **changes))
    train_here(tmp_path / "first", tiny(train_dir, train__num_epochs=1, **changes))
    torch.manual_seed(12345)  # whatever state the generators are in
    checkpoint = str(tmp_path / "first" / "results" / "checkpoints" / "epoch_1.pt")
    resumed = train_here(
        tmp_path / "second", tiny(train_dir, train__num_epochs=3, train__resume_from=checkpoint, **changes)
    )
    assert_same_training(resumed, whole)


@needs_torch
def test_images_from_files_and_from_memory_train_alike(train_dir: Path, tmp_path: Path) -> None:
    cached = train_here(tmp_path / "memory", tiny(train_dir, train__num_epochs=1, dataset__cache="always"))
    streamed = train_here(tmp_path / "files", tiny(train_dir, train__num_epochs=1, dataset__cache="never"))
    assert_same_training(cached, streamed)


@needs_torch
def test_seed_decides_the_training(train_dir: Path, tmp_path: Path) -> None:
    runs = [
        train_here(tmp_path / str(index), tiny(train_dir, train__num_epochs=1, train__seed=seed))
        for index, seed in enumerate((0, 0, 1))
    ]
    assert_same_training(runs[0], runs[1])
    assert runs[0]["metrics"]["train_loss"] != runs[2]["metrics"]["train_loss"]


@needs_torch
def test_resume_at_the_final_epoch_repeats_its_results(
    trained: tuple[Path, Ended], train_dir: Path, tmp_path: Path
) -> None:
    folder, whole = trained
    checkpoint = folder / "results" / "checkpoints" / "epoch_4.pt"
    again = run(tmp_path, "train", tiny(train_dir, train__resume_from=str(checkpoint)))
    assert again.lines == whole.lines[-1:]
    assert_same_training(load(tmp_path / "results", 4), load(folder / "results", 4))
    assert checkpoint.exists()


@needs_torch
def test_resume_refuses_another_training(trained: tuple[Path, Ended], train_dir: Path, tmp_path: Path) -> None:
    errors, checkpoints, survey = part("errors"), part("checkpoint"), part("survey")
    saved = load(trained[0] / "results", 4)
    other_data = make_folder(tmp_path / "other", 3)

    def refusal(spec: dict[str, Any], world: int = 1) -> str:
        job = job_of(tmp_path / "job", spec)
        data = survey.take(job, 1).fingerprint()
        with pytest.raises(errors.SpecError) as caught:
            checkpoints.check_continues(saved, job.settings, world=world, data=data)
        return str(caught.value)

    assert "model.width = 16, not 24" in refusal(tiny(train_dir, model__width=24))
    assert "train.schedule_epochs = 4, not 9" in refusal(tiny(train_dir, train__schedule_epochs=9))
    assert "4 epochs already" in refusal(tiny(train_dir, train__num_epochs=3))
    assert "by 1 processes, not 2" in refusal(tiny(train_dir), world=2)
    assert "other images" in refusal(tiny(other_data))


@needs_torch
def test_moved_data_still_resumes(trained: tuple[Path, Ended], train_dir: Path, tmp_path: Path) -> None:
    moved = shutil.copytree(train_dir, tmp_path / "moved")
    job = job_of(tmp_path / "job", tiny(moved, train__num_epochs=9, dataset__num_workers=1))
    saved = load(trained[0] / "results", 4)
    data = part("survey").take(job, 1).fingerprint()
    part("checkpoint").check_continues(saved, job.settings, world=1, data=data)


@needs_torch
def test_diverged_training_says_so(train_dir: Path, tmp_path: Path) -> None:
    wild = {"train__optim__lr": 1.0, "train__optim__weight_decay": 10.0, "train__optim__warmup_fraction": 0.0}
    ended = run(tmp_path, "train", tiny(train_dir, train__num_epochs=300, train__schedule_epochs=300, **wild), expect=1)
    epoch = len(ended.lines) + 1
    assert ended.refusal() == f"error: loss is not finite at epoch {epoch}"
    assert "Traceback" not in ended.err
    assert "NaN" not in ended.out


@needs_torch
def test_killed_training_leaves_a_loadable_checkpoint(train_dir: Path, eval_dir: Path, tmp_path: Path) -> None:
    process = launch(tmp_path, "train", tiny(train_dir, train__num_epochs=1000))
    assert process.stdout is not None
    epochs = [json.loads(process.stdout.readline())["epoch"] for _ in range(3)]
    process.send_signal(signal.SIGKILL)
    process.communicate(timeout=20)
    left = list((tmp_path / "results" / "checkpoints").glob("epoch_*.pt"))
    newest = max(int(path.stem.removeprefix("epoch_")) for path in left)
    assert newest >= epochs[-1]
    assert load(tmp_path / "results", newest)["epoch"] == newest
    resumed = tiny(
        train_dir,
        train__num_epochs=newest + 1,
        train__resume_from=str(tmp_path / "results" / "checkpoints" / f"epoch_{newest}.pt"),
    )
    assert train_here(tmp_path / "after", resumed)["epoch"] == newest + 1


# Several processes


@needs_torch
def test_two_processes_train_like_one(tmp_path: Path) -> None:
    """33 training images in batches of 16 leave a last batch of one: the second process has no image in it."""
    data = make_folder(tmp_path / "data", 11)
    validation = make_folder(tmp_path / "validation", 5, seed=1)
    (data / "up" / "000.png").unlink()
    for number in range(1, 11):
        (data / "down" / f"{number:03d}.png").unlink()
    common = {"dataset__val_dir": str(validation), "augment__mixup_alpha": 0.0, "model__drop_path": 0.0}
    one = train_here(tmp_path / "one", tiny(data, train__num_epochs=2, **common))
    ended = run(
        tmp_path / "two", "train", tiny(data, train__num_epochs=2, train__batch_size=8, train__num_gpus=2, **common)
    )
    two = load(tmp_path / "two" / "results", 2)
    assert len(ended.lines) == 2, "one process prints"
    assert two["world_size"] == 2
    assert two["metrics"]["train_loss"] == pytest.approx(one["metrics"]["train_loss"], rel=1e-3)
    assert two["metrics"]["loss"] == pytest.approx(one["metrics"]["loss"], rel=1e-3)
    for name, weights in one["model"].items():
        np.testing.assert_allclose(two["model"][name], weights, atol=2e-3, err_msg=name)


FAULTY = """
import sys
sys.path.append(SCRIPTS)
from image_classifier import cli, errors

def main(config):
    raise errors.DataError(f"cannot read image {config.read_text()!r}", "replace it")

sys.exit(cli.run("fails as data do", main))
"""


@needs_torch
def test_a_fault_of_all_processes_is_reported_once_with_its_code(
    tmp_path: Path, capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    distributed = part("distributed")
    (tmp_path / "spec.yaml").write_text("a.png")
    (tmp_path / "faulty.py").write_text(FAULTY.replace("SCRIPTS", repr(str(SCRIPTS))))
    monkeypatch.delenv("WORLD_SIZE", raising=False)
    assert distributed.launch(tmp_path / "faulty.py", tmp_path / "spec.yaml", 2) == 2
    assert Ended(2, "", capfd.readouterr().err).refusal() == "error: cannot read image 'a.png'"


@needs_torch
def test_workers_end_when_the_launcher_is_killed(train_dir: Path, tmp_path: Path) -> None:
    process = launch(tmp_path, "train", tiny(train_dir, train__num_epochs=10_000, train__num_gpus=2))
    assert process.stdout is not None
    process.stdout.readline()
    checkpoints = tmp_path / "results" / "checkpoints"
    process.kill()
    process.communicate(timeout=30)  # ends when the last worker has closed stdout
    before = {path.name for path in checkpoints.glob("epoch_*.pt")}
    time.sleep(0.3)
    assert {path.name for path in checkpoints.glob("epoch_*.pt")} == before


# Evaluate, predict, export


@needs_torch
def test_evaluate_predict_and_export_agree(trained: tuple[Path, Ended], eval_dir: Path, tmp_path: Path) -> None:
    import torch

    checkpoint = str(trained[0] / "results" / "checkpoints" / "epoch_4.pt")
    evaluated = run(
        tmp_path, "evaluate", {"dataset": {"eval_dir": str(eval_dir)}, "evaluate": {"checkpoint": checkpoint}}
    )
    (line,) = evaluated.lines
    report = json.loads((tmp_path / "results" / "metrics.json").read_text())
    assert line["epoch"] == report["epoch"] == 4
    assert line["metrics"] == report["metrics"]
    assert line["metrics"]["accuracy"] >= 0.9
    assert sum(map(sum, report["confusion"]["counts"])) == report["images"] == 32

    run_here(tmp_path, "predict", {"dataset": {"predict_dir": str(eval_dir)}, "predict": {"checkpoint": checkpoint}})
    with open(tmp_path / "results" / "predictions.csv", newline="", encoding="utf-8") as handle:
        rows = list(csv.DictReader(handle))
    right = sum(row["path"].startswith(row["label"] + "/") for row in rows)
    assert right / len(rows) == line["metrics"]["accuracy"]

    run_here(tmp_path, "export", {"export": {"checkpoint": checkpoint}})
    card = json.loads((tmp_path / "results" / "model_card.json").read_text())
    assert card["classes"] == list(CLASSES)
    assert card["verification"]["largest_difference"] <= 1e-5
    program = torch.export.load(tmp_path / "results" / "model.pt2").module()
    images = [np.asarray(Image.open(eval_dir / row["path"])) for row in rows]
    chances = program(torch.from_numpy(np.stack(images)).permute(0, 3, 1, 2))
    for row, exported in zip(rows, chances.tolist(), strict=True):
        predicted = [float(row[f"probability_{name}"]) for name in CLASSES]
        assert predicted == pytest.approx(exported, abs=1e-5)


@needs_torch
@pytest.mark.parametrize(
    ("action", "section", "message"),
    [
        ("evaluate", {"checkpoint": None}, "evaluate.checkpoint is not set"),
        ("predict", {"checkpoint": "nowhere.pt"}, "predict.checkpoint: 'nowhere.pt' is not a file"),
        ("export", {"checkpoint": "spec.yaml"}, "is not a checkpoint"),
    ],
)
def test_bad_checkpoints_are_refused(
    action: str, section: dict[str, Any], message: str, eval_dir: Path, tmp_path: Path
) -> None:
    data = {"evaluate": {"eval_dir": str(eval_dir)}, "predict": {"predict_dir": str(eval_dir)}}.get(action)
    spec = {action: section, **({"dataset": data} if data else {})}
    assert message in run(tmp_path, action, spec, expect=2).refusal()


@needs_torch
def test_evaluation_classes_must_be_known(trained: tuple[Path, Ended], tmp_path: Path) -> None:
    folders, errors = part("folders"), part("errors")
    classes = tuple(load(trained[0] / "results", 4)["classes"])
    strange = make_folder(tmp_path / "strange", 2, classes=("down", "sideways"))
    with pytest.raises(errors.DataError, match=r"'sideways'.* not a class of the training data"):
        folders.read_labelled_folder(str(strange), "dataset.eval_dir", classes)
    partial = make_folder(tmp_path / "partial", 2, classes=("down", "left"))
    assert "right, up" in folders.read_labelled_folder(str(partial), "dataset.eval_dir", classes).warnings[0]


# Parts


@needs_torch
@pytest.mark.parametrize("size", [8, 11, 16, 33, 64, 97, 224])
def test_network_fits_every_image_size(size: int) -> None:
    import torch

    network = part("network")
    spec = network.NetworkSpec(
        channels=3, classes=5, image_size=size, width=8, depth=1, kernel_size=5, mlp_ratio=2, drop_path=0.5, dropout=0.1
    )
    model = network.ImageClassifier(spec).eval()
    maps: list[Any] = []
    model.body.register_forward_hook(lambda module, given, out: maps.append(out))
    assert model(torch.zeros(2, 3, size, size)).shape == (2, 5)
    assert 2 <= maps[0].shape[-1] <= 7


@needs_torch
def test_default_network_is_small(tmp_path: Path) -> None:
    network = part("network")
    model = job_of(tmp_path, {}).model
    shape = {name: getattr(model, name) for name in model.__slots__}
    count = network.count_parameters(
        network.ImageClassifier(network.NetworkSpec(channels=1, classes=10, image_size=16, **shape))
    )
    assert 100_000 <= count <= 400_000


def augmentation(**strengths: Any) -> Any:
    nothing = dict.fromkeys(("crop_padding", "brightness", "contrast", "saturation", "erase_prob", "mixup_alpha"), 0.0)
    return part("spec").AugmentSpec(**{**nothing, "erase_area": 0.2, "horizontal_flip": False, **strengths})


@needs_torch
def test_augmentation_does_what_it_says() -> None:
    import torch

    augment = part("augment")
    images = torch.randint(0, 256, (64, 16, 16, 3), dtype=torch.uint8, generator=torch.Generator().manual_seed(0))
    draws = augment.Draws(augment.draw(64, seed=0, epoch=0, step=0))
    mean, std = torch.tensor([0.5, 0.4, 0.3]), torch.tensor([0.2, 0.2, 0.2])
    plain = augment.plain(images, mean, std)
    assert torch.equal(augment.augment(images, draws, augmentation(), mean, std), plain)

    flipped = augment.shift_and_flip(images, draws, augmentation(horizontal_flip=True))
    mirrored = draws["flip"] < 0.5
    assert 16 < int(mirrored.sum()) < 48
    assert torch.equal(flipped[mirrored], images[mirrored].flip(2))
    assert torch.equal(flipped[~mirrored], images[~mirrored])

    flat = torch.full_like(images, 77)
    assert torch.equal(augment.shift_and_flip(flat, draws, augmentation(crop_padding=0.5)), flat)
    shifted = augment.shift_and_flip(images, draws, augmentation(crop_padding=0.125))
    row = int((draws["shift_y"][0] * 5).long()) - 2
    column = int((draws["shift_x"][0] * 5).long()) - 2
    assert torch.equal(shifted[0, 4:12, 4:12], images[0, 4 + row : 12 + row, 4 + column : 12 + column])

    erased = augment.augment(images, draws, augmentation(erase_prob=1.0, erase_area=0.25), mean, std) != plain
    share = erased.any(dim=1).float().mean(dim=(1, 2))
    assert float(share.min()) > 0.0
    assert float(share.max()) < 0.4

    jittered = augment.augment(images, draws, augmentation(brightness=0.5, contrast=0.5, saturation=0.5), mean, std)
    pixels = jittered * std.view(1, 3, 1, 1) + mean.view(1, 3, 1, 1)
    assert float(pixels.min()) >= -1e-6
    assert float(pixels.max()) <= 1 + 1e-6


@needs_torch
def test_mixup_keeps_targets_and_images_together() -> None:
    import torch

    augment = part("augment")
    targets = augment.soft_targets(torch.tensor([0, 1, 2, 3]), 4, smoothing=0.1)
    assert targets.sum(dim=1).tolist() == pytest.approx([1.0] * 4)
    x = torch.arange(4.0).view(4, 1, 1, 1)
    mixed, mixed_targets = augment.mix(x, targets, 0.75)
    assert mixed.flatten().tolist() == pytest.approx([0.75, 1.25, 1.75, 2.25])
    assert mixed_targets[0].tolist() == pytest.approx([0.71875 - 0.025, 0.025, 0.025, 0.25 - 0.01875], abs=0.02)
    shares = {augment.mixup_share(0.4, 0, 0, step) for step in range(20)}
    assert len(shares) == 20
    assert all(0.0 <= share <= 1.0 for share in shares)
    assert augment.mixup_share(0.0, 0, 0, 0) == 1.0


@needs_torch
def test_learning_rate_follows_the_schedule_and_not_the_budget(tmp_path: Path) -> None:
    optim = part("optim")
    spec = job_of(tmp_path, {}).train.optim
    rates = [optim.learning_rate(spec, step, horizon=270) for step in range(400)]
    assert max(rates) == pytest.approx(spec.lr)
    assert rates.index(max(rates)) == 27
    assert rates[:27] == sorted(rates[:27])
    assert rates[28:] == sorted(rates[28:], reverse=True)
    assert rates[270] == rates[399] == pytest.approx(spec.lr * spec.min_lr_ratio)


@needs_torch
def test_batches_cover_an_epoch_once_and_differ_between_epochs() -> None:
    dataset = part("dataset")
    first = dataset.epoch_batches(33, 8, seed=0, epoch=0, drop_last=False)
    assert [len(batch) for batch in first] == [8, 8, 8, 8, 1]
    assert sorted(int(i) for batch in first for i in batch) == list(range(33))
    dropped = dataset.epoch_batches(33, 8, seed=0, epoch=0, drop_last=True)
    assert [batch.tolist() for batch in dropped] == [batch.tolist() for batch in first[:4]]
    second = dataset.epoch_batches(33, 8, seed=0, epoch=1, drop_last=False)
    assert [batch.tolist() for batch in second] != [batch.tolist() for batch in first]


@needs_torch
def test_metrics_are_those_of_scikit_learn() -> None:
    import torch

    sk = pytest.importorskip("sklearn.metrics", reason="scikit-learn is not installed")
    metrics = part("metrics")
    generator = torch.Generator().manual_seed(3)
    logits = torch.randn(200, 7, generator=generator)
    labels = torch.randint(0, 6, (200,), generator=generator)  # class 6 never occurs, but is predicted
    tally = metrics.Tally(7, torch.device("cpu"))
    for chunk in torch.arange(200).split(64):
        tally.add(logits[chunk], labels[chunk])
    found = metrics.summarise(tally.confusion.view(7, 7), *tally.sums.tolist())
    predicted = logits.argmax(dim=1)
    top = sk.top_k_accuracy_score(labels, logits, k=5, labels=range(7))
    assert found["accuracy"] == pytest.approx(sk.accuracy_score(labels, predicted))
    assert found["balanced_accuracy"] == pytest.approx(
        np.mean([sk.recall_score(labels, predicted, labels=[c], average="macro") for c in range(6)])
    )
    assert found["f1_macro"] == pytest.approx(sk.f1_score(labels, predicted, average="macro"))
    assert found["loss"] == pytest.approx(sk.log_loss(labels, logits.double().softmax(1), labels=range(7)), rel=1e-5)
    assert found["top5_accuracy"] == pytest.approx(top)


@needs_torch
def test_class_weights_leave_the_average_image_at_one() -> None:
    import torch

    optim = part("optim")
    assert optim.class_weights([3, 9], 0.0, torch.device("cpu")).tolist() == [1.0, 1.0]
    rare, common = optim.class_weights([3, 9], 1.0, torch.device("cpu")).tolist()
    assert rare / common == pytest.approx(3.0)
    assert (3 * rare + 9 * common) / 12 == pytest.approx(1.0)


@needs_torch
def test_files_are_written_whole_or_not_at_all(tmp_path: Path) -> None:
    files = part("files")
    target = tmp_path / "model.pt"
    files.write_atomically(target, lambda path: path.write_text("old") and None)

    def fail(path: Path) -> None:
        path.write_text("half")
        raise RuntimeError("disk full")

    with pytest.raises(RuntimeError, match="disk full"):
        files.write_atomically(target, fail)
    assert target.read_text() == "old"
    assert list(tmp_path.iterdir()) == [target]


@needs_torch
def test_gpu_training_in_every_precision(train_dir: Path, tmp_path: Path) -> None:
    import torch

    if not torch.cuda.is_available():
        pytest.skip("no CUDA GPU on this machine")
    formats = ["auto", "fp32", "fp16"] + (["bf16"] if torch.cuda.is_bf16_supported() else [])
    for name in formats:
        changes = {"train__precision": name, "train__num_epochs": 4, "train__num_gpus": 1}
        saved = train_here(tmp_path / name, tiny(train_dir, **changes))
        assert saved["metrics"]["accuracy"] >= 0.8, name
        assert saved["metrics"]["peak_gpu_memory_mb"] > 0
        checkpoint = str(tmp_path / name / "results" / "checkpoints" / "epoch_4.pt")
        more = tiny(train_dir, **{**changes, "train__num_epochs": 5, "train__resume_from": checkpoint})
        assert math.isfinite(train_here(tmp_path / f"{name} more", more)["metrics"]["loss"])


# Images


def test_images_are_prepared_alike_whatever_their_format(tmp_path: Path) -> None:
    images = part("images")
    how = images.Preparation(size=8, channels=3, resize="crop")
    ramp = np.tile(np.arange(8, dtype=np.uint8) * 30, (8, 1))
    gray = Image.fromarray(ramp)
    gray.save(tmp_path / "gray.png")
    gray.convert("RGB").save(tmp_path / "rgb.bmp")
    gray.convert("RGBA").save(tmp_path / "alpha.png")
    Image.fromarray(ramp.astype(np.uint16) * 257).save(tmp_path / "deep.png")
    wanted = np.repeat(ramp[:, :, None], 3, axis=2)
    for name in ("gray.png", "rgb.bmp", "alpha.png", "deep.png"):
        assert np.array_equal(images.decode(tmp_path / name, how), wanted), name

    exif = Image.Exif()
    exif[0x0112] = 6  # taken with the camera turned by 90 degrees
    gray.convert("RGB").save(tmp_path / "turned.png", exif=exif)
    assert np.array_equal(images.decode(tmp_path / "turned.png", how), np.rot90(wanted, -1))

    wide = Image.fromarray(
        np.concatenate([np.zeros((8, 8)), np.full((8, 8), 255.0), np.zeros((8, 8))], 1).astype(np.uint8)
    )
    wide.save(tmp_path / "wide.png")
    assert images.decode(tmp_path / "wide.png", how).min() == 255
    stretched = images.decode(tmp_path / "wide.png", images.Preparation(size=8, channels=1, resize="stretch"))
    assert stretched.shape == (8, 8, 1)
    assert stretched.min() == 0


def test_size_and_channels_follow_the_images() -> None:
    images = part("images")
    assert images.choose_size([(28, 28, "L")]) == 32
    assert images.choose_size([(640, 480, "RGB")]) == 224
    assert images.choose_size([(5, 4, "L")]) == 8
    assert images.choose_channels([(8, 8, "L"), (8, 8, "I;16")]) == 1
    assert images.choose_channels([(8, 8, "L"), (8, 8, "P")]) == 3


# Data


def test_split_is_stratified_and_hardly_moves_when_an_image_is_added(tmp_path: Path) -> None:
    folders = part("folders")
    root = make_folder(tmp_path / "data", 20)
    train, validation = folders.split(folders.read_train_folder(str(root), "x"), 0.15)
    assert set(validation.counts().values()) == {3}
    assert not {s.path for s in train.samples} & {s.path for s in validation.samples}
    shutil.copy(root / "up" / "000.png", root / "up" / "new.png")
    _, again = folders.split(folders.read_train_folder(str(root), "x"), 0.15)
    assert len({s.path for s in validation.samples} ^ {s.path for s in again.samples}) <= 2


def test_check_data_reports_facts(train_dir: Path, tmp_path: Path) -> None:
    data = shutil.copytree(train_dir, tmp_path / "data")
    (data / "up" / "notes.txt").write_text("not an image")
    (data / "README").write_text("not an image either")
    (data / ".cache").mkdir()
    ended = run(tmp_path / "job", "check_data", tiny(data, train__num_gpus=2))
    (facts,) = [json.loads(line) for line in ended.out.splitlines()]
    assert facts["ok"] is True
    assert facts["task"] == "image_classification"
    assert (facts["train_samples"], facts["val_samples"], facts["classes"]) == (68, 12, 4)
    assert (facts["image_size"], facts["channels"], facts["decoded_samples"]) == (8, 3, 80)
    assert (facts["effective_batch"], facts["steps_per_epoch"]) == (32, 3)
    assert any("notes.txt" in warning for warning in facts["warnings"])
    assert any("12 validation images" in warning for warning in facts["warnings"])
    assert "torch" not in ended.err


def break_nothing(root: Path) -> None: ...


def missing(root: Path) -> None:
    shutil.rmtree(root)


def no_classes(root: Path) -> None:
    missing(root)
    root.mkdir()
    (root / "image.png").write_bytes(b"")


def one_class(root: Path) -> None:
    for name in CLASSES[1:]:
        shutil.rmtree(root / name)


def empty_class(root: Path) -> None:
    (root / "void").mkdir()


def corrupt_image(root: Path) -> None:
    path = root / "left" / "007.png"
    path.write_bytes(path.read_bytes()[:60])


def link_to_parent(root: Path) -> None:
    (root / "left" / "again").symlink_to(root / "left", target_is_directory=True)


def link_to_itself(root: Path) -> None:
    (root / "left" / "knot").symlink_to(root / "left" / "knot")


BAD_DATA = [
    (missing, {}, "does not exist"),
    (no_classes, {}, "no class folders"),
    (one_class, {}, "one class folder only ('down')"),
    (empty_class, {}, "no images in class folder"),
    (corrupt_image, {}, "007.png"),
    (link_to_parent, {}, "links back to a folder above it"),
    (link_to_itself, {}, "leads nowhere"),
    (break_nothing, {"dataset__train_dir": None}, "dataset.train_dir is not set"),
    (break_nothing, {"train__batch_size": 512, "train__drop_last": True}, "no training step fits"),
]


@pytest.mark.parametrize(("damage", "changes", "message"), BAD_DATA, ids=lambda value: getattr(value, "__name__", ""))
def test_bad_data_is_refused_before_anything_runs(
    damage: Any, changes: dict[str, Any], message: str, train_dir: Path, tmp_path: Path
) -> None:
    data = shutil.copytree(train_dir, tmp_path / "data")
    damage(data)
    ended = run(tmp_path / "job", "check_data", tiny(data, **changes), expect=2)
    assert message in ended.refusal()
    assert "Traceback" not in ended.err
    assert ended.out == ""
    assert {path.name for path in (tmp_path / "job").iterdir()} == {"code", "spec.yaml"}


def test_validation_classes_must_be_those_of_training(train_dir: Path, tmp_path: Path) -> None:
    strange = make_folder(tmp_path / "val", 3, classes=("down", "left", "right", "top"))
    ended = run(tmp_path / "job", "train", tiny(train_dir, dataset__val_dir=str(strange)), expect=2)
    assert "class folder 'top'" in ended.refusal()
    assert "hint: training classes: down, left, right, up" in ended.err


# Specs


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"train__num_epoch": 3}, "unknown setting train.num_epoch; did you mean train.num_epochs?"),
        ({"train__optim__lr": -1}, "train.optim.lr must be >= 1e-07, got -1"),
        ({"train__optim__lr": float("nan")}, "train.optim.lr must be finite"),
        ({"train__optim__name": "lion"}, "train.optim.name must be one of adamw, sgd, got 'lion'"),
        ({"model__width": 20}, "model.width must be a multiple of 8, got 20"),
        ({"model__depth": 1.5}, "model.depth must be integer, got 1.5"),
        ({"dataset__channels": True}, "dataset.channels must be one of 0, 1, 3"),
        ({"dataset__image_size": 4}, "dataset.image_size must be 0 (choose from the images) or >= 8, got 4"),
        ({"train": 7}, "train must be a mapping of settings, got 7"),
        ({"evaluate": {"checkpoint": "x"}}, "unknown setting evaluate"),
    ],
)
def test_bad_specs_are_refused(changes: dict[str, Any], message: str, tmp_path: Path) -> None:
    with pytest.raises(part("errors").SpecError) as caught:
        job_of(tmp_path, tiny(tmp_path, **changes))
    assert message in str(caught.value)


def test_spec_accepts_numbers_as_yaml_writes_them(tmp_path: Path) -> None:
    (tmp_path / "spec.yaml").write_text("train: {optim: {lr: 1e-3}, num_epochs: 3.0, grad_clip: 2}\n")
    train = part("spec").train_job(tmp_path / "spec.yaml").train
    assert (train.optim.lr, train.num_epochs, train.grad_clip) == (0.001, 3, 2.0)


@pytest.mark.parametrize("text", ["train: [", "- a list", "train: {\x00}"])
def test_what_is_no_spec_is_refused(text: str, tmp_path: Path) -> None:
    (tmp_path / "spec.yaml").write_text(text)
    with pytest.raises(part("errors").SpecError):
        part("spec").train_job(tmp_path / "spec.yaml")


# The skill's files


def schema() -> dict[str, Any]:
    found: dict[str, Any] = json.loads((SKILL / "schemas" / "train.schema.json").read_text(encoding="utf-8"))
    return found


def template(action: str) -> dict[str, Any]:
    text = (SKILL / "references" / f"spec_template_{action}.yaml").read_text(encoding="utf-8")
    found: dict[str, Any] = yaml.safe_load(text)
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
    known = set().union(*(leaves(template(action)) for action in ACTIONS))
    assert known == set(leaves(schema()))


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


def test_training_needs_no_inactive_key(tmp_path: Path) -> None:
    spec = template("train")
    inactive = [
        name for name, law in leaves(schema()).items() if law.get("depends_on", {}).get("train.optim.name") == ["sgd"]
    ]
    assert inactive
    for name in inactive:
        del spec["train"]["optim"][name.rpartition(".")[2]]
    assert job_of(tmp_path, spec).train.optim.name == "adamw"


def test_skill_info_names_what_exists() -> None:
    info = yaml.safe_load((SKILL / "references" / "skill_info.yaml").read_text(encoding="utf-8"))
    laws = leaves(schema())
    assert set(info["actions"]) == set(ACTIONS)
    for name, action in info["actions"].items():
        script = SKILL / action["python_script"]
        assert script.is_file()
        assert os.access(script, os.X_OK)
        assert set(action["inputs"]) <= set(leaves(template(name)))
    assert {*info["spec_shorthand_keys"].values(), info["gpu_spec_key"], info["fidelity"]["key"]} <= set(laws)
    assert {metric["name"]: metric["direction"] for metric in info["metrics"]} == schema()["x_skill"]["metrics"]
    assert [metric["name"] for metric in info["metrics"] if metric.get("primary")] == ["accuracy"]
    assert laws["train.num_epochs"]["default"] == info["fidelity"]["max"]


def test_configurations_of_the_search_are_specs_of_the_scripts(train_dir: Path, tmp_path: Path) -> None:
    bank = pytest.importorskip("tao_automl.bank", reason="tao_automl is not installed")
    skill = bank.load_skill(SKILL)
    bank.support_gate(skill, "train")
    assert set(bank.read_space(skill, "train").space.names) >= set(schema()["automl_default_parameters"])
    searched = [name for name, law in leaves(schema()).items() if law.get("automl_enabled")]
    space = bank.read_space(skill, "train", hyperparameters=searched).space
    optimizers = set()
    for number in range(20):
        config = space.sample(random.Random(number))
        fixed = {"dataset.train_dir": str(train_dir), "train.num_epochs": 3, "train.num_gpus": 0}
        spec = bank.render_spec(skill, "train", overrides={}, params=config, fixed_values=fixed)
        (tmp_path / "spec.yaml").write_text(bank.dump_spec(spec, "yaml"), encoding="utf-8")
        job = part("spec").train_job(tmp_path / "spec.yaml")
        assert {name: job.settings[name] for name in config} == config
        optimizers.add(job.train.optim.name)
    assert optimizers == {"adamw", "sgd"}


def test_skill_document_is_valid() -> None:
    command = shutil.which("agentskills") or shutil.which("agentskills", path=str(Path(sys.executable).parent))
    if not command:
        pytest.skip("agentskills (pip install skills-ref) is not installed")
    done = subprocess.run([command, "validate", str(SKILL)], capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stdout + done.stderr


def test_evals_are_complete() -> None:
    evals = json.loads((SKILL / "evals" / "evals.json").read_text(encoding="utf-8"))
    assert evals["skill_name"] == SKILL.name
    for entry in evals["evals"]:
        assert {"id", "prompt", "expected_output", "files", "assertions"} == set(entry)
    triggers = json.loads((SKILL / "evals" / "triggers.json").read_text(encoding="utf-8"))
    assert len(triggers) >= 20
    assert sum(not entry["should_trigger"] for entry in triggers) >= 8


# Helper scripts


def script(name: str, *arguments: str) -> subprocess.CompletedProcess[str]:
    env = os.environ | {"OMP_NUM_THREADS": "1"}
    command = [sys.executable, str(SCRIPTS / f"{name}.py"), *arguments]
    return subprocess.run(command, capture_output=True, text=True, env=env, timeout=100)


@pytest.mark.parametrize("dataset", ["digits", "shapes"])
def test_sample_data_is_the_same_every_time(dataset: str, tmp_path: Path) -> None:
    if dataset == "digits":
        pytest.importorskip("sklearn", reason="scikit-learn is not installed")
    made = [script("make_sample_data", str(tmp_path / n), "--dataset", dataset, "--per-class", "6") for n in ("a", "b")]
    report = json.loads(made[0].stdout)
    classes = 10 if dataset == "digits" else 6
    assert (report["train_images"], report["eval_images"], report["classes"]) == (5 * classes, classes, classes)
    first, second = (sorted((tmp_path / n).rglob("*.png")) for n in ("a", "b"))
    assert [path.read_bytes() for path in first] == [path.read_bytes() for path in second]
    assert len(first) == 6 * classes
    again = script("make_sample_data", str(tmp_path / "a"), "--dataset", dataset)
    assert again.returncode == 2
    assert "already holds" in again.stderr


def test_sample_data_can_be_previewed(tmp_path: Path) -> None:
    done = script("make_sample_data", str(tmp_path / "x"), "--dataset", "shapes", "--per-class", "2", "--dry-run")
    assert json.loads(done.stdout)["written"] is False
    assert not (tmp_path / "x").exists()


@needs_torch
def test_benchmark_measures_a_real_training() -> None:
    options = ["--image-size", "8", "--per-class", "8", "--epochs", "2", "--gpus", "0", "--precision", "fp32"]
    report = json.loads(script("benchmark", *options, "--format", "json").stdout)
    (row,) = report["rows"]
    assert row["device"] == "cpu"
    assert row["images_per_second"] > 0
    assert row["peak_memory_mb"] > 50
