"""A run over a dataset whose shards the workers of a cluster do, each as one process would."""

from __future__ import annotations

import os
import pickle
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import cached_property
from typing import TYPE_CHECKING, Any, Self, TypeVar

from vitonnx.dataset import Dataset, Shard
from vitonnx.engine import Survey
from vitonnx.errors import VitonnxError
from vitonnx.ray._connect import connected, room
from vitonnx.ray._model import Model, described
from vitonnx.ray._parcel import packed
from vitonnx.ray._task import CountShard, Task, WriteShard
from vitonnx.ray._witness import witness
from vitonnx.ray._worker import Answer, Job, Worker

if TYPE_CHECKING:
    from vitonnx.engine import Engine
    from vitonnx.runs import RowRun, Run

__all__ = ["Cluster"]

Item = TypeVar("Item")
Found = TypeVar("Found")

OF_NVIDIA = ("cuda", "tensorrt")  # devices that Ray counts as GPUs
RETRIES = 5  # of a shard whose worker dies each time


@dataclass(frozen=True, eq=False)
class Cluster:
    """A cluster of Ray. Its scheduler hands out the shards, and repeats those that are lost.

    Parameters
    ----------
    words : sequence of str
        Models, each by the word that it was found by.
    engines : mapping of str to Engine
        These, by their names, opened here: each worker opens its own in the same way. An engine's
        threads are the CPUs that a worker takes.
    say : callable
        Called with a sentence worth knowing.
    """

    words: Sequence[str]
    engines: Mapping[str, Engine]
    say: Callable[[str], None]

    @classmethod
    @contextmanager
    def at(
        cls,
        address: str,
        words: Sequence[str],
        engines: Mapping[str, Engine],
        say: Callable[[str], None],
    ) -> Iterator[Self]:
        """Connect to a cluster, or start one, for as long as the block runs: see `connected`."""
        with connected(address):
            yield cls(words, engines, say)

    def count(self, run: Run, surveys: Sequence[Survey]) -> Iterator[Survey]:
        """Go through the pictures as `Run.go` does; gives the survey at hand after every shard."""
        for each, found in run.one_by_one(surveys):
            yield from self._count(each, found)

    def write(self, run: RowRun, shards: Sequence[int]) -> Iterator[int]:
        """Write the files of shards; gives the number of each that is done."""
        task = WriteShard(run.writer, run.place, run.place.read_bytes())
        left = {number: (run.dataset.shards[number], run.files[number]) for number in shards}
        for number, _ in self._answers(task, left, run.question.engine):
            yield number

    def _count(self, run: Run, found: Survey) -> Iterator[Survey]:
        (each,) = run.passes()
        shards = run.dataset.shards
        left: dict[int, tuple[Shard, Survey | None]] = {
            number: (shards[number], None) for number in range(found.shard, len(shards))
        }
        if found.position:
            begun = Survey(position=found.position, own=found.own)
            left[found.shard] = shards[found.shard], begun
        task = CountShard(replace(run, dataset=Dataset([])))
        early: dict[int, Survey] = {}
        for number, own in self._answers(task, left, *run.engines.values()):
            if not run.dataset.is_listed:  # as a shard alone may be
                own.crops.clear()
            early[number] = own
            while found.shard in early:
                found.add(early.pop(found.shard), each.probe.nothing(each.layout))
                yield found

    def _answers(
        self, task: Task[Item, Found], left: Mapping[int, tuple[Shard, Item]], *engines: Engine
    ) -> Iterator[tuple[int, Found]]:
        """Give what comes of each shard, in whatever order they are done."""
        if not left:
            return
        import ray

        threads = [engine.threads or 1 for engine in engines]
        on_gpu = any(engine.device.partition(":")[0] in OF_NVIDIA for engine in engines)
        cpus, gpus = max(threads), int(on_gpu)
        actors = room(len(left), cpus, gpus)
        self.say(f"shards: {len(left)}; workers: {actors} (CPUs of each: {cpus}; GPUs: {gpus}).")
        items = [
            {"number": number, "item": pickle.dumps((shard, witness(shard), rest))}
            for number, (shard, rest) in left.items()
        ]
        rows = ray.data.from_items(items, override_num_blocks=len(items)).map_batches(
            Worker,
            fn_constructor_args=(self._job(task, engines),),
            batch_size=1,
            compute=ray.data.ActorPoolStrategy(size=actors, max_tasks_in_flight_per_actor=1),
            num_cpus=cpus,
            num_gpus=gpus,
            max_task_retries=RETRIES,  # by default, for ever
        )
        batches = iter(rows.iter_batches(batch_size=None, prefetch_batches=0))
        while (batch := _next(batches)) is not None:
            for number, content in zip(batch["number"], batch["answer"], strict=True):
                answer: Answer = pickle.loads(content)
                for notice in answer.notices:
                    self.say(notice)
                if answer.error is not None:
                    raise answer.error
                yield int(number), answer.found

    def _job(self, task: Any, engines: Sequence[Engine]) -> Job:
        own = {name: engine for name, engine in self.engines.items() if engine in engines}
        models = {name: self._models[name] for name in own}
        return Job(os.getcwd(), models, described(list(own.values())), packed(task, own))  # noqa: PTH109

    @cached_property
    def _models(self) -> dict[str, Model]:
        found = zip(self.words, self.engines.items(), strict=True)
        return {name: Model.of(word, engine) for word, (name, engine) in found}


def _next(batches: Iterator[dict[str, Any]]) -> dict[str, Any] | None:
    """Wait for what is done next; None at the end."""
    from ray.exceptions import RayActorError, RayError

    try:
        return next(batches, None)
    except RayActorError as error:
        raise VitonnxError(
            f"{RETRIES + 1} workers that had the same shard have died, one after the other, as "
            "they do where memory runs out: leave each of them more of its node with --threads N, "
            "or see Ray's logs."
        ) from error
    except RayError as error:
        raise VitonnxError(
            f"the work failed on the cluster ({_last_line(error)}): is the same vitonnx installed "
            "on all nodes?"
        ) from error


def _last_line(error: Exception) -> str:
    """Give what a worker raised, of a traceback and what Ray says of it."""
    lines = str(error).strip().splitlines()
    raised = [line for line in lines if re.match(r"[\w.]+(Error|Exception): ", line)]
    return (raised or lines or [type(error).__name__])[0]
