"""The class in the actors of a real cluster: what Ray hands it, and what comes out as parquet."""

from __future__ import annotations

import os
import signal
import sys
import threading
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import vitonnx as vx
from ray_probed import pixels, png

pytest.importorskip("ray.data", reason="needs the ray extra")
ray: Any = sys.modules["ray"]
pa = pytest.importorskip("pyarrow")

pytestmark = [
    pytest.mark.cluster,
    # Ray's own: files and sockets that it leaves to be collected, and warnings of what will change.
    pytest.mark.filterwarnings("default"),
]

Exported = Callable[[str], Path]
COUNT = 23
BAD = (3, 4, 5, 6, 17)


@pytest.fixture(scope="module")
def cluster() -> Iterator[None]:
    os.environ["RAY_USAGE_STATS_ENABLED"] = "0"
    ray.init(
        num_cpus=3,
        num_gpus=1,  # which nobody has
        include_dashboard=False,
        object_store_memory=200 * 2**20,
        logging_level="ERROR",
        log_to_driver=False,
    )
    context = ray.data.DataContext.get_current()
    context.enable_progress_bars = False
    # By default blocks come as they are done.
    context.execution_options.preserve_order = True
    yield
    ray.shutdown()


@pytest.fixture
def birds(tmp_path: Path) -> Path:
    """A folder of parquet files, the pictures of one of which are all bad."""
    from pyarrow import parquet

    folder = tmp_path / "birds"
    folder.mkdir()
    rows = [
        {
            "id": number,
            "image": {"bytes": b"cut" if number in BAD else png(number), "path": f"{number}.png"},
            "label": f"bird {number % 5}",
        }
        for number in range(COUNT)
    ]
    for part, (start, stop) in enumerate([(0, 3), (3, 7), (7, 16), (16, COUNT)]):
        table = pa.Table.from_pylist(rows[start:stop])
        parquet.write_table(table, folder / f"{part}.parquet")
    return folder


def probed(data: Any, model: object, actors: int = 2, **options: Any) -> Any:
    wanted = {"model": str(model), "probes": [vx.Heads(), vx.Norms()]}
    return data.map_batches(
        options.pop("probe", vx.ray.Probe),
        fn_constructor_kwargs={**wanted, **options.pop("wanted", {})},
        batch_size=4,
        compute=ray.data.ActorPoolStrategy(size=actors),
        **options,
    )


def test_parquet_in_parquet_out(
    cluster: None, birds: Path, exported: Exported, tmp_path: Path
) -> None:
    out = tmp_path / "out"
    # Ray makes one block of small files, and one file of a block.
    data = ray.data.read_parquet(str(birds)).repartition(target_num_rows_per_block=4)
    probed(data, exported("registers")).write_parquet(str(out))
    # The schema of every file is the same, also of one without a good picture.
    from pyarrow import parquet

    schemas = [parquet.read_schema(file) for file in sorted(out.iterdir())]
    assert len(schemas) > 1
    assert {str(schema) for schema in schemas} == {str(schemas[0])}
    assert schemas[0].field("error").type == pa.string()

    rows = ray.data.read_parquet(str(out)).take_all()
    assert [row["id"] for row in rows] == list(range(COUNT))
    assert [row["image"]["path"] for row in rows] == [f"{number}.png" for number in range(COUNT)]
    assert [row["label"] for row in rows] == [f"bird {number % 5}" for number in range(COUNT)]
    probes: list[vx.probes.Probe[Any]] = [vx.Heads(), vx.Norms()]
    with vx.Engine(exported("registers"), device="cpu", in_graph=True, threads=1) as engine:
        for row in rows:
            if row["id"] in BAD:
                assert f"{row['id']}.png" in row["error"]
                assert np.isnan(row["heads.attention"]).all()
                continue
            assert row["error"] is None
            (expected,) = engine.stream([as_picture(row["image"])], probes)
            np.testing.assert_allclose(row["heads.attention"], expected.heads.attention, atol=1e-6)
            np.testing.assert_allclose(row["norms.norms"], expected.norms.norms, rtol=1e-5)


def test_the_same_batches_give_the_same_bits_in_their_order(
    cluster: None, exported: Exported
) -> None:
    pictures = [png(number) for number in range(12)]
    data = ray.data.from_items([{"image": each} for each in pictures], override_num_blocks=3)
    rows = probed(data, exported("plain")).take_all()
    with vx.Engine(exported("plain"), device="cpu", in_graph=True, threads=1) as engine:
        for start in range(0, 12, 4):
            batch = [as_picture({"bytes": each}) for each in pictures[start : start + 4]]
            for row, expected in zip(
                rows[start : start + 4], engine.probe(batch, vx.Heads()), strict=True
            ):
                np.testing.assert_array_equal(row["heads.attention"], expected.attention)


def as_picture(image: dict[str, Any]) -> Any:
    from vitonnx.ray._pictures import as_picture

    return as_picture(image, "image")


