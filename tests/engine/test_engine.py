"""The engine on real exported files: pictures in, arrays and results out."""

from __future__ import annotations

import copy
import json
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import onnx
import pytest
from PIL import Image

import tiny_models as tiny
import vitonnx as vx
from vitonnx.engine import save_results
from vitonnx.errors import ModelFileError, PictureError, UsageError
from vitonnx.models import VisionTransformer, random_parameters

Exported = Callable[[str], Path]
KINDS = list(tiny.CONFIGS)


def picture(height: int, width: int, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).integers(0, 256, (height, width, 3), dtype=np.uint8)


@pytest.fixture
def files(tmp_path: Path) -> list[Path]:
    """Five pictures of different sizes."""
    paths = []
    for index, (height, width) in enumerate([(53, 71), (97, 61), (45, 59), (200, 83), (47, 190)]):
        paths.append(tmp_path / f"{index}.png")
        Image.fromarray(picture(height, width, index)).save(paths[-1])
    return paths


def test_run_gives_every_output_stacked(exported: Exported, files: list[Path]) -> None:
    engine = vx.Engine(exported("distilled"), device="cpu")
    together = engine.run([*files, picture(61, 67), Image.open(files[0])])
    assert set(together) == set(engine.outputs)
    assert together["block_00/attention"].shape == (7, 3, 37, 37)
    for index, file in enumerate(files):
        alone = engine.run(file)
        for name, value in alone.items():
            # Other batch sizes take other kernels: float32 sums in another order.
            np.testing.assert_allclose(together[name][index], value[0], atol=2e-5, rtol=1e-5)
    np.testing.assert_allclose(together["logits"][6], together["logits"][0], atol=2e-5)


def test_batches_do_not_change_the_order_or_the_numbers(
    exported: Exported, monkeypatch: pytest.MonkeyPatch
) -> None:
    pictures = [picture(50 + index, 60, index) for index in range(23)]
    engine = vx.Engine(exported("plain"), device="cpu")
    eights = [result.attention for result in engine.probe(pictures, vx.Heads())]
    monkeypatch.setattr("vitonnx.engine._batches.LARGEST_BATCH", 3)
    threes = [result.attention for result in engine.probe(pictures, vx.Heads())]
    assert len(eights) == 23
    # Attention is at most 1; batches of other sizes sum in another order.
    np.testing.assert_allclose(eights, threes, atol=1e-6)


@pytest.mark.parametrize("kind", KINDS)
def test_heads_are_the_query_row_of_the_raw_attention(kind: str, exported: Exported) -> None:
    config = tiny.CONFIGS[kind]
    prefix = len(config.prefix_tokens)
    engine = vx.Engine(exported(kind), device="cpu")
    image = picture(*tiny.RECIPE.size)
    raw = engine.run(image)["block_00/attention"][0]
    row = raw[:, 0] if prefix else raw[:, prefix:].mean(axis=1)
    (result,) = engine.probe(image, vx.Heads(block=0))
    assert result.attention.shape == (3, 5, 7)
    np.testing.assert_allclose(result.attention.reshape(3, 35), row[:, prefix:], atol=1e-6)
    np.testing.assert_allclose(result.mean, result.attention.mean(axis=0), atol=1e-7)


@pytest.mark.parametrize("kind", KINDS)
def test_rollout_is_the_product_of_the_raw_attention(kind: str, exported: Exported) -> None:
    prefix = len(tiny.CONFIGS[kind].prefix_tokens)
    engine = vx.Engine(exported(kind), device="cpu")
    image = picture(*tiny.RECIPE.size)
    raw = engine.run(image)
    product = np.eye(raw["block_00/attention"].shape[-1])
    for block in range(2):
        mixed = raw[f"block_{block:02d}/attention"][0].mean(axis=0, dtype=np.float64)
        product = (mixed + np.eye(len(mixed))) / 2 @ product
    row = product[0] if prefix else product.mean(axis=0)
    (result,) = engine.probe(image, vx.Rollout())
    # float32 against float64, probabilities of some hundredths.
    np.testing.assert_allclose(result.rollout, row[prefix:].reshape(5, 7), atol=1e-6)


