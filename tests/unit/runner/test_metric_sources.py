"""Where a skill's jobs report, and what its evaluations measure."""

import json
from pathlib import Path

import pytest

from tao_automl.bank import MetricSource, Skill, load_skill
from tao_automl.bank.declarations import Action, MetricDeclaration
from tao_automl.domain.goal import Direction, Objective
from tao_automl.engine.world import FileReader, FileSource, Reading
from tao_automl.runner.metric_sources import WANDB_SUMMARY, evaluation_objectives, metric_files

MODELS = Path(__file__).parents[3] / "skills" / "models"


@pytest.fixture(scope="module")
def dino() -> Skill:
    return load_skill(MODELS / "tao-train-dino")


def toy(*sources: MetricSource, evaluates: str | None = None) -> Skill:
    """Metrics m0, m1, …, one a source."""
    metrics = tuple(
        MetricDeclaration(name=f"m{n}", direction="maximize", source=source) for n, source in enumerate(sources)
    )
    actions = {"train": Action(name="train"), "evaluate": Action(name="evaluate", metric=evaluates)}
    return Skill(
        path=Path(), name="toy", network_arch="toy", automl_enabled=True, actions=actions, digest="", metrics=metrics
    )


def read(reader: FileReader, *records: object) -> list[Reading]:
    """What a reader makes of a file with a JSON value a line."""
    lines = (json.dumps(record) for record in records)
    found = [reading for line in lines if (reading := reader.read(line))]
    return [*found, *reader.close()]


def declared(skill: Skill) -> list[FileSource]:
    return [source for source in metric_files(skill) if not source.last_resort]


def test_a_tao_network_reports_in_its_status_file(dino: Skill) -> None:
    (source,) = declared(dino)
    assert (source.pattern, source.grows) == ("status.json", True)
    records = [
        {"status": "STARTED", "message": "Starting DINO train."},
        {"kpi": {"val_mAP": "0.25", "val_mAP50": "0.5", "val_loss": 9.5}, "message": "Eval metrics generated."},
        {"epoch": 0, "max_epoch": 1, "kpi": {"val_mAP50": "0.5", "val_mAP": "0.25", "val_loss": 9.5}},
        {"kpi": {"train_loss": 12.5}, "message": "Train metrics generated."},
    ]
    assert read(source.open(0, 2), *records) == [
        Reading(1, {"val_mAP": 0.25, "val_mAP50": 0.5, "val_loss": 9.5}),
        Reading(1, {"train_loss": 12.5}),
    ]


@pytest.mark.parametrize("folder", sorted(MODELS.glob("tao-*")), ids=lambda folder: folder.name)
def test_every_tao_network_can_report(folder: Path) -> None:
    skill = load_skill(folder)
    if skill.automl_enabled:
        sources = {metric.source.kind for metric in skill.metrics}
        assert any(source.grows for source in metric_files(skill)) or sources & {"json_line", "log_pattern"}


def test_the_last_resort_is_wandb(dino: Skill) -> None:
    last = metric_files(dino)[-1]
    assert (last.pattern, last.last_resort, last.grows) == (WANDB_SUMMARY, True, False)
    assert read(last.open(0, 3), {"val_mAP50": 0.5, "_step": 7}) == [Reading(3, {"val_mAP50": 0.5})]


def test_metrics_of_the_log_have_no_file() -> None:
    assert declared(toy(MetricSource(), MetricSource(kind="log_pattern", pattern="x"))) == []


def test_a_file_is_declared_once_however_many_metrics_it_has() -> None:
    place = {"kind": "file", "path": "out/metrics.json"}
    top_1, plain = MetricSource(**place, key="top-1"), MetricSource(**place)
    skill = toy(top_1, plain, MetricSource(kind="file", path="m.jsonl"), top_1)
    assert [(source.pattern, source.grows) for source in declared(skill)] == [
        ("out/metrics.json", False),
        ("m.jsonl", True),
    ]
    reader = declared(skill)[0].open(0, 4)
    assert read(reader, {"top-1": 0.5, "m1": 2}) == [Reading(4, {"m0": 0.5, "m3": 0.5, "top-1": 0.5, "m1": 2.0})]


def test_a_metric_with_the_skills_own_name_comes_first() -> None:
    (source,) = declared(toy(MetricSource(kind="status_json", path="train/status.json", key="bbox")))
    assert source.pattern == "train/status.json"
    record = {"epoch": 1, "kpi": {"m0": 0.5, "bbox": 0.25}}
    assert read(source.open(0, 4), record) == [Reading(1, {"m0": 0.5, "bbox": 0.25})]


MAP50 = Objective(metric="test_mAP50", direction=Direction.MAXIMIZE)


@pytest.mark.parametrize(
    ("objective", "measured"),
    [
        (Objective(metric="val_mAP50", direction=Direction.MAXIMIZE), ["test_mAP50", "val_mAP50"]),
        (Objective(metric="val_loss", direction=Direction.MINIMIZE), ["val_loss", "test_mAP50"]),
        (Objective(metric="f", formula="val_mAP - 2", direction=Direction.MAXIMIZE), ["f", "test_mAP50"]),
        (MAP50, ["test_mAP50"]),
    ],
)
def test_an_evaluation_has_a_metric_of_its_own(dino: Skill, objective: Objective, measured: list[str]) -> None:
    answers = evaluation_objectives(dino, "train", objective)
    assert [answer.metric for answer in answers] == measured
    assert set(answers) == {objective, MAP50}, "its direction is the skill's word"


def test_without_one_it_is_the_objective() -> None:
    objective = Objective(metric="m0", direction=Direction.MAXIMIZE)
    assert evaluation_objectives(toy(MetricSource()), "train", objective) == (objective,)
