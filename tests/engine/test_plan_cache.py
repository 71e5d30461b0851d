"""Plans are kept on the disk: found again, never confused, and no trouble where they can't be."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import onnx
import pytest

import vitonnx as vx
from vitonnx.engine import Plan, _cache
from vitonnx.layout import Layout
from vitonnx.probes import GraphProbe, Maps, PictureResult

Exported = Callable[[str], Path]

IMAGE = np.random.default_rng(5).integers(0, 256, (47, 61, 3), dtype=np.uint8)
HEADS = vx.Heads()


@pytest.fixture(autouse=True)
def plans(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Keep plans in a folder of the test's own."""
    monkeypatch.setattr("platformdirs.user_cache_path", lambda name: tmp_path / "cache" / name)
    return tmp_path / "cache" / "vitonnx" / "plans"


@pytest.fixture
def file(exported: Exported, tmp_path: Path) -> Path:
    """A model of the test's own."""
    path = tmp_path / "model.onnx"
    shutil.copy(exported("plain"), path)
    return path


def maps(file: Path, probe: Any = HEADS, **options: Any) -> Any:
    """Probe with an engine that knows of no other."""
    (result,) = vx.Engine(file, device="cpu", **{"in_graph": True, **options}).probe(IMAGE, probe)
    return result


def right(file: Path, probe: Any = HEADS, **options: Any) -> Any:
    """Check the numbers with the file's own outputs."""
    found, expected = maps(file, probe, **options), maps(file, probe, in_graph=False, **options)
    for name, array in vars(expected).items():
        if isinstance(array, np.ndarray):
            # Single precision in another order; weights are at most 1, distances at most 60.
            np.testing.assert_allclose(getattr(found, name), array, atol=2e-6, rtol=1e-5)
    return found


PROGRAM = """
import sys
import numpy as np
import vitonnx as vx
image = np.random.default_rng(5).integers(0, 256, (47, 61, 3), dtype=np.uint8)
engine = vx.Engine(sys.argv[1], device="cpu", in_graph=True)
result = next(engine.stream([image], [vx.Heads(query=(20, 30)), vx.Rollout(), vx.Distance()]))
print(result["heads"].attention.tobytes().hex(), result["rollout"].rollout.tobytes().hex())
print(*sorted({"onnx", "onnx_ir", "onnxscript", "ndonnx"} & set(sys.modules)))
"""


def test_a_second_start_edits_no_graph(file: Path, tmp_path: Path) -> None:
    """Nor does it import what edits graphs, which takes longer than all the rest."""
    environment = os.environ | {"XDG_CACHE_HOME": str(tmp_path / "xdg")}
    outputs = [
        subprocess.run(
            [sys.executable, "-c", PROGRAM, str(file)],
            env=environment,
            check=True,
            capture_output=True,
            text=True,
        ).stdout.splitlines()
        for _ in range(2)
    ]
    assert outputs[0][1].split() == ["ndonnx", "onnx", "onnx_ir", "onnxscript"]
    assert outputs[1][1] == ""
    assert outputs[0][0] == outputs[1][0]  # the same graph: the same bits
    assert len(list((tmp_path / "xdg" / "vitonnx" / "plans").iterdir())) == 1


def test_a_plan_is_made_once(file: Path, plans: Path) -> None:
    first = maps(file)
    (kept,) = plans.iterdir()
    written = kept.stat().st_mtime_ns
    np.testing.assert_array_equal(maps(file).attention, first.attention)
    assert [path.stat().st_mtime_ns for path in plans.iterdir()] == [written]


def test_large_weights_stay_in_the_models_file(file: Path, plans: Path) -> None:
    maps(file)
    (kept,) = plans.iterdir()
    large = np.asarray(vx.probe_weights(file, vx.Filters()).filters).nbytes
    # The plan's own nodes and small constants take some kilobytes.
    assert kept.stat().st_size < file.stat().st_size - large + 2**11
    # In front of the graph stands its SHA-256.
    model = onnx.load_from_string(kept.read_bytes()[32:])
    (kernel,) = (each for each in model.graph.initializer if each.name == "patch_embed/kernel")
    assert kernel.data_location == onnx.TensorProto.EXTERNAL


@pytest.mark.parametrize(
    ("probe", "other"),
    [
        (vx.Heads(block=0), vx.Heads(block=1)),
        (vx.Heads(query="cls"), vx.Heads(query="mean")),
        (vx.Distance(), vx.Distance(renormalize=True)),
    ],
    ids=str,
)
def test_another_option_is_another_plan(file: Path, plans: Path, probe: Any, other: Any) -> None:
    for each in (probe, other):
        maps(file, each)
    assert len(list(plans.iterdir())) == 2
    for each in (probe, other):
        right(file, each)