def test_another_size_equals_tensorflow(exported: Exported) -> None:
    """The engine's own re-gridding, not the export's."""
    size = (24, 88)
    engine = vx.Engine(exported("headless"), device="cpu", size=size)
    assert engine.manifest.grid == (3, 11)
    network = VisionTransformer(tiny.CONFIGS["headless"])
    network.assign(random_parameters(tiny.CONFIGS["headless"], 7))
    network.grid = (3, 11)
    image = picture(60, 220)
    result = next(engine.stream([image], [vx.Heads()]))
    assert result.pixels is not None
    mean, std = (np.array(values) for values in (tiny.RECIPE.mean, tiny.RECIPE.std))
    expected = network(((result.pixels[None] / 255 - mean) / std).astype(np.float32))
    attention = expected.attention[-1].numpy()[0, :, 0, 1:].reshape(3, 3, 11)
    np.testing.assert_allclose(result.attention, attention, atol=1e-5)


def test_size_keeps_the_crop_ratio_and_the_crop_covers_it(exported: Exported) -> None:
    engine = vx.Engine(exported("plain"), device="cpu", size=(48, 80))
    assert engine.manifest.preprocessing.resize == 53  # 48 / 0.9
    (result,) = engine.probe(picture(530, 884), vx.Heads())
    assert result.crop is not None
    left, top, right, bottom = result.crop
    assert (bottom - top, right - left) == pytest.approx((480, 800), rel=0.01)


def test_a_whole_picture_is_squashed_to_the_size(exported: Exported) -> None:
    engine = vx.Engine(exported("plain"), device="cpu", size=(24, 88), fit="squash")
    image = picture(60, 90)
    (result,) = engine.probe(image, vx.Heads())
    assert result.crop == (0, 0, 90, 60)
    squashed = Image.fromarray(image).resize((88, 24), Image.Resampling.BICUBIC)
    np.testing.assert_array_equal(result.pixels, np.asarray(squashed))


def test_one_number_is_a_square(exported: Exported) -> None:
    assert vx.Engine(exported("plain"), device="cpu", size=48).manifest.size == (48, 48)


def test_large_weights_beside_the_graph_are_found_at_another_size(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, exported: Exported
) -> None:
    model = onnx.load(exported("plain"))
    onnx.save(
        model, tmp_path / "m.onnx", save_as_external_data=True, location="w", size_threshold=256
    )
    monkeypatch.chdir("/")
    engine = vx.Engine(tmp_path / "m.onnx", device="cpu", size=(24, 88))
    expected = vx.Engine(exported("plain"), device="cpu", size=(24, 88))
    image = picture(60, 90)
    np.testing.assert_array_equal(engine.run(image)["logits"], expected.run(image)["logits"])


def test_stream_goes_on_where_probe_stops(exported: Exported, files: list[Path]) -> None:
    bad = files[0].with_name("text.png")
    bad.write_text("no picture")
    engine = vx.Engine(exported("plain"), device="cpu")
    mixed = [files[0], bad, files[1], files[0].with_name("missing.png")]
    results = list(engine.stream(mixed, [vx.Heads(), vx.Rollout()]))
    assert [result.file for result in results] == [str(file) for file in mixed]
    assert [result.error is None for result in results] == [True, False, True, False]
    assert isinstance(results[1].error, PictureError)
    assert "text.png" in str(results[1].error)
    with pytest.raises(
        AttributeError, match=r"text\.png has no rollout, as it failed: .*not a pic"
    ):
        _ = results[1].rollout
    assert copy.copy(results[1]).error is results[1].error
    assert results[2]["rollout"].rollout.shape == results[2]["heads"].mean.shape == (5, 7)
    with pytest.raises(PictureError, match=r"text\.png"):
        engine.probe(mixed, vx.Heads())


