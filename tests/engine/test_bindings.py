"""Bound inputs and outputs, for devices with memory of their own; here in the processor's."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from threading import Barrier
from typing import Any

import numpy as np
import pytest

import vitonnx as vx
from vitonnx.engine._pixels import IN_FLIGHT, Bindings, as_they_lie
from vitonnx.engine._session import Session
from vitonnx.engine.devices import Device
from vitonnx.errors import VitonnxError

Exported = Callable[[str], Path]

NAMES = ("logits", "block_01/attention")


@pytest.fixture
def engine(exported: Exported) -> vx.Engine:
    return vx.Engine(exported("plain"), device="cpu", in_graph=True)


def bound(session: Session) -> Session:
    """Have a session bind what it runs, as it does on a device with memory of its own."""
    return replace(session, bindings=Bindings(session.session, Device("cpu")))


def noise(batch: int, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).integers(0, 256, (batch, 40, 56, 3), np.uint8)


class Foreign:
    """An array that is not NumPy's, as far as anybody can see."""

    def __init__(self, array: np.ndarray) -> None:
        self.array = array
        self.given: list[int] = []

    def __dlpack__(self, *, stream: Any = None) -> Any:
        self.given.append(len(self.array))
        return self.array.__dlpack__()

    def __dlpack_device__(self) -> tuple[int, int]:
        return self.array.__dlpack_device__()

    @property
    def shape(self) -> tuple[int, ...]:
        return self.array.shape

    @property
    def dtype(self) -> Any:
        return self.array.dtype


def test_bindings_give_what_the_runtime_gives(engine: vx.Engine) -> None:
    plain = engine._open((), engine.outputs)
    over = bound(plain)
    # Of growing, shrinking and equal sizes: a buffer is used again only where it fits.
    for seed, batch in enumerate((2, 5, 5, 1, 5)):
        expected, found = (each.run(noise(batch, seed), NAMES) for each in (plain, over))
        for name in NAMES:
            np.testing.assert_array_equal(found[name], expected[name])


def test_what_a_batch_gave_stays_when_the_next_one_runs(engine: vx.Engine) -> None:
    over = bound(engine._open((), engine.outputs))
    first = over.run(noise(3, seed=1), NAMES)
    kept = {name: array.copy() for name, array in first.items()}
    over.run(noise(3, seed=2), NAMES)
    for name in NAMES:
        np.testing.assert_array_equal(first[name], kept[name])


def test_buffers_and_bindings_are_used_again(engine: vx.Engine) -> None:
    session = bound(engine._open((), engine.outputs))
    bindings = session.bindings
    assert bindings is not None
    session.run(noise(3), NAMES)
    (binding,) = bindings._free
    pointer = binding.buffers["images"].data_ptr()
    session.run(noise(3, seed=1), NAMES)
    assert list(bindings._free) == [binding]
    assert binding.buffers["images"].data_ptr() == pointer
    with pytest.raises(VitonnxError, match="onnxruntime can't run"):
        session.run(noise(3)[:, :7], NAMES)
    assert list(bindings._free) == [binding]  # a batch that fails leaves it to the next one


def test_what_is_on_the_device_is_used_where_it_lies(engine: vx.Engine) -> None:
    plain = engine._open((), engine.outputs)
    over = bound(plain)
    tensor = Foreign(noise(3))
    found = over.run(as_they_lie(tensor), NAMES)
    assert tensor.given == [3]
    assert over.bindings is not None
    assert over.bindings._free[0].buffers == {}  # no copy of it was made
    np.testing.assert_array_equal(found["logits"], plain.run(noise(3), NAMES)["logits"])
    # What is written into it is what the next run sees.
    tensor.array[:] = noise(3, seed=1)
    assert np.any(over.run(as_they_lie(tensor), NAMES)["logits"] != found["logits"])


def test_a_part_of_what_is_on_the_device_is_a_place_in_it() -> None:
    array = noise(7)
    part = as_they_lie(Foreign(array))[2:6][1:]
    assert (len(part), part.shape) == (3, (3, 40, 56, 3))
    assert part.pointer == array[3:].__array_interface__["data"][0]
    assert len(as_they_lie(Foreign(array))[5:11]) == 2


def test_a_batch_on_the_device_is_halved_where_memory_is_short(engine: vx.Engine) -> None:
    over = bound(engine._open((), engine.outputs))
    over.fits = 2
    found = over.run(as_they_lie(Foreign(noise(5))), NAMES)["logits"]
    # Other batch sizes take other kernels.
    expected = engine.run_pixels(noise(5), ["logits"])["logits"]
    np.testing.assert_allclose(found, expected, atol=2e-5)


def test_ready_pictures_on_the_device_are_two_batches_in_flight(
    engine: vx.Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    pixels = noise(37)
    expected = engine.probe_pixels(pixels, vx.Heads())
    opened = engine._sessions.opened
    (plan,) = (plan for plan in opened if plan)
    over = opened[plan] = bound(opened[plan])
    together, run = Barrier(IN_FLIGHT), over._run

    def meeting(*args: Any) -> dict[str, np.ndarray]:
        if len(args[0]) == 8:  # the first four batches, of five, come in pairs
            together.wait(timeout=60)
        return run(*args)

    monkeypatch.setattr(over, "_run", meeting)
    found = list(engine._results_of(as_they_lie(Foreign(pixels)), vx.Heads()))
    for one, other in zip(found, expected, strict=True):
        np.testing.assert_array_equal(one.only.attention, other.attention)


def test_several_threads_have_bindings_of_their_own(engine: vx.Engine) -> None:
    plain = engine._open((), engine.outputs)
    over = bound(plain)
    with ThreadPoolExecutor(4) as pool:
        answers = list(pool.map(lambda seed: over.run(noise(2, seed), NAMES), range(24)))
    for seed, found in enumerate(answers):
        expected = plain.run(noise(2, seed), NAMES)
        np.testing.assert_array_equal(found["block_01/attention"], expected["block_01/attention"])


def test_a_stream_with_two_batches_in_flight(
    engine: vx.Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    pictures = [np.random.default_rng(n).integers(0, 256, (47, 61, 3), np.uint8) for n in range(37)]
    probes: list[vx.probes.Probe[Any]] = [vx.Heads(query=(20, 30)), vx.Rollout()]
    expected = list(engine.stream(pictures, probes))
    opened = engine._sessions.opened
    (plan, session), *_ = ((plan, session) for plan, session in opened.items() if plan)
    assert session.in_flight == 1
    opened[plan] = bound(session)
    assert opened[plan].in_flight == 2
    taken = 0

    def counted() -> Iterator[np.ndarray]:
        nonlocal taken
        for picture in pictures:
            taken += 1
            yield picture

    stream = engine.stream(counted(), probes)
    found = [next(stream)]
    assert taken < len(pictures) + 1
    found += stream
    assert [result.file for result in found] == [f"picture {n}" for n in range(37)]
    for one, other in zip(found, expected, strict=True):
        np.testing.assert_array_equal(one["heads"].attention, other["heads"].attention)
        np.testing.assert_array_equal(one["rollout"].rollout, other["rollout"].rollout)
