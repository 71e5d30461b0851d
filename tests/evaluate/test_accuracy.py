"""Right answers, against a loop that asks one picture after the other."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

import vitonnx as vx
from evaluate.labelled_pictures import draw, one_by_one
from vitonnx.dataset import Dataset, Sample, open_dataset
from vitonnx.errors import PictureError, UsageError
from vitonnx.evaluate import AccuracyRun, Labels, accuracy_of
from vitonnx.models import imagenet_synsets

Exported = Callable[[str], Path]


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    return draw(tmp_path_factory.mktemp("pictures"))


def ranked(engine: vx.Engine, files: list[Path], ranks: int) -> list[int]:
    """Give each picture the class that the model puts at place 0, 1, 2 … in turn."""
    logits = one_by_one(engine, files, "logits")
    order = np.argsort(-logits, axis=1, kind="stable")
    return [int(order[number, number % ranks]) for number in range(len(files))]


@pytest.mark.parametrize("kind", ["plain", "imagenet"])
def test_equal_to_a_slow_loop(kind: str, exported: Exported, files: list[Path]) -> None:
    engine = vx.Engine(exported(kind), device="cpu")
    labels = ranked(engine, files, 11)
    found = vx.evaluate_accuracy(engine, files, labels)
    count = len(files)
    assert (found.pictures, dict(found.skipped)) == (count, {})
    assert found.top1.value == len([n for n in range(count) if n % 11 < 1]) / count
    assert found.top5 is not None
    assert found.top5.value == len([n for n in range(count) if n % 11 < 5]) / count
    assert found.published is None  # its weights are random


@pytest.mark.peers
def test_equal_to_a_slow_loop_with_torch(tmp_path: Path, files: list[Path]) -> None:
    """The same weights in timm's model, the same pictures as timm's transform makes them."""
    import json

    from PIL import Image

    from vitonnx.cli import main

    torch, timm = pytest.importorskip("torch"), pytest.importorskip("timm")
    from safetensors.torch import save_file

    from peer_models import shake

    options = {"img_size": (48, 64), "embed_dim": 48, "num_heads": 3, "depth": 2}
    model = timm.create_model("vit_tiny_patch16_224", num_classes=13, **options).eval()
    shake(model)
    save_file(model.state_dict(), tmp_path / "model.safetensors")
    recipe = {"mean": (0.5, 0.4, 0.3), "std": (0.2, 0.3, 0.4), "crop_pct": 0.9}
    recipe |= {"interpolation": "bicubic", "input_size": (3, 48, 64)}
    config = {
        "architecture": "vit_tiny_patch16_224",
        "num_classes": 13,
        "model_args": options,
        "pretrained_cfg": recipe,
    }
    (tmp_path / "config.json").write_text(json.dumps(config))
    words = ["--config", str(tmp_path / "config.json"), "-o", str(tmp_path / "model.onnx"), "-q"]
    assert main(["export", "--weights", str(tmp_path / "model.safetensors"), *words]) == 0
    transform = timm.data.create_transform(**recipe, is_training=False)
    top1 = top5 = 0
    labels = []
    with torch.no_grad():
        for number, file in enumerate(files):
            logits = model(transform(Image.open(file).convert("RGB"))[None])[0]
            order = logits.argsort(descending=True)
            label = int(order[number % 13])
            top1 += int(order[0]) == label
            top5 += label in order[:5].tolist()
            labels.append(label)
    found = vx.evaluate_accuracy(vx.Engine(tmp_path / "model.onnx", device="cpu"), files, labels)
    assert found.top5 is not None
    assert (found.top1.value, found.top5.value) == (top1 / len(files), top5 / len(files))


def test_several_precisions_are_held_against_the_first(
    exported: Exported, files: list[Path]
) -> None:
    engine = vx.Engine(exported("imagenet"), device="cpu", precision="fp32")
    whole = engine.sibling(precision="int8")
    labels = ranked(engine, files, 7)
    found = vx.evaluate_accuracy([engine, whole], files, labels)
    own, theirs = (one_by_one(each, files, "logits").argmax(axis=1) for each in (engine, whole))
    assert list(found.precisions) == ["fp32", "int8"]
    assert found.top1.value == (own == labels).mean()
    int8 = found.precisions["int8"]
    assert int8.top1.value == (theirs == labels).mean()
    assert int8.agreement is not None
    assert int8.agreement.value == (own == theirs).mean() < 1
    assert found.precisions["fp32"].agreement is None
    with pytest.raises(UsageError, match="twice"):
        vx.evaluate_accuracy([engine, engine.sibling()], files, labels)


def test_labels_by_name_and_by_id(exported: Exported, files: list[Path]) -> None:
    engine = vx.Engine(exported("imagenet"), device="cpu")
    numbers = ranked(engine, files, 3)
    synsets = imagenet_synsets()
    by_number = vx.evaluate_accuracy(engine, files, numbers)
    by_id = vx.evaluate_accuracy(engine, files, [synsets[number].id for number in numbers])
    assert by_number.precisions == by_id.precisions


def test_a_bad_picture_is_skipped_and_the_others_keep_their_labels(
    exported: Exported, files: list[Path], tmp_path: Path
) -> None:
    engine = vx.Engine(exported("plain"), device="cpu")
    labels = ranked(engine, files, 1)
    bad = tmp_path / "bad.png"
    bad.write_text("Dear picture")
    some = [*files[:5], bad, *files[5:23], tmp_path / "missing.png"]
    found = vx.evaluate_accuracy(engine, some, [*labels[:5], 3, *labels[5:23], 3])
    assert (found.pictures, found.top1.value) == (23, 1.0)
    assert list(found.skipped) == [str(bad), str(tmp_path / "missing.png")]
    with pytest.raises(PictureError):
        vx.evaluate_accuracy(engine, [bad], [3])


def album(folder: Path, files: list[Path], labels: list[str]) -> Dataset:
    """Give pictures in class folders."""
    for file, label in zip(files, labels, strict=False):
        (folder / label).mkdir(parents=True, exist_ok=True)
        (folder / label / file.name).write_bytes(file.read_bytes())
    return open_dataset([str(folder)])


def test_class_folders_with_a_stray(exported: Exported, files: list[Path], tmp_path: Path) -> None:
    engine = vx.Engine(exported("plain"), device="cpu")
    labels = [f"class {number}" for number in ranked(engine, files, 1)]
    album(tmp_path / "val", files[:31], labels)
    (tmp_path / "val/stray.png").write_bytes(files[0].read_bytes())
    found = vx.evaluate_accuracy(engine, open_dataset([str(tmp_path / "val")]))
    assert (found.pictures, found.top1.value) == (31, 1.0)
    assert list(found.skipped.values()) == [f"{tmp_path / 'val/stray.png'}: it has no label."]


class Unlisted:
    """A shard whose pictures are known as they are read, such as a tar."""

    def __init__(self, samples: list[Sample]) -> None:
        self._samples = samples
        self.name = self.stem = "shard"
        self.count = None

    def samples(self, start: int = 0) -> object:
        return iter(self._samples[start:])

    def described(self) -> str:
        return "shard"


def test_a_stream_without_labels_is_refused_before_its_end(
    exported: Exported, files: list[Path]
) -> None:
    engine = vx.Engine(exported("plain"), device="cpu")
    read: list[str] = []

    def samples() -> object:
        for number in range(10**4):
            read.append(str(number))
            yield Sample(str(number), files[0])

    shard = Unlisted([])
    shard.samples = lambda start=0: samples()  # type: ignore[method-assign]
    with pytest.raises(UsageError, match=r"the pictures have no labels \(.*0000\.png\)"):
        vx.evaluate_accuracy(engine, Dataset([shard]))  # type: ignore[list-item]
    assert len(read) < 200
    few = Unlisted([Sample(str(number), files[0]) for number in range(3)])
    with pytest.raises(UsageError, match="have no labels"):
        vx.evaluate_accuracy(engine, Dataset([few]))  # type: ignore[list-item]


def test_a_wrong_label_in_a_stream_is_refused(exported: Exported, files: list[Path]) -> None:
    engine = vx.Engine(exported("plain"), device="cpu")
    shard = Unlisted([Sample("a", files[0], 3), Sample("b", files[1], 11)])
    with pytest.raises(UsageError, match=r"0001\.png: there is no class 11: the model"):
        vx.evaluate_accuracy(engine, Dataset([shard]))  # type: ignore[list-item]


def test_it_goes_on_where_it_was(exported: Exported, files: list[Path], tmp_path: Path) -> None:
    engine = vx.Engine(exported("plain"), device="cpu")
    labels = [f"class {number}" for number in ranked(engine, files, 3)]
    album(tmp_path / "val", files, labels)
    (tmp_path / "val/class 3").mkdir(exist_ok=True)
    (tmp_path / "val/class 3/bad.png").write_text("Dear picture")
    (tmp_path / "val/stray.png").write_bytes(files[0].read_bytes())
    dataset = open_dataset([str(tmp_path / "val")], shard_size=67)
    run = AccuracyRun(engines={"fp32": engine}, dataset=dataset, labels=Labels())
    whole = run.begin()
    states = []
    for _ in run.go(whole):
        run.state(tmp_path / "state").save(whole)
        states.append((tmp_path / "state").read_bytes())
    models = {"fp32": engine.manifest}
    expected = accuracy_of(run.question, models, whole[0], {}).numbers()
    assert expected["pictures"] == len(files)
    assert len(states) > 20
    for state in states[::5]:
        (tmp_path / "state").write_bytes(state)
        surveys = run.state(tmp_path / "state").load()
        assert surveys is not None
        for _ in run.go(surveys):
            pass
        assert accuracy_of(run.question, models, surveys[0], {}).numbers() == expected


def test_what_cant_be_asked(exported: Exported, files: list[Path]) -> None:
    engine = vx.Engine(exported("headless"), device="cpu")
    with pytest.raises(UsageError, match="no head"):
        vx.evaluate_accuracy(engine, files, [0] * len(files))
    plain = vx.Engine(exported("plain"), device="cpu")
    with pytest.raises(UsageError, match="2 labels for 3 pictures"):
        vx.evaluate_accuracy(plain, files[:3], [0, 1])
    with pytest.raises(UsageError, match="have no labels"):
        vx.evaluate_accuracy(plain, files[:3])
