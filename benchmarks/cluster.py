"""Two workers of Ray with a thread each, against one process with two: what a cluster costs.

Run ``python -m benchmarks.cluster`` on two cores. A few shards, and more of them, are embedded in
turns: the difference is the time of the others alone, and the rest is the start.
"""

from __future__ import annotations

import argparse
import os
import tarfile
import tempfile
from collections.abc import Callable
from functools import partial
from pathlib import Path

import numpy as np

from benchmarks.models import model_file
from benchmarks.pictures import picture_files
from benchmarks.timing import interleave
from vitonnx.dataset import Dataset, open_dataset
from vitonnx.engine import Engine
from vitonnx.ray import Cluster
from vitonnx.runs import EmbeddingRows, RowRun

WORKERS = 2
FEW = 2 * WORKERS  # shards


def keep(folder: Path, shards: int, size: int) -> Dataset:
    """Write tars of so many pictures each."""
    files = picture_files(Path(__file__).parent / "pictures", 8)
    for shard in range(shards):
        with tarfile.open(folder / f"{shard:03}.tar", "w") as archive:
            for number in range(size):
                archive.add(files[number % len(files)], f"{shard:03}-{number:04}.jpg")
    return open_dataset([str(folder / "*.tar")])


def embed(engine: Engine, dataset: Dataset, cluster: Cluster | None) -> None:
    with tempfile.TemporaryDirectory() as home:
        run = RowRun(question=EmbeddingRows(engine=engine), dataset=dataset, folder=Path(home))
        run.begin()
        if cluster is not None:
            done = list(cluster.write(run, run.left()))
            assert sorted(done) == list(range(len(dataset.shards)))
            return
        for shard in run.left():
            for _ in run.write(shard):
                pass


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--model", default="S/16")
    parser.add_argument("--shards", type=int, default=8, help="beyond the few")
    parser.add_argument("--pictures", type=int, default=64, help="of a shard")
    parser.add_argument("--rounds", type=int, default=5)
    asked = parser.parse_args()
    os.environ["RAY_USAGE_STATS_ENABLED"] = "0"
    import ray

    # One CPU more than there are workers is left to Ray, whatever the machine has.
    store = 100 * 2**20
    ray.init("local", num_cpus=WORKERS + 1, include_dashboard=False, object_store_memory=store)
    file = model_file(asked.model)
    one = Engine(file, device="cpu", threads=WORKERS)
    alone = Engine(file, device="cpu", threads=1)
    with (
        tempfile.TemporaryDirectory() as home,
        Cluster.at("local", [str(file)], {"model": alone}, lambda _: None) as cluster,
    ):
        many = keep(Path(home), FEW + asked.shards, asked.pictures)
        few = Dataset(many.shards[:FEW])
        subjects: dict[str, Callable[[], object]] = {
            "one process, few": partial(embed, one, few, None),
            "one process, many": partial(embed, one, many, None),
            "workers, few": partial(embed, alone, few, cluster),
            "workers, many": partial(embed, alone, many, cluster),
        }
        times = interleave(subjects, asked.rounds)
    taken = {
        who: np.subtract(times[f"{who}, many"].rounds, times[f"{who}, few"].rounds)
        for who in ("one process", "workers")
    }
    pictures = asked.shards * asked.pictures
    for who, seconds in taken.items():
        rate = pictures / float(np.median(seconds))
        own = times[f"{who}, few"].median - FEW * asked.pictures / rate
        print(f"{who}: {rate:.1f} pictures a second, after {own:.1f} s to start")
    ratios = taken["one process"] / taken["workers"]
    print(
        f"{WORKERS} workers with a thread each: {float(np.median(ratios)):.2f} of one process with "
        f"{WORKERS} threads ({', '.join(f'{each:.2f}' for each in sorted(ratios))})"
    )


if __name__ == "__main__":
    main()
