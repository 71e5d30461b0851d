"""Attribution through the engine: plans that classes share, batches, sizes, precisions, files."""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import onnxruntime
import pytest
from numpy.typing import NDArray
from PIL import Image

import tiny_models as tiny
import vitonnx as vx
from vitonnx.engine import reduce_file
from vitonnx.errors import PictureError, UsageError, VitonnxError
from vitonnx.export import export_model

Exported = Callable[[str], Path]
Pixels = NDArray[np.uint8]


def noise(count: int, size: tuple[int, int] = (40, 56)) -> Pixels:
    return np.random.default_rng(0).integers(0, 256, (count, *size, 3), np.uint8)


def open_engine(file: Path, **options: Any) -> vx.Engine:
    return vx.Engine(file, device="cpu", threads=1, **options)


def maps(engine: vx.Engine, pixels: Pixels, **asked: Any) -> NDArray[np.float32]:
    return np.stack([r.attribution for r in engine.probe_pixels(pixels, vx.Attribution(**asked))])


def assert_close(found: Any, expected: Any, share: float = 1e-5) -> None:
    np.testing.assert_allclose(found, expected, rtol=0, atol=share * np.abs(expected).max())


def ranked(one: NDArray[Any], other: NDArray[Any]) -> float:
    """Correlate ranks."""
    first, second = (np.argsort(np.argsort(each.ravel())) for each in (one, other))
    return float(np.corrcoef(first, second)[0, 1])


# Plans.


def test_one_plan_serves_every_class(exported: Exported) -> None:
    engine, pixels = open_engine(exported("plain"), in_graph=True), noise(2)
    found = [
        maps(engine, pixels, method="gradient", target=each)
        for each in (0, 7, "class 4", np.int16(10), "predicted", None)
    ]
    assert len(engine._sessions.opened) == 1
    for place, one in enumerate(found[:5]):
        assert np.abs(one - found[place - 1]).max() > 0.05 * np.abs(one).max()
    np.testing.assert_array_equal(found[4], found[5])
    likeliest = engine.probe_pixels(pixels, vx.Attribution(method="gradient"))
    for place, number in enumerate(int(result.target) for result in likeliest):
        asked = maps(engine, pixels, method="gradient", target=number)
        assert_close(found[4][place], asked[place])
    pair = maps(engine, pixels, method="gradient", target=(10, 7))
    assert maps(engine, pixels, method="gradient", target=(7, "predicted")).shape == (2, 2, 5, 7)
    assert len(engine._sessions.opened) == 2
    assert_close(pair[:, 0], found[3])
    assert_close(pair[:, 1], found[1])


def test_one_plan_serves_every_other_picture(exported: Exported, tmp_path: Path) -> None:
    engine, pixels = open_engine(exported("headless"), in_graph=True), noise(2)
    found, opened = [], []
    for name, picture in zip("ab", noise(4)[2:], strict=True):
        Image.fromarray(picture).save(tmp_path / f"{name}.png")
        target = f"embedding:{tmp_path / name}.png"
        found.append(maps(engine, pixels, method="gradient", target=target))
        opened.append(len(engine._sessions.opened))
    assert opened[0] == opened[1]
    assert np.abs(found[0] - found[1]).max() > 0.05 * np.abs(found[0]).max()


