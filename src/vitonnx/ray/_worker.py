"""The actor: it opens the models once, and does one shard after the other."""

from __future__ import annotations

import os
import pickle
import socket
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np

from vitonnx.errors import UsageError, VitonnxError
from vitonnx.ray._model import Model, described
from vitonnx.ray._parcel import unpacked
from vitonnx.ray._witness import check_witness

if TYPE_CHECKING:
    from vitonnx.engine import Engine
    from vitonnx.ray._task import Task

__all__ = ["Answer", "Job", "Worker"]

# What is the user's to mend, and is said like in one process; all else is a fault of ours.
TOLD = (VitonnxError, OSError, MemoryError)


@dataclass(frozen=True)
class Job:
    """What all workers of a run are given.

    Parameters
    ----------
    folder : str
        The one that relative paths start from.
    models : mapping of str to Model
    described : mapping of str to str or int
        What `described` says of the models where the command runs.
    task : bytes
        `packed`, without the models.
    """

    folder: str
    models: Mapping[str, Model]
    described: Mapping[str, str | int]
    task: bytes


@dataclass(frozen=True)
class Answer:
    """What came of a shard.

    Parameters
    ----------
    found : object
        What its task gave.
    error : Exception or None
        Why there is nothing. It travels as a result, since Ray would repeat it, or wrap it.
    notices : sequence of str
        What is to be said of its pictures.
    """

    found: Any
    error: Exception | None
    notices: Sequence[str] = field(default_factory=list)


class Worker:
    """A function of batches of one row, for Ray Data's ``map_batches``."""

    def __init__(self, job: Job) -> None:
        self._job = job
        self._notices: list[str] = []
        with suppress(OSError):  # a file that isn't seen from elsewhere is refused by its name
            os.chdir(job.folder)

    def __call__(self, batch: Mapping[str, Any]) -> dict[str, Any]:
        """Do the shard of a row, and answer, also where that fails."""
        (item,) = batch["item"]
        try:
            shard, seen, rest = pickle.loads(item)
            check_witness(shard, seen)
            answer = Answer(self._task.do(shard, rest), None, self._notices)
        except TOLD as error:
            answer = Answer(None, error, self._notices)
        self._notices = []
        content = np.empty(1, object)
        content[0] = pickle.dumps(answer)
        return {"number": batch["number"], "answer": content}

    @cached_property
    def _task(self) -> Task[Any, Any]:
        engines = {name: each.open(self._note) for name, each in self._job.models.items()}
        self._compare(list(engines.values()))
        task: Task[Any, Any] = unpacked(self._job.task, engines)
        return task

    def _note(self, notice: str) -> None:
        self._notices.append(notice)

    def _compare(self, engines: Sequence[Engine]) -> None:
        """Refuse to go on where results would be others than where the command runs."""
        own = described(engines)
        for name, value in self._job.described.items():
            if own.get(name) != value:
                raise UsageError(
                    f"{name} is {own.get(name)} on the node {socket.gethostname()}, and {value} "
                    "where the command runs: install the same versions on all nodes, and give a "
                    "model that all see."
                )