def test_every_patch_and_mass_has_the_same_plan(file: Path, plans: Path) -> None:
    asked = [((20, 30), None), ((31, 17), None), ((31, 17), 0.6)]
    probes = [vx.Heads(query=query, mass=mass) for query, mass in asked]
    for probe in probes:
        maps(file, probe)
    assert len(list(plans.iterdir())) == 1
    for probe in probes:
        right(file, probe)


def test_another_size_is_another_plan(file: Path, plans: Path) -> None:
    assert maps(file).attention.shape == (3, 5, 7)
    assert maps(file, size=(24, 88)).attention.shape == (3, 3, 11)
    assert maps(file).attention.shape == (3, 5, 7)
    assert len(list(plans.iterdir())) == 2


def turned(file: Path) -> None:
    """Write a model again, as large as before, with keys turned round."""
    before = file.stat().st_size
    model = onnx.load(file)
    for tensor in model.graph.initializer:
        if tensor.name == "block_01/attention/key/kernel":
            values = -onnx.numpy_helper.to_array(tensor)
            tensor.raw_data = values.tobytes()
    onnx.save(model, file)
    assert file.stat().st_size == before


def test_a_file_that_was_written_again_is_another_one(file: Path) -> None:
    first = right(file)
    turned(file)
    assert not np.allclose(right(file).attention, first.attention, atol=1e-3)


def test_a_copy_stands_for_itself(file: Path, tmp_path: Path) -> None:
    first = right(file)
    (tmp_path / "elsewhere").mkdir()
    copy = tmp_path / "elsewhere" / "model.onnx"
    shutil.copy2(file, copy)  # with its date
    right(copy)
    file.unlink()
    np.testing.assert_array_equal(right(copy).attention, first.attention)


def test_a_file_that_takes_anothers_place_is_another_one(file: Path, tmp_path: Path) -> None:
    """Of the same size and date, as restored from a backup."""
    first = right(file)
    found = file.stat()
    other = tmp_path / "other.onnx"
    shutil.copy2(file, other)
    turned(other)
    os.utime(other, ns=(found.st_atime_ns, found.st_mtime_ns))
    other.replace(file)
    assert not np.allclose(right(file).attention, first.attention, atol=1e-3)