def test_threads_ask_about_classes_of_their_own(exported: Exported) -> None:
    engine, pixels = open_engine(exported("plain"), in_graph=True), noise(2)
    expected = [maps(engine, pixels, method="gradient", target=each) for each in range(4)]
    wrong: list[int] = []

    def ask(number: int) -> None:
        for _ in range(8):
            found = maps(engine, pixels, method="gradient", target=number)
            if np.abs(found - expected[number]).max() > 1e-5 * np.abs(expected[number]).max():
                wrong.append(number)

    threads = [threading.Thread(target=ask, args=(each,)) for each in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert wrong == []


@pytest.mark.parametrize(("kind", "method"), [("distilled", "grad-cam"), ("pooled", "legrad")])
def test_the_graph_the_host_and_other_batches_agree(
    kind: str, method: str, exported: Exported
) -> None:
    """At another size than the file's, on a long grid."""
    pixels = noise(3, (24, 88))
    inside, outside = (
        open_engine(exported(kind), size=(24, 88), in_graph=each) for each in (True, False)
    )
    together = maps(inside, pixels, method=method, target="predicted")
    assert together.shape == (3, 3, 11)
    assert_close(maps(outside, pixels, method=method), together)
    for place in range(3):
        alone = maps(inside, pixels[place : place + 1], method=method)
        assert_close(alone[0], together[place])
    assert_close(maps(inside, pixels[::-1], method=method)[::-1], together)


@pytest.mark.parametrize("count", [1, 2])
def test_a_likeness_is_asked_of_any_number_of_pictures(
    count: int, exported: Exported, tmp_path: Path
) -> None:
    engine, pixels = open_engine(exported("headless")), noise(3)
    Image.fromarray(pixels[2]).save(tmp_path / "other.png")
    asked = vx.Attribution(method="gradient", target=f"embedding:{tmp_path / 'other.png'}")
    expected = [r.score for r in engine.probe(list(pixels), asked)][:count]
    found = engine.probe(list(pixels[:count]), asked)
    np.testing.assert_allclose([r.score for r in found], expected, atol=1e-5)
    both = engine.probe(list(pixels[:count]), [asked, vx.Entropy()])
    np.testing.assert_allclose([r["attribution"].score for r in both], expected, atol=1e-5)


@pytest.mark.parametrize("count", [1, 2])
def test_a_picture_to_be_like_that_is_not_there(count: int, exported: Exported) -> None:
    engine = open_engine(exported("plain"))
    with pytest.raises(PictureError, match=r"none\.png"):
        engine.probe(list(noise(count)), vx.Attribution(target="embedding:none.png"))


@pytest.mark.parametrize("target", [None, 3, "class 3", (3, 4)])
def test_without_a_head_there_are_no_classes(target: Any, exported: Exported) -> None:
    engine = open_engine(exported("headless"))
    for ask in (engine.explain, lambda asked: engine.probe(list(noise(1)), asked)):
        with pytest.raises(UsageError, match=r"no head.*embedding:PICTURE"):
            ask(vx.Attribution(method="gradient", target=target))


def test_grad_cam_of_one_block(tmp_path: Path) -> None:
    spec = tiny.spec()
    file = tmp_path / "one.onnx"
    export_model(replace(spec, config=replace(spec.config, blocks=1)), file, weights=7)
    engine, pixels = open_engine(file), noise(2)
    for method in ("generic", "gradient", "grad-cam"):
        assert maps(engine, pixels, method=method, target=3).max() > 0


def test_input_is_for_baked_files(exported: Exported) -> None:
    with pytest.raises(UsageError, match="baked"):
        open_engine(exported("plain")).probe(list(noise(1)), vx.Attribution(target="input"))


def test_an_operator_without_a_rule_is_named(exported: Exported, tmp_path: Path) -> None:
    model = onnx.load(exported("plain"))
    (node,) = (each for each in model.graph.node if each.name == "block_01/mlp/gelu")
    node.op_type = "Atan"
    onnx.save(model, tmp_path / "atan.onnx")
    engine = open_engine(tmp_path / "atan.onnx")
    for method in ("generic", "gradient"):
        with pytest.raises(UsageError, match=r"Atan 'block_01/mlp/gelu'"):
            engine.probe(list(noise(1)), vx.Attribution(method=method))
    with pytest.raises(UsageError, match="Atan"):
        vx.bake(engine, vx.Attribution(method="gradient"), tmp_path / "baked.onnx")
    assert not (tmp_path / "baked.onnx").exists()


# Precisions.


@pytest.mark.parametrize("method", ["grad-cam", "gradient"])
def test_files_in_half_precision(method: str, exported: Exported, tmp_path: Path) -> None:
    reduce_file(exported("registers"), tmp_path / "half.onnx", "fp16")
    pixels = noise(2)
    expected = maps(open_engine(exported("registers")), pixels, method=method, target=4)
    found = maps(open_engine(tmp_path / "half.onnx"), pixels, method=method, target=4)
    assert_close(found, expected, 0.01)
    for one, other in zip(found, expected, strict=True):
        assert ranked(one, other) >= 0.99


@pytest.mark.parametrize("precision", ["fp16", "int8"])
@pytest.mark.parametrize("method", ["grad-cam"])
def test_engines_in_fewer_bits(method: str, precision: str, exported: Exported) -> None:
    pixels = noise(2)
    whole, reduced = (open_engine(exported("pooled"), precision=p) for p in ("fp32", precision))
    expected = maps(whole, pixels, method=method, target=4)
    found = maps(reduced, pixels, method=method, target=4)
    assert_close(found, expected, {"fp16": 0.01, "int8": 0.1}[precision])
    assert np.abs(found - expected).max() > 0
    for one, other in zip(found, expected, strict=True):
        assert ranked(one, other) >= {"fp16": 0.99, "int8": 0.95}[precision]


def test_a_file_in_int8(exported: Exported, tmp_path: Path) -> None:
    reduce_file(exported("plain"), tmp_path / "int8.onnx", "int8")
    pixels = noise(2)
    expected = maps(open_engine(exported("plain")), pixels, method="generic", target=4)
    found = maps(open_engine(tmp_path / "int8.onnx"), pixels, method="generic", target=4)
    assert ranked(found, expected) >= 0.95


# Baked files.


def run(file: Path, **feed: NDArray[Any]) -> NDArray[np.float32]:
    session = onnxruntime.InferenceSession(str(file), providers=["CPUExecutionProvider"])
    (found,) = session.run(["attribution"], feed)
    return np.asarray(found)


@pytest.mark.parametrize(("kind", "method"), [("plain", "legrad"), ("distilled", "grad-cam")])
def test_a_baked_file_takes_a_class_for_each_picture(
    kind: str, method: str, exported: Exported, tmp_path: Path
) -> None:
    engine, pixels, file = open_engine(exported(kind)), noise(3), tmp_path / "baked.onnx"
    made = vx.bake(engine, vx.Attribution(method=method, target="input"), file)  # type: ignore[arg-type]
    assert made.inputs == {
        "images": ("uint8", (None, 40, 56, 3)),
        "target": ("int64", (None,)),
    }
    assert made.outputs == {"attribution": ("float32", (None, 5, 7))}
    assert {node.domain for node in onnx.load(file).graph.node} == {""}
    found = run(file, images=pixels, target=np.array([3, -1, 10]))
    best = int(engine.run_pixels(pixels, ["logits"])["logits"][1].argmax())
    for place, target in enumerate((3, best, 10)):
        assert_close(found[place], maps(engine, pixels, method=method, target=target)[place])
    # A class that isn't there has no gradient, and is taken for no other.
    assert np.abs(run(file, images=pixels, target=np.array([11, 99, 2**40]))).max() == 0


@pytest.mark.parametrize("target", [3, "predicted", ("class 10", "predicted")])
def test_a_baked_file_holds_its_classes(target: Any, exported: Exported, tmp_path: Path) -> None:
    engine, pixels = open_engine(exported("plain")), noise(3)
    asked = vx.Attribution(method="gradient", target=target)
    made = vx.bake(engine, asked, tmp_path / "baked.onnx")
    assert list(made.inputs) == ["images"]
    found = run(tmp_path / "baked.onnx", images=pixels)
    assert_close(found, maps(engine, pixels, method="gradient", target=target))


def test_a_baked_file_holds_another_picture(exported: Exported, tmp_path: Path) -> None:
    engine, pixels = open_engine(exported("headless")), noise(3)
    Image.fromarray(pixels[1]).save(tmp_path / "other.png")
    target = f"embedding:{tmp_path / 'other.png'}"
    asked = vx.Attribution(method="gradient", target=target)
    vx.bake(engine, asked, tmp_path / "baked.onnx")
    found = run(tmp_path / "baked.onnx", images=pixels)
    assert_close(found, maps(engine, pixels, method="gradient", target=target))


def test_a_map_of_zeros_is_baked(exported: Exported, tmp_path: Path) -> None:
    """Two maps of zeros don't differ."""
    model = onnx.load(exported("plain"))
    (head,) = (each for each in model.graph.initializer if each.name == "head/kernel")
    head.CopyFrom(onnx.numpy_helper.from_array(np.zeros((21, 11), np.float32), head.name))
    onnx.save(model, tmp_path / "zero.onnx")
    engine = open_engine(tmp_path / "zero.onnx")
    assert maps(engine, noise(2), method="grad-cam").max() == 0
    vx.bake(engine, vx.Attribution(method="grad-cam"), tmp_path / "baked.onnx")
    assert run(tmp_path / "baked.onnx", images=noise(2)).max() == 0


@pytest.mark.parametrize("precision", ["fp16", "int8"])
def test_baked_in_fewer_bits(precision: str, exported: Exported, tmp_path: Path) -> None:
    engine, pixels, file = open_engine(exported("plain")), noise(3), tmp_path / "baked.onnx"
    asked = vx.Attribution(method="gradient", target="input")
    vx.bake(engine, asked, file, precision=precision, force=True, pictures=list(noise(2)))
    found = run(file, images=pixels, target=np.array([4, 4, 4]))
    expected = maps(engine, pixels, method="gradient", target=4)
    for one, other in zip(found, expected, strict=True):
        assert ranked(one, other) >= {"fp16": 0.99, "int8": 0.95}[precision]


@pytest.mark.parametrize("target", [11, "nope", (1, 11)])
def test_no_class_no_file(target: Any, exported: Exported, tmp_path: Path) -> None:
    with pytest.raises(VitonnxError, match="no class"):
        vx.bake(
            open_engine(exported("plain")),
            vx.Attribution(target=target),
            tmp_path / "baked.onnx",
        )
    assert list(tmp_path.iterdir()) == []
