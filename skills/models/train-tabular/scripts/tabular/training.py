"""The epoch loop: train, validate, save, report; new or from a checkpoint."""

import time
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from tabular import checkpoint
from tabular.checkpoint import Trained
from tabular.data import TrainingData, TrainingTables, build_matrices, load_tables
from tabular.faults import Diverged, UserFault
from tabular.inference import predict_matrix
from tabular.learners import Rows, Setup, advance, balanced_weights, limited_threads, new_estimator, thread_count
from tabular.scoring import emit, loss_name, score
from tabular.spec import Spec, Value
from tabular.target import Target

_IRRELEVANT = {"train_path", "val_path", "eval_path", "predict_path"}


@dataclass(frozen=True, kw_only=True)
class Session:
    """One training run: what does not change from epoch to epoch."""

    spec: Spec
    data: TrainingData
    setup: Setup
    rows: Rows

    def folder(self) -> Path:
        return Path(self.spec.text("results_dir")) / "checkpoints"

    def path(self, epoch: int) -> Path:
        return self.folder() / f"epoch_{epoch}.ckpt"


def configuration(spec: Spec) -> dict[str, Value]:
    """The settings that decide the outcome: not paths (the data's digest stands for them), threads or epochs."""
    chosen = spec.active("dataset", "preprocess", "model")
    kept = {name: value for name, value in chosen.items() if name.split(".")[1] not in _IRRELEVANT}
    return {**kept, "train.seed": spec.integer("train.seed")}


def train(spec: Spec) -> None:
    """Run the train action. Raises UserFault or Diverged."""
    tables = load_tables(spec)
    print(f"task: {tables.target.task} ({tables.reason})", flush=True)
    with limited_threads(spec.threads()):
        session = _open_session(spec, tables)
        trained = _start(session)
        last = spec.integer("train.num_epochs")
        if trained.epoch == last:
            checkpoint.save(session.path(last), trained)
            emit(last, trained.metrics)
        else:
            _run(session, trained, last)


def _open_session(spec: Spec, tables: TrainingTables) -> Session:
    data = build_matrices(tables, spec)
    target = _scaled_target(spec, data)
    data = replace(data, target=target)
    setup = Setup(
        kind=spec.text("model.kind"),
        classes=len(target.classes),
        settings=spec.active("model"),
        seed=spec.integer("train.seed"),
        threads=thread_count(spec.threads()),
        categorical=data.features.categorical,
    )
    print(
        f"data: {len(data.y_train)} training rows, {len(data.y_validation)} validation rows, "
        f"{len(data.features.columns)} columns as {data.x_train.shape[1]} numbers",
        flush=True,
    )
    y = (data.y_train - target.center) / target.scale
    return Session(spec=spec, data=data, setup=setup, rows=Rows(x=data.x_train, y=y, weights=_weights(spec, data)))


def _scaled_target(spec: Spec, data: TrainingData) -> Target:
    """Networks learn a quantity badly unless it is near 0 and 1; the other families do not care."""
    wanted = spec.is_active("preprocess.scale_target") and spec.flag("preprocess.scale_target")
    if data.target.is_classification or not wanted:
        return data.target
    return replace(data.target, center=float(data.y_train.mean()), scale=float(data.y_train.std()) or 1.0)


def _weights(spec: Spec, data: TrainingData) -> NDArray[np.float64] | None:
    if spec.text("model.class_weight") == "none":
        return None
    if not data.target.is_classification:
        raise UserFault("model.class_weight: balanced needs a classification task", "set model.class_weight: none")
    return balanced_weights(data.y_train, len(data.target.classes))


def _start(session: Session) -> Trained:
    """The state to go on from: that of `train.resume_from`, else an estimator with 0 epochs."""
    path = session.spec.path("train.resume_from")
    if path is not None:
        return _resumed(session, checkpoint.load(path, "train.resume_from"))
    data = session.data
    return Trained(
        epoch=0,
        configuration=configuration(session.spec),
        data_sha256=data.sha256(),
        rows={"train": len(data.y_train), "validation": len(data.y_validation)},
        features=data.features,
        target=data.target,
        metrics={},
        estimator=new_estimator(session.setup),
    )


def _resumed(session: Session, trained: Trained) -> Trained:
    last, now = session.spec.integer("train.num_epochs"), configuration(session.spec)
    then = trained.configuration
    if trained.epoch > last:
        message = f"train.resume_from: the checkpoint has {trained.epoch} epochs, train.num_epochs is only {last}"
        raise UserFault(message, "raise train.num_epochs, or start without train.resume_from")
    changed = [name for name in sorted({*then, *now}) if then.get(name) != now.get(name)]
    if changed:
        name = changed[0]
        message = f"train.resume_from: trained with {name} = {then.get(name)!r}, the spec says {now.get(name)!r}"
        raise UserFault(message, "a checkpoint can be resumed only with the configuration that wrote it")
    if trained.data_sha256 != session.data.sha256():
        raise UserFault("train.resume_from: the checkpoint was trained on other data", "give the same tables")
    print(f"resumed at epoch {trained.epoch}", flush=True)
    return trained


def _run(session: Session, trained: Trained, last: int) -> None:
    every = session.spec.integer("train.checkpoint_every")
    written: Path | None = None
    for epoch in range(trained.epoch + 1, last + 1):
        trained = _one_epoch(session, trained, epoch)
        if epoch % every == 0 or epoch == last:
            checkpoint.save(session.path(epoch), trained)
            if written is not None:
                written.unlink(missing_ok=True)
            written = session.path(epoch)
        emit(epoch, trained.metrics)


def _one_epoch(session: Session, trained: Trained, epoch: int) -> Trained:
    began = time.perf_counter()
    advance(trained.estimator, session.setup, session.rows, epoch)
    data, target = session.data, session.data.target
    predicted = predict_matrix(trained.estimator, target, data.x_validation)
    if not np.isfinite(predicted).all():
        raise Diverged(epoch)
    metrics = score(target.is_classification, data.y_validation, predicted)
    if metrics[loss_name(target.is_classification)] is None:
        raise Diverged(epoch)
    return replace(trained, epoch=epoch, metrics={**metrics, "seconds": round(time.perf_counter() - began, 6)})
