"""Examples as sequences: packing, the order of a pass, and tensors for a model."""

from __future__ import annotations

import bisect
import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache

import torch
from torch import Tensor

from causal_lm.dice import permutation
from causal_lm.encoding import Example

Sequence_ = tuple[Example, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Batch:
    """Sequences side by side, padded at the end.

    `segments` (rows, length): 1, 2, … for the examples of a sequence, 0 for padding. `predicts` marks the positions
    whose next token is an answer token of the same example.
    """

    ids: Tensor
    positions: Tensor
    segments: Tensor
    predicts: Tensor

    def to(self, device: torch.device) -> Batch:
        return Batch(**{name: getattr(self, name).to(device, non_blocking=True) for name in self.__dataclass_fields__})

    @property
    def labels(self) -> Tensor:
        """The answer tokens, in the order of the marked positions."""
        return self.ids[:, 1:][self.predicts[:, :-1]]

    def attention_mask(self, dtype: torch.dtype) -> Tensor:
        """(rows, length) of 0 and 1; (rows, 1, length, length) to be added where sequences hold several examples.

        The second form keeps the examples of a sequence apart: packed or not, they have the same loss.
        """
        if int(self.segments.max()) <= 1:
            return (self.segments > 0).long()
        length = self.ids.shape[1]
        same = self.segments[:, :, None] == self.segments[:, None, :]
        seen = torch.ones(length, length, dtype=torch.bool, device=self.ids.device).tril() & same
        return torch.zeros(seen.shape, dtype=dtype, device=seen.device).masked_fill(~seen, torch.finfo(dtype).min)[
            :, None
        ]


def pack(examples: Sequence[Example], max_length: int) -> list[Sequence_]:
    """Best fit, longest first: each example goes where it leaves the least room."""
    rooms: list[tuple[int, int]] = []  # (tokens free, number of the sequence), sorted
    packed: list[list[Example]] = []
    for example in sorted(examples, key=lambda e: -len(e.ids)):
        found = bisect.bisect_left(rooms, (len(example.ids), -1))
        if found == len(rooms):
            room, number = max_length, len(packed)
            packed.append([])
        else:
            room, number = rooms.pop(found)
        packed[number].append(example)
        if room > len(example.ids):
            bisect.insort(rooms, (room - len(example.ids), number))
    return [tuple(sequence) for sequence in packed]


def batch_of(sequences: Sequence[Sequence_], batch_size: int, *, seed: int, epoch: int, step: int) -> list[Sequence_]:
    """The sequences of a step. Every pass takes all of them once, in an order of its own."""
    order = _order(len(sequences), seed, epoch)
    return [sequences[i] for i in order[step * batch_size : (step + 1) * batch_size].tolist()]


@lru_cache(maxsize=1)
def _order(count: int, seed: int, epoch: int) -> Tensor:
    return permutation(count, seed, "order", epoch)


def share(batch: Sequence[Sequence_], rank: int, size: int, most: int) -> list[list[Sequence_]]:
    """What one of several processes computes of a batch, in parts of at most `most` sequences of similar length.

    All processes get the same number of parts; empty ones at the end where the batch does not go round.
    """
    mine = sorted(batch[rank::size], key=length_of, reverse=True)
    rounds = math.ceil(len(batch[::size]) / most)  # the first process has most
    return [mine[i * most : (i + 1) * most] for i in range(rounds)]


def length_of(sequence: Sequence_) -> int:
    return sum(len(example.ids) for example in sequence)


def targets_of(batch: Sequence[Sequence_]) -> int:
    return sum(example.targets for sequence in batch for example in sequence)


def collate(sequences: Sequence[Sequence_], padding: int) -> Batch:
    shape = (len(sequences), max(length_of(sequence) for sequence in sequences))
    ids = torch.full(shape, padding, dtype=torch.long)
    positions, segments = torch.zeros(shape, dtype=torch.long), torch.zeros(shape, dtype=torch.long)
    predicts = torch.zeros(shape, dtype=torch.bool)
    for row, sequence in enumerate(sequences):
        begin = 0
        for number, example in enumerate(sequence, start=1):
            end = begin + len(example.ids)
            ids[row, begin:end] = torch.from_numpy(example.ids)
            positions[row, begin:end] = torch.arange(end - begin)
            segments[row, begin:end] = number
            predicts[row, begin + max(1, example.prompt_length) - 1 : end - 1] = True
            begin = end
    return Batch(ids=ids, positions=positions, segments=segments, predicts=predicts)