@pytest.mark.parametrize(
    ("options", "threads", "device"),
    [
        ({"num_cpus": 2}, 2, "cpu"),
        ({"num_cpus": 0.5}, 1, "cpu"),
        ({"num_gpus": 1}, 1, "cuda"),
        ({"num_gpus": 0.5, "num_cpus": 0}, 1, "cuda"),
        ({}, 1, "cpu"),
    ],
)
def test_an_engine_has_the_cpus_and_gpus_of_its_actor(
    options: dict[str, Any], threads: int, device: str, cluster: None
) -> None:

    class Share:
        def __call__(self, batch: dict[str, Any]) -> dict[str, Any]:
            from vitonnx.ray._share import own_share

            return {name: np.array([value]) for name, value in own_share()._asdict().items()}

    data = ray.data.range(1).map_batches(
        Share, compute=ray.data.ActorPoolStrategy(size=1), batch_size=1, **options
    )
    (row,) = data.take_all()
    assert (row["threads"], row["device"]) == (threads, device)


def test_a_gpu_that_does_not_work_is_not_replaced_in_silence(
    cluster: None, birds: Path, exported: Exported
) -> None:
    with vx.Engine(exported("plain")) as engine:
        if engine.device != "cpu":
            pytest.skip("this machine has a GPU")
    data = probed(ray.data.read_parquet(str(birds)), exported("plain"), actors=1, num_gpus=1)
    with pytest.raises(ray.exceptions.RayError, match=r"DeviceError: can't use cuda: "):
        data.materialize()


def test_what_can_not_be_asked_is_said_in_words(
    cluster: None, birds: Path, exported: Exported
) -> None:
    data = ray.data.read_parquet(str(birds))
    asked = probed(data, exported("plain"), wanted={"probes": [vx.PCA()]})
    with pytest.raises(ray.exceptions.RayError, match=r"UsageError: pca must be fitted first"):
        asked.materialize()
    frames = probed(data, exported("plain"), batch_format="pandas")
    with pytest.raises(Exception, match=r'came as DataFrame.*batch_format="numpy"'):
        frames.materialize()


def test_a_worker_that_dies_is_replaced_and_its_batch_done_again(
    cluster: None, exported: Exported, tmp_path: Path
) -> None:
    grave = tmp_path / "grave"

    class Mortal(vx.ray.Probe):
        def __call__(self, batch: Mapping[str, Any]) -> dict[str, Any]:
            if 7 in batch["id"] and not grave.exists():
                grave.touch()
                os.kill(os.getpid(), signal.SIGKILL)
            return super().__call__(batch)

    items = [{"id": number, "image": png(number)} for number in range(COUNT)]
    data = ray.data.from_items(items, override_num_blocks=6)
    rows = probed(data, exported("plain"), probe=Mortal).take_all()
    assert grave.exists()
    assert [row["id"] for row in rows] == list(range(COUNT))
    with vx.Engine(exported("plain"), device="cpu") as engine:
        found = engine.probe([pixels(number) for number in range(COUNT)], vx.Heads())
    for row, expected in zip(rows, found, strict=True):
        np.testing.assert_allclose(row["heads.attention"], expected.attention, atol=1e-6)


def test_arrays_that_ray_has_read_itself(cluster: None, exported: Exported, tmp_path: Path) -> None:
    folder = tmp_path / "pictures"
    folder.mkdir()
    for number in range(5):
        (folder / f"{number}.png").write_bytes(png(number))  # of several sizes
    data = ray.data.read_images(str(folder), mode="RGB", include_paths=True)
    rows = sorted(probed(data, exported("plain")).take_all(), key=lambda row: str(row["path"]))
    with vx.Engine(exported("plain"), device="cpu") as engine:
        found = engine.probe(sorted(map(str, folder.iterdir())), vx.Heads())
    for row, expected in zip(rows, found, strict=True):
        assert row["error"] is None
        np.testing.assert_allclose(row["heads.attention"], expected.attention, atol=1e-6)


def test_several_actors_of_a_node_fetch_a_model_once(
    cluster: None, exported: Exported, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen: Counter[str] = Counter()

    class Counted(SimpleHTTPRequestHandler):
        def log_request(self, *_: object) -> None:
            seen[self.command] += 1

    folder = exported("plain").parent
    server = ThreadingHTTPServer(("127.0.0.1", 0), partial(Counted, directory=str(folder)))
    threading.Thread(target=server.serve_forever, daemon=True).start()
    url = f"http://127.0.0.1:{server.server_port}/plain.onnx"
    data = ray.data.from_items([{"image": png(each)} for each in range(6)], override_num_blocks=6)
    environment = {"env_vars": {"XDG_CACHE_HOME": str(tmp_path / "cache")}}
    try:
        rows = probed(data, url, actors=3, num_cpus=0.5, runtime_env=environment).take_all()
    finally:
        server.shutdown()
        server.server_close()
    assert len(rows) == 6
    assert all(row["error"] is None for row in rows)
    assert seen["GET"] == 1
    assert len(list((tmp_path / "cache").rglob("*.onnx"))) == 1