def test_a_query_outside_the_crop_is_that_pictures_error(exported: Exported) -> None:
    engine = vx.Engine(exported("plain"), device="cpu")
    wide, narrow = picture(50, 500), picture(50, 70)
    results = list(engine.stream([wide, narrow], [vx.Heads(query=(25, 20))]))
    assert isinstance(results[0].error, PictureError)
    assert results[1].error is None
    assert results[1]["heads"].patch is not None


def test_stream_reads_no_further_ahead_than_a_few_batches(exported: Exported) -> None:
    taken = 0

    def endless() -> Iterator[np.ndarray]:
        nonlocal taken
        while True:
            taken += 1
            yield picture(41, 57)

    stream = vx.Engine(exported("plain"), device="cpu").stream(endless(), [vx.Rollout()])
    for _ in range(10):
        next(stream)
    assert taken < 50


def test_the_prediction_is_the_largest_logit(exported: Exported) -> None:
    engine = vx.Engine(exported("plain"), device="cpu")
    (result,) = engine.probe(picture(60, 80), vx.Heads())
    logits = engine.run(picture(60, 80))["logits"][0]
    odds = np.exp(logits - logits.max())
    assert result.prediction is not None
    assert result.prediction.index == logits.argmax()
    assert result.prediction.label == f"class {logits.argmax()}"
    assert result.prediction.probability == pytest.approx(odds.max() / odds.sum(), rel=1e-4)
    (headless,) = vx.Engine(exported("headless"), device="cpu").probe(picture(60, 80), vx.Heads())
    assert headless.prediction is None
    assert headless.logits is None


def test_saved_results_need_no_pickle(
    exported: Exported, files: list[Path], tmp_path: Path
) -> None:
    engine = vx.Engine(exported("plain"), device="cpu")
    missing = tmp_path / "missing.png"
    results = list(engine.stream([files[0], missing, files[1]], [vx.Heads(mass=0.6)]))
    save_results(tmp_path / "maps.npz", results, "heads")
    with np.load(tmp_path / "maps.npz", allow_pickle=False) as saved:
        arrays = dict(saved)
    assert set(arrays) == {"attention", "mean", "mask", "crop", "files", "skipped"}
    assert arrays["attention"].shape == arrays["mask"].shape == (2, 3, 5, 7)
    assert arrays["crop"].shape == (2, 4)
    assert arrays["files"].tolist() == [str(files[0]), str(files[1])]
    assert arrays["skipped"].tolist() == [str(missing)]
    np.testing.assert_array_equal(arrays["attention"][1], results[2].attention)


def without_manifest(file: Path, target: Path) -> None:
    model = onnx.load(file)
    del model.metadata_props[:]
    onnx.save(model, target)


def with_manifest(file: Path, target: Path, **changed: object) -> None:
    model = onnx.load(file)
    values = json.loads(model.metadata_props[0].value) | changed
    model.metadata_props[0].value = json.dumps(values)
    onnx.save(model, target)


def test_files_that_are_not_probe_ready(exported: Exported, tmp_path: Path) -> None:
    good, file = exported("plain"), tmp_path / "model.onnx"

    def refused(reason: str) -> None:
        with pytest.raises(ModelFileError, match=reason) as caught:
            vx.Engine(file, device="cpu")
        assert str(file) in str(caught.value)
        assert "\n" not in str(caught.value)

    refused("There is no file")
    file.write_bytes(b"")
    refused("is empty")
    file.write_bytes(good.read_bytes()[:5000])
    refused("is not an ONNX model, or is damaged")
    file.write_text("not a model at all, but long enough to be read as one")
    refused("is not an ONNX model, or is damaged")
    without_manifest(good, file)
    refused("vitonnx tap")
    with_manifest(good, file, contract_version=3)
    refused("contract version 3.*upgrade")
    with_manifest(good, file, grid=[5, 5])
    refused("breaks a promise of its manifest: its patches are")
    with_manifest(good, file, preprocessing={})
    refused("damaged manifest")
    with_manifest(good, file, contract_version="1")
    refused("damaged manifest")
    with pytest.raises(ModelFileError, match="is a folder"):
        vx.Engine(tmp_path, device="cpu")


