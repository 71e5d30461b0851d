"""Batches: every picture at most once an epoch, in an order that seed and epoch fix."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import chain

import numpy as np
import pytest
from numpy.typing import NDArray

from vitonnx.models.train._batches import (
    ordered_batches,
    shuffled_batches,
    shuffled_shots,
    steps_per_epoch,
)


class Numbered:
    """A split whose pictures hold their own number, and whose labels tell the epoch."""

    def __init__(self, count: int) -> None:
        self.count = count

    def __len__(self) -> int:
        return self.count

    def read(
        self, indices: Sequence[int], epoch: int
    ) -> tuple[NDArray[np.uint8], NDArray[np.int64]]:
        pictures = np.array(indices, np.uint8)[:, None, None, None] * np.ones((1, 2, 2, 3))
        return pictures.astype(np.uint8), np.full(len(indices), epoch)

    def read_shots(self, indices: Sequence[int], epoch: int) -> NDArray[np.uint8]:
        pictures, _ = self.read(indices, epoch)
        return np.stack([pictures, np.full_like(pictures, epoch)])


class Unlabelled(Numbered):
    """A split whose labels nobody may see."""

    def read(
        self, indices: Sequence[int], epoch: int
    ) -> tuple[NDArray[np.uint8], NDArray[np.int64]]:
        raise AssertionError("labels were read")

    def read_shots(self, indices: Sequence[int], epoch: int) -> NDArray[np.uint8]:
        return Numbered(self.count).read_shots(indices, epoch)


def epoch_of(
    count: int, batch_size: int, epoch: int = 0, seed: int = 0
) -> tuple[list[list[int]], set[int]]:
    """Give the numbers in each batch, and what the split was told of the epoch."""
    batches = [
        (pictures.numpy()[:, 0, 0, 0].tolist(), labels.numpy().tolist())
        for pictures, labels in shuffled_batches(Numbered(count), batch_size, epoch, seed)
    ]
    return [numbers for numbers, _ in batches], {each for _, told in batches for each in told}


@pytest.mark.parametrize(
    ("count", "batch_size", "steps"), [(23, 5, 4), (20, 5, 4), (5, 5, 1), (3, 5, 1), (7, 1, 7)]
)
def test_every_picture_at_most_once(count: int, batch_size: int, steps: int) -> None:
    batches, _ = epoch_of(count, batch_size)
    assert len(batches) == steps == steps_per_epoch(Numbered(count), batch_size)
    assert {len(batch) for batch in batches} == {min(count, batch_size)}
    seen = [number for batch in batches for number in batch]
    assert len(set(seen)) == len(seen)
    assert set(seen) <= set(range(count))


def test_seed_and_epoch_fix_the_order() -> None:
    batches, told = epoch_of(97, 8, epoch=3, seed=5)
    assert told == {3}
    assert batches == epoch_of(97, 8, epoch=3, seed=5)[0]
    assert batches != epoch_of(97, 8, epoch=4, seed=5)[0]
    assert batches != epoch_of(97, 8, epoch=3, seed=6)[0]
    assert batches != epoch_of(97, 8, epoch=5, seed=3)[0]
    assert batches[0] != sorted(batches[0])


def test_another_picture_is_left_out_in_every_epoch() -> None:
    left = [set(range(23)) - set(chain(*epoch_of(23, 5, epoch)[0])) for epoch in range(20)]
    assert {len(each) for each in left} == {3}
    # That none of 20 draws of 3 hits a given one of 23: (20/23)**20 = 6 %; so nearly all are hit.
    assert len(set.union(*left)) > 15


@pytest.mark.parametrize(("count", "batch_size"), [(23, 5), (3, 5)])
def test_shots_come_in_the_same_order_and_without_labels(count: int, batch_size: int) -> None:
    batches = list(shuffled_shots(Unlabelled(count), batch_size, epoch=3, seed=5))
    assert {len(batch) for batch in batches} == {1}
    shots = [batch.numpy() for (batch,) in batches]
    first = min(count, batch_size)
    assert {batch.shape for batch in shots} == {(2, first, 2, 2, 3)}
    assert {batch.dtype for batch in shots} == {np.dtype(np.uint8)}
    expected, _ = epoch_of(count, batch_size, epoch=3, seed=5)
    assert [batch[0, :, 0, 0, 0].tolist() for batch in shots] == expected
    assert {number for batch in shots for number in batch[1].ravel()} == {3}


@pytest.mark.parametrize("at_most", [None, 9, 5, 2, 100])
def test_for_evaluation_all_in_their_order(at_most: int | None) -> None:
    batches = [
        pictures.numpy()[:, 0, 0, 0].tolist()
        for pictures, _ in ordered_batches(Numbered(23), 5, at_most)
    ]
    assert list(chain(*batches)) == list(range(min(23, at_most or 23)))
    assert {len(batch) for batch in batches[:-1]} <= {5}
    assert 0 < len(batches[-1]) <= 5
