"""Commands whose shards a cluster does: the same files, bits and sentences as of one process."""

from __future__ import annotations

import os
import signal
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from dataset.kept import drawn, write_tar, write_tars
from ray_clusters import Node, cluster, command, start, stop_one, until
from vitonnx.errors import UsageError
from vitonnx.ray._connect import connected, room

pytest.importorskip("ray.data", reason="needs the ray extra")
pytest.importorskip("pyarrow")

pytestmark = [
    pytest.mark.cluster,
    pytest.mark.skipif(not Path("/proc/self/stat").exists(), reason="needs Linux's /proc"),
    # Ray's own: files and sockets that it leaves to be collected, and warnings of what will change.
    pytest.mark.filterwarnings("default"),
]

Exported = Callable[[str], Path]
SIZES = (31, 37, 3, 41, 43, 29, 17, 19, 23, 11, 13)  # of tars


@pytest.fixture(scope="module")
def nodes() -> Iterator[Any]:
    """Three nodes."""
    with cluster(2, 2, 1) as made:
        yield made


@pytest.fixture(scope="module")
def birds(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Tars of pictures, of which one is a bad one."""
    folder = tmp_path_factory.mktemp("birds")
    kept = drawn(sum(SIZES), ("class 0", "class 5", "class 10"))
    kept[5] = kept[5]._replace(content=b"cut")
    write_tars(folder, kept, SIZES)
    return folder


def tars(folder: Path) -> str:
    return str(folder / "*.tar")


def files(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.iterdir()}


@pytest.mark.parametrize(
    ("words", "output"),
    [
        (("embed", "registers", "--logits"), "out"),
        (("embed", "registers", "--half"), "out.parquet"),
        (("probe", "rollout", "registers"), "out"),
        (("probe", "pca", "registers"), "out"),
        (("probe", "distance", "registers"), "out.npz"),
        (("probe", "distance", "registers", "--compare", "plain"), "out.json"),
        (("probe", "cka", "registers"), "out.npz"),
        (("probe", "cka", "registers", "--compare", "plain"), "out.json"),
        (("probe", "distance", "registers", "--threads", "2"), "out.json"),
        (
            ("evaluate", "accuracy", "registers", "--precision", "fp32", "--precision", "int8"),
            "x.json",
        ),
    ],
    ids=lambda words: " ".join(words) if isinstance(words, tuple) else words,
)
def test_results_are_those_of_one_process_to_the_bit(
    words: tuple[str, ...],
    output: str,
    nodes: Any,
    birds: Path,
    exported: Exported,
    desk: Path,
) -> None:
    models = {"registers", "plain"}
    given = [str(exported(word)) if word in models else word for word in words]
    threads = () if "--threads" in words else ("--threads", "1")
    (desk / "one").mkdir()
    (desk / "many").mkdir()
    one = command(*given, tars(birds), "-q", *threads, "-o", f"one/{output}")
    many = command(*given, tars(birds), "-q", "--ray", nodes.address, "-o", f"many/{output}")
    assert one[0] == 1  # of the bad picture
    assert many == (one[0], one[1].replace("one/", "many/"), one[2])
    if Path(output).suffix:
        assert files(desk / "many") == files(desk / "one")
    else:
        assert files(desk / "many" / output) == files(desk / "one" / output)
        assert len(files(desk / "many" / output)) == len(SIZES) + 1


@pytest.mark.parametrize("loss", ["worker", "node"])
@pytest.mark.parametrize("kind", ["rows", "totals"])
def test_shards_that_were_lost_are_done_again(
    kind: str, loss: str, birds: Path, exported: Exported, desk: Path
) -> None:
    words = {
        "rows": ("embed", exported("plain"), tars(birds), "-o"),
        "totals": ("probe", "distance", exported("plain"), tars(birds), "-o"),
    }[kind]
    outputs = {"rows": ("one", "many"), "totals": ("one.npz", "many.npz")}[kind]
    command(*words, outputs[0], "--threads", "1")
    with cluster(1, 2, 2) as made:
        lost: Node = made.worker_nodes and sorted(made.worker_nodes, key=raylet_of)[0]
        process = start(*words, outputs[1], "--ray", made.address)
        stopped = stop_one({raylet_of(lost)})
        if kind == "rows":
            # All the others are done but for this one's.
            until(lambda: len(list(desk.glob("many/*.parquet"))) >= len(SIZES) - 1)
        if loss == "node":
            made.remove_node(lost, allow_graceful=False)
        os.kill(stopped, signal.SIGKILL)
        out, err = process.communicate(timeout=600)
    assert process.returncode == 1, err  # of the bad picture
    one, many = (desk / output for output in outputs)
    assert out == f"{outputs[1]}\n"  # and no line of Ray's
    if kind == "rows":
        assert files(many) == files(one)
    else:
        assert many.read_bytes() == one.read_bytes()


def raylet_of(node: Node) -> int:
    (info,) = node.all_processes["raylet"]
    return int(info.process.pid)


def test_eight_workers_end_on_nine_cpus_that_are_fewer(
    birds: Path, exported: Exported, desk: Path
) -> None:
    with cluster(9) as made:
        code, _, err = command(
            "embed", exported("plain"), tars(birds), "-o", "out", "--ray", made.address
        )
    assert code == 1  # of the bad picture
    assert "shards: 11; workers: 8 (CPUs of each: 1; GPUs: 0)" in err
    assert len(list(desk.glob("out/*.parquet"))) == len(SIZES)


def test_the_last_cpu_is_not_taken_and_no_gpu_is_awaited(
    birds: Path, exported: Exported, desk: Path
) -> None:
    words = "embed", exported("plain"), tars(birds), "-o", "out", "--ray"
    with cluster(1) as made:
        code, out, err = command(*words, made.address, "-q")
        assert (code, out) == (2, "")
        assert err.startswith("error: the cluster has 1 CPU; a worker needs one, and one is left")
        assert len(err.splitlines()) == 1
        with (
            connected(made.address),
            pytest.raises(UsageError, match="no node of the cluster has a GPU"),
        ):
            room(5, 1, 1)
    with cluster(5, 3, num_gpus=1) as made, connected(made.address):
        assert room(100, 1, 0) == 7
        assert room(3, 1, 0) == 3
        assert room(100, 2, 0) == 3
        assert room(100, 4, 0) == 1
        assert room(100, 1, 1) == 1
        with pytest.raises(UsageError, match="a worker needs 6 on one node"):
            room(100, 6, 0)


def test_a_run_is_gone_on_with_where_its_command_was_killed(
    nodes: Any, birds: Path, exported: Exported, desk: Path
) -> None:
    words = "embed", exported("plain"), tars(birds), "-o"
    command(*words, "one", "--threads", "1")
    process = start(*words, "many", "--ray", nodes.address)
    raylets = {raylet_of(node) for node in nodes.list_all_nodes()}
    stopped = stop_one(raylets)
    until(lambda: len(list(desk.glob("many/*.parquet"))) >= 3)
    process.kill()
    process.communicate()
    os.kill(stopped, signal.SIGKILL)
    done = {path: path.stat().st_mtime_ns for path in desk.glob("many/*.parquet")}
    assert 3 <= len(done) < len(SIZES)
    code, _, err = command(*words, "many", "--ray", nodes.address)
    assert code == 1  # of the bad picture
    assert "going on after" in err
    assert {path: path.stat().st_mtime_ns for path in done} == done
    assert files(desk / "many") == files(desk / "one")


def test_totals_that_one_process_has_begun_are_ended_on_a_cluster(
    nodes: Any, birds: Path, exported: Exported, desk: Path
) -> None:
    import vitonnx as vx
    from vitonnx.dataset import open_dataset
    from vitonnx.engine import Engine
    from vitonnx.runs import TotalRun

    words = "probe", "distance", exported("plain"), tars(birds)
    whole = command(*words, "-q", "--threads", "1", "-o", "one.npz")
    with Engine(exported("plain"), threads=1) as engine:
        run = TotalRun(
            engines={"plain": engine}, dataset=open_dataset([tars(birds)]), probe=vx.Distance()
        )
        (found,) = surveys = run.begin()
        # To the middle of a shard.
        for _ in run.go(surveys):
            if found.shard == 1 and found.position:
                break
        assert 0 < found.position < SIZES[1]
        run.state(desk / "state.json").save(surveys)
    many = command(*words, "-q", "--ray", nodes.address, "-o", "many.npz", "--resume", "state.json")
    assert many == (whole[0], whole[1].replace("one", "many"), whole[2])
    assert (desk / "many.npz").read_bytes() == (desk / "one.npz").read_bytes()
    again = command(*words, "--ray", nodes.address, "-o", "again.npz", "--resume", "state.json")
    assert f"going on after {sum(SIZES)}" in again[2]
    assert (desk / "again.npz").read_bytes() == (desk / "one.npz").read_bytes()


def test_what_goes_wrong_in_a_worker_is_said_as_in_one_process(
    nodes: Any, exported: Exported, desk: Path
) -> None:
    kept = drawn(23)
    kept[3] = kept[3]._replace(content=b"cut")
    write_tar(desk / "a.tar", kept[:11])
    damaged = write_tar(desk / "b.tar", kept[11:])
    damaged.write_bytes(damaged.read_bytes()[:2000])
    for words in (
        ("embed", exported("plain"), "b.tar", "-o", "out"),
        ("probe", "distance", exported("plain"), "b.tar", "-o", "out.npz"),
        ("probe", "distance", exported("plain"), "a.tar", "-o", "out.npz", "--strict"),
    ):
        one = command(*words, "--threads", "1", "-q")
        assert one[0] == 1
        assert len(one[2].splitlines()) == 1
        assert command(*words, "--ray", nodes.address, "-q") == one


def test_wrong_calls(exported: Exported, desk: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write_tar(desk / "a.tar", drawn(3))
    monkeypatch.setenv("RAY_ADDRESS", "localhost:1")
    embed = "embed", exported("plain"), "a.tar", "-q", "-o", "out"
    heads = "probe", "heads", exported("plain"), "a.tar", "-q", "-o", "x.png"
    for words, sentence in {
        (*embed, "--ray", "auto"): "can't connect to a cluster of Ray at localhost:1",
        (*embed, "--ray", "127.0.0.1:1"): "can't connect to a cluster of Ray at 127.0.0.1:1",
        (*embed, "--ray", "here"): "can't connect to a cluster of Ray at here (that is no HOST:P",
        (*embed, "--ray", "ray://host:10001"): "Ray Data doesn't run through ray://host:10001",
        (*embed, "--ray", "auto", "--device", "cuda:1"): "give --device cuda instead of cuda:1",
        (*heads, "--ray", "auto"): "--ray is for rows",
    }.items():
        code, out, err = command(*words)
        assert (code, out) == (2, ""), err
        assert sentence in err
        assert len(err.splitlines()) == 1
