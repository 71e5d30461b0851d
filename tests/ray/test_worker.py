"""A worker, as Ray calls it, in this process; and what it refuses where nodes aren't alike."""

from __future__ import annotations

import os
import pickle
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import vitonnx as vx
from dataset.kept import drawn, write_folder, write_tars
from vitonnx.dataset import Dataset, open_dataset
from vitonnx.engine import Engine, Survey
from vitonnx.errors import DataError, UsageError
from vitonnx.ray._model import Model, described
from vitonnx.ray._parcel import packed, unpacked
from vitonnx.ray._task import CountShard, WriteShard
from vitonnx.ray._witness import witness
from vitonnx.ray._worker import Answer, Job, Worker
from vitonnx.runs import EmbeddingRows, RowRun, TotalRun

pytest.importorskip("pyarrow")

SIZES = (7, 3, 11)


@pytest.fixture
def engine(exported: Callable[[str], Path]) -> Any:
    with Engine(exported("registers"), device="cpu", threads=1) as opened:
        yield opened


@pytest.fixture
def birds(desk: Path) -> Dataset:
    write_tars(desk / "birds", drawn(sum(SIZES)), SIZES)
    return open_dataset(["birds/*.tar"])


def job_of(task: Any, engine: Engine) -> Job:
    own = {"birds": engine}
    models = {"birds": Model.of(str(engine.file), engine)}
    return Job(os.getcwd(), models, described([engine]), packed(task, own))  # noqa: PTH109


def answer(worker: Worker, *item: Any) -> Answer:
    content = np.empty(1, object)
    content[0] = pickle.dumps(item)
    found = worker({"number": np.array([5]), "item": content})
    assert found["number"] == [5]
    answer = pickle.loads(found["answer"][0])
    assert isinstance(answer, Answer)
    return answer


def test_shards_that_are_counted_apart_come_to_the_same_bits(
    engine: Engine, birds: Dataset
) -> None:
    run = TotalRun(engines={"birds": engine}, dataset=birds, probe=vx.Distance())
    (whole,) = surveys = run.begin()
    for _ in run.go(surveys):
        pass
    (found,) = run.begin()
    ((own, _),) = run.one_by_one([found])
    worker = Worker(job_of(CountShard(replace(own, dataset=Dataset([]))), engine))
    for shard in birds.shards:
        given = answer(worker, shard, witness(shard), None)
        assert given.error is None
        found.add(given.found, run.probe.nothing(engine.layout))
    assert (found.pictures, found.shard) == (sum(SIZES), len(SIZES))
    for name, part in whole.summary.parts().items():
        np.testing.assert_array_equal(found.summary.parts()[name], part)


def test_a_shard_that_was_begun_is_gone_on_with(engine: Engine, birds: Dataset) -> None:
    run = TotalRun(engines={"birds": engine}, dataset=birds.part(2, 3), probe=vx.Distance())
    (whole,) = run.begin()
    steps = run.go([whole])
    next(steps)
    assert 0 < whole.position < SIZES[2]
    begun = Survey(position=whole.position, own=whole.own)
    nothing = run.probe.nothing(engine.layout)
    task = CountShard(replace(run, dataset=Dataset([])))
    found = answer(Worker(job_of(task, engine)), birds.shards[2], None, begun).found
    for _ in steps:
        pass
    assert found.position == whole.position
    np.testing.assert_array_equal(found.summary.mean, whole.summary.mean)
    # What was done isn't done again, whatever it came to.
    left = answer(Worker(job_of(task, engine)), birds.shards[2], None, replace(begun, own=nothing))
    assert left.found.summary.count == SIZES[2] - begun.position


