"""Which of a job's files is its newest checkpoint: one resolver for every platform."""

import re
from pathlib import PurePosixPath

from tao_automl.bank.declarations import CheckpointDeclaration
from tao_automl.domain.job import JobOutputs, OutputFile


def latest_checkpoint(outputs: JobOutputs, declared: CheckpointDeclaration | None) -> str | None:
    """The matching file of the highest epoch, relative to the results folder, or None.

    The pattern matches at any depth. Files whose name tells no epoch rank by their time of change, below those that
    do.
    """
    if declared is None:
        return None
    epoch_from = re.compile(declared.epoch_from) if declared.epoch_from else None
    newest = max(_matching(outputs, declared), key=lambda file: _rank(file, epoch_from), default=None)
    return newest.path if newest else None


def all_checkpoints(outputs: JobOutputs, declared: CheckpointDeclaration | None) -> list[str]:
    """All matching files, relative to the results folder."""
    return [file.path for file in _matching(outputs, declared)] if declared else []


def _matching(outputs: JobOutputs, declared: CheckpointDeclaration) -> list[OutputFile]:
    return [file for file in outputs.files if file.size and PurePosixPath(file.path).match(declared.pattern)]


def _rank(file: OutputFile, epoch_from: re.Pattern[str] | None) -> tuple[int, float, str]:
    found = epoch_from.search(PurePosixPath(file.path).name) if epoch_from else None
    epoch = int(found.group(1)) if found and found.group(1).isdecimal() else -1
    return epoch, file.modified_at, file.path