def test_what_the_model_does_not_have(exported: Exported) -> None:
    engine = vx.Engine(exported("pooled"), device="cpu")
    with pytest.raises(UsageError, match="no block 2"):
        engine.probe(picture(50, 60), vx.Heads(block=2))
    with pytest.raises(UsageError, match="no query token 'cls'"):
        engine.stream([], [vx.Heads(query="cls")])
    with pytest.raises(UsageError, match="at least one"):
        engine.run([])
    with pytest.raises(UsageError, match="once"):
        engine.stream([], [vx.Heads(), vx.Heads(block=0)])


def test_threads_are_at_least_one(exported: Exported) -> None:
    with pytest.raises(UsageError, match="threads"):
        vx.Engine(exported("plain"), device="cpu", threads=0)


def test_probing_needs_no_training_framework(exported: Exported, tmp_path: Path) -> None:
    """TensorFlow can't be imported here, and nothing tries to."""
    program = (
        "import sys\n"
        "for name in ('tensorflow', 'keras', 'tf2onnx'): sys.modules[name] = None\n"
        "import numpy as np, vitonnx as vx\n"
        "engine = vx.Engine(sys.argv[1], size=(24, 88))\n"
        "image = np.zeros((50, 60, 3), np.uint8)\n"
        "assert engine.probe(image, vx.Heads())[0].attention.shape == (3, 3, 11)\n"
        "assert engine.probe(image, vx.Rollout())[0].rollout.shape == (3, 11)\n"
    )
    subprocess.run([sys.executable, "-c", program, str(exported("plain"))], check=True)


def test_pictures_in_memory_may_be_used_again_at_once(exported: Exported) -> None:
    """A camera loop fills one array again and again; every result is of its own frame."""
    engine = vx.Engine(exported("plain"), device="cpu")
    frame = np.zeros((41, 57, 3), np.uint8)

    def camera() -> Iterator[np.ndarray]:
        for grey in range(0, 250, 10):
            frame[:] = grey
            yield frame

    seen = [result.pixels for result in engine.stream(camera(), [vx.Heads()])]
    greys = [int(pixels[0, 0, 0]) for pixels in seen if pixels is not None]
    assert greys == list(range(0, 250, 10))


def test_one_open_picture_can_be_given_many_times(exported: Exported, files: list[Path]) -> None:
    engine = vx.Engine(exported("plain"), device="cpu")
    with Image.open(files[0]) as picture:
        results = engine.probe([picture] * 9, vx.Heads())
    assert len({result.attention.tobytes() for result in results[:8]}) >= 1
    np.testing.assert_allclose(results[0].mean, results[8].mean, atol=1e-6)


@pytest.mark.parametrize("size", [(48.0, 48.0), (48,), "48", (48, 48, 3), 48.5])
def test_a_size_that_is_none_is_refused(exported: Exported, size: object) -> None:
    with pytest.raises(UsageError, match="it must be pixels, a number or"):
        vx.Engine(exported("plain"), device="cpu", size=size)  # type: ignore[arg-type]


def test_other_threads_may_print_while_a_file_is_opened(
    exported: Exported, capsys: pytest.CaptureFixture[str]
) -> None:
    import threading

    stop = threading.Event()
    lines = 0

    def talk() -> None:
        nonlocal lines
        while not stop.is_set():
            sys.stdout.write("a line\n")
            lines += 1

    talker = threading.Thread(target=talk)
    talker.start()
    for _ in range(3):
        vx.Engine(exported("plain"), device="cpu")
    stop.set()
    talker.join()
    assert capsys.readouterr().out.count("a line") == lines