def test_from_where_the_file_is_named(
    file: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """Its large weights are found wherever one stands."""
    first = right(file)
    monkeypatch.chdir(tmp_path)
    np.testing.assert_array_equal(right(Path("model.onnx")).attention, first.attention)
    (tmp_path / "below").mkdir()
    monkeypatch.chdir(tmp_path / "below")
    np.testing.assert_array_equal(right(Path("../model.onnx")).attention, first.attention)


def test_a_link_to_a_file_elsewhere(file: Path, tmp_path: Path) -> None:
    """As hubs keep their downloads."""
    (tmp_path / "links").mkdir()
    link = tmp_path / "links" / "named.onnx"
    link.symlink_to(file)
    right(link)
    right(file)
    right(link)


def counting(factor: float) -> Any:
    """Give a probe whose code was changed, and nothing else of it."""

    @dataclass(frozen=True)
    class Own(GraphProbe[Found]):
        name: ClassVar[str] = "own"
        gives = Maps

        def reads(self, layout: Layout) -> tuple[str, ...]:
            return (layout.attention(0),)

        def condense(self, outputs: Any, layout: Layout, queries: object) -> Any:
            return outputs[layout.attention(0)][:, :, 0, :] * factor

        def result(self, condensed: Any, layout: Layout, query: int | None) -> Found:
            return Found(value=condensed)

    return Own()


@dataclass(frozen=True, eq=False, kw_only=True)
class Found(PictureResult):
    """What a user's own probe found."""

    value: Any

    @property
    def finding(self) -> Maps:
        raise NotImplementedError


def test_a_probe_whose_code_was_changed_is_another_one(file: Path) -> None:
    """Whoever writes a probe runs it, changes it, and runs it again."""
    before, after = (right(file, counting(factor)) for factor in (1.0, 2.0))
    np.testing.assert_allclose(after.value, 2 * before.value, rtol=1e-6)


def test_a_folder_that_can_not_be_written_is_no_error(file: Path, plans: Path) -> None:
    plans.parent.parent.mkdir()
    plans.parent.write_text("a file, where the folder should be")
    right(file)
    right(file)
    assert plans.parent.read_text() == "a file, where the folder should be"


def test_a_folder_without_permission_is_no_error(file: Path, plans: Path) -> None:
    plans.mkdir(parents=True)
    plans.chmod(0o500)
    try:
        right(file)
    finally:
        plans.chmod(0o700)


@pytest.mark.parametrize("damage", ["empty", "cut off", "no graph at all", "zeros"])
def test_a_damaged_plan_is_made_anew(damage: str, file: Path, plans: Path) -> None:
    """A computer that lost power may leave any of these."""
    first = maps(file)
    (kept,) = plans.iterdir()
    whole = kept.read_bytes()
    damaged = {
        "empty": b"",
        "cut off": whole[: len(whole) // 2],
        "no graph at all": b"a note that somebody left here",
        "zeros": bytes(len(whole)),
    }
    kept.write_bytes(damaged[damage])
    np.testing.assert_allclose(maps(file).attention, first.attention, atol=1e-6)
    assert len(kept.read_bytes()) == len(whole)  # and kept, for the next start


def test_a_graph_that_is_no_model_is_still_refused(file: Path) -> None:
    """Making plans anew must not hide what is wrong with the model itself."""
    data = file.read_bytes()
    file.write_bytes(data[: len(data) // 2])
    with pytest.raises(vx.errors.ModelFileError):
        maps(file)


def test_the_first_few_pictures_wait_for_no_plan(file: Path, plans: Path) -> None:
    """One picture is done by the file as it is; whoever goes on asking gets a plan."""
    engine = vx.Engine(file, device="cpu")
    for _ in range(4):
        engine.probe(IMAGE, HEADS)
        assert not plans.exists()
    engine.probe(IMAGE, HEADS)
    assert len(list(plans.iterdir())) == 1


def test_a_kept_plan_serves_the_first_picture(file: Path, plans: Path) -> None:
    maps(file)

    engine = vx.Engine(file, device="cpu")
    engine.probe(IMAGE, HEADS)
    assert len(list(plans.iterdir())) == 1
    assert [plan.probes for plan in engine._sessions.opened if plan] == [(HEADS,)]


@pytest.mark.parametrize("count", [5, None])
def test_many_pictures_are_planned_for_at_once(file: Path, plans: Path, count: int | None) -> None:
    """A stream whose length nobody knows counts as long."""
    images = iter([IMAGE]) if count is None else [IMAGE] * count
    list(vx.Engine(file, device="cpu").stream(images, [HEADS]))
    assert len(list(plans.iterdir())) == 1


def test_any_source_that_was_mended_is_another_key(tmp_path: Path) -> None:
    """Not those alone that plan: positions are resampled by a module of the ground floor."""
    package = tmp_path / "vitonnx"
    shutil.copytree(Path(vx.__file__).parent, package, ignore=shutil.ignore_patterns("models"))
    seen = {_cache.own_sources.__wrapped__(package)}
    for name in ("positions.py", "modelfile/_graph.py", "media/videos/_upright.py"):
        with (package / name).open("a") as source:
            source.write("# mended\n")
        seen.add(_cache.own_sources.__wrapped__(package))
    (package / "layout.py").rename(package / "plan.py")
    seen.add(_cache.own_sources.__wrapped__(package))
    assert len(seen) == 5


def keep(file: Path, width: int, size: int) -> bytes:
    """Ask for a plan of another width, which takes that many bytes to keep."""
    graph = bytes([width]) * (size - _cache.DIGEST)
    return _cache.load_or_plan(file, Plan(size=(8, 8 * width)), lambda: graph)


def is_kept(file: Path, width: int) -> bool:
    return _cache.is_kept(file, Plan(size=(8, 8 * width)))


def test_plans_that_were_used_longest_ago_go(
    file: Path, plans: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(_cache, "MOST_PLANS", 1000)
    for width in (1, 2, 3):
        keep(file, width, 300)
    assert keep(file, 1, 300) == bytes([1]) * 268  # used again
    keep(file, 4, 300)
    assert [is_kept(file, width) for width in (1, 2, 3, 4)] == [True, False, True, True]
    keep(file, 5, 1000)
    assert [path.stat().st_size for path in plans.iterdir()] == [1000]
    keep(file, 6, 1001)  # larger than all may be: it is given, and not kept
    assert is_kept(file, 5)
    assert not is_kept(file, 6)


MANY = """
import sys
from pathlib import Path
from vitonnx.engine import Plan, _cache
_cache.MOST_PLANS = 10_000
for width in range(int(sys.argv[2]), 250, 2):
    graph = bytes([width]) * 968
    for _ in range(2):
        assert _cache.load_or_plan(Path(sys.argv[1]), Plan(size=(8, width)), lambda: graph) == graph
"""


def test_processes_share_the_folder(file: Path, tmp_path: Path) -> None:
    """Each removes what others are about to read or to remove."""
    environment = os.environ | {"XDG_CACHE_HOME": str(tmp_path / "xdg")}
    running = [
        subprocess.Popen([sys.executable, "-c", MANY, str(file), first], env=environment)
        for first in ("0", "1", "1")
    ]
    assert [each.wait() for each in running] == [0, 0, 0]
    left = [path.stat().st_size for path in (tmp_path / "xdg" / "vitonnx" / "plans").iterdir()]
    assert left == [1000] * 10