def test_a_worker_writes_what_one_process_writes(engine: Engine, birds: Dataset) -> None:
    question = EmbeddingRows(engine=engine)
    one = RowRun(question=question, dataset=birds, folder=Path("one"))
    many = RowRun(question=question, dataset=birds, folder=Path("many"))
    for run in (one, many):
        run.begin()
    for number in range(3):
        list(one.write(number))
    task = WriteShard(many.writer, many.place, many.place.read_bytes())
    worker = Worker(job_of(task, engine))
    for number, shard in enumerate(birds.shards):
        assert answer(worker, shard, witness(shard), many.files[number]).error is None
    for path in one.files:
        assert (many.folder / path.name).read_bytes() == path.read_bytes()


def test_a_node_with_another_folder_of_that_name_is_refused(engine: Engine, birds: Dataset) -> None:
    run = RowRun(question=EmbeddingRows(engine=engine), dataset=birds, folder=Path("out"))
    run.begin()
    task = WriteShard(run.writer, run.place, run.place.read_bytes())
    worker = Worker(job_of(task, engine))
    for wrong in (lambda: run.place.write_text("{}"), run.place.unlink, run.folder.rmdir):
        wrong()
        refused = answer(worker, birds.shards[0], None, run.files[0]).error
        assert isinstance(refused, UsageError)
        assert "can't write to out" in str(refused)
        assert not run.files[0].exists()


@pytest.mark.parametrize("kind", ["tar", "folder"])
def test_a_node_that_does_not_see_the_pictures_is_refused(
    kind: str, engine: Engine, birds: Dataset, desk: Path
) -> None:
    if kind == "folder":
        write_folder(desk / "open", drawn(3))
        birds = open_dataset(["open"])
    (shard, *_) = birds.shards
    seen = witness(shard)
    assert seen is not None
    Path(seen).unlink()
    run = TotalRun(engines={"birds": engine}, dataset=birds, probe=vx.Distance())
    refused = answer(Worker(job_of(CountShard(run), engine)), shard, seen, None).error
    assert isinstance(refused, DataError)
    assert f"doesn't see {seen}" in str(refused)


def test_what_is_nowhere_is_a_bad_picture_as_ever(engine: Engine, desk: Path) -> None:
    (desk / "list.txt").write_text("a.png\nb.png\n")
    dataset = open_dataset(["list.txt"])
    assert witness(dataset.shards[0]) is None
    run = TotalRun(engines={"birds": engine}, dataset=dataset, probe=vx.Distance())
    found = answer(Worker(job_of(CountShard(run), engine)), dataset.shards[0], None, None).found
    assert list(found.skipped) == ["a.png", "b.png"]


@pytest.mark.parametrize("what", ["numpy", "model 1's hash", "the code"])
def test_a_node_that_would_find_other_numbers_is_refused(
    what: str, engine: Engine, birds: Dataset
) -> None:
    run = TotalRun(engines={"birds": engine}, dataset=birds, probe=vx.Distance())
    job = job_of(CountShard(run), engine)
    assert what in job.described
    other = replace(job, described={**job.described, what: "another"})
    refused = answer(Worker(other), birds.shards[0], None, None).error
    assert isinstance(refused, UsageError)
    assert str(refused).startswith(f"{what} is ")


def test_notices_come_with_the_answer_of_their_shard(engine: Engine, birds: Dataset) -> None:
    run = TotalRun(engines={"birds": engine}, dataset=birds, probe=vx.Distance())
    worker = Worker(job_of(CountShard(run), engine))
    worker._note("a huge one")
    assert answer(worker, birds.shards[0], None, None).notices == ["a huge one"]
    assert not answer(worker, birds.shards[1], None, None).notices


def test_models_do_not_travel(engine: Engine) -> None:
    content = packed([engine, 5], {"birds": engine})
    assert len(content) < 100
    assert unpacked(content, {"birds": "theirs"}) == ["theirs", 5]
    assert Model.of("scenes_dino", engine).word == "scenes_dino"
    relative = Path(os.path.relpath(engine.file))
    with Engine(relative, device="cpu", precision="fp32", size=engine.manifest.size) as other:
        model = Model.of(str(relative), other)
        assert model.word == str(relative.absolute())
        assert model.options["device"] == "cpu"
        with model.open(print) as opened:
            assert described([opened]) == described([other])
