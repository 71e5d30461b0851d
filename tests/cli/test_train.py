"""``vitonnx train`` as a user has it: from pictures to a file that probes read."""

from __future__ import annotations

import json
import signal
import subprocess
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from safetensors import safe_open

from data import cifar_files as cifar
from terminal import (
    VITONNX,
    Outcome,
    assert_plain,
    assert_refused,
    contents,
    environment,
    run_without,
)
from vitonnx.modelfile import load_manifest

Call = Callable[..., Outcome]

TINY = ["--image-size", "16", "--patch", "4", "--width", "8", "--heads", "2", "--depth", "1"]
TINY += ["--batch-size", "16", "--epochs", "1"]
DINO = ["--objective", "dino", "--registers", "2", "--prototypes", "16", "--koleo", "0.2"]
DINO += ["--momentum", "0.99", "--colour-ramp", "10", "40", "--hue", "0.5"]
GAP = ["--classifier", "gap", "--position", "sincos", "--precision", "bfloat16"]
FILES = {
    "best.safetensors", "config.json", "losses.csv", "losses.png", "model.onnx",
    "state.safetensors",
}  # fmt: skip


def write_folders(folder: Path, *names: str, each: int = 6) -> Path:
    """Write noise in a folder for each class."""
    generator = np.random.default_rng(0)
    for name in names:
        (folder / name).mkdir(parents=True)
        for number in range(each):
            noise = generator.integers(0, 256, (23, 19, 3), np.uint8)
            Image.fromarray(noise).save(folder / name / f"{number}.png")
    return folder


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Outcome]:
    """A folder of runs on all three kinds of data, trained in a process of its own."""
    folder = tmp_path_factory.mktemp("trained")
    archive = cifar.write_tar(folder / "cifar.tar.gz", cifar.binary_files(cifar.make_batches()))
    write_folders(folder / "flowers", "aster", "daisy", "iris")
    size = TINY[2:]
    lines = [
        ["scenes", "--image-size", "32", *size, "--pictures", "32", "-o", folder / "scenes"],
        [archive, *TINY, *DINO, "-o", folder / "cifar", "--name", "frogs"],
        [folder / "flowers", *TINY, *GAP, "-q", "-o", folder / "deep" / "flowers"],
    ]
    words = [" ".join(["train", *map(str, line)]) for line in lines]
    return folder, run_without("", *words)


def test_every_kind_of_data_becomes_a_file(trained: tuple[Path, Outcome]) -> None:
    folder, outcome = trained
    assert outcome.code == 0, outcome
    runs = [folder / "scenes", folder / "cifar", folder / "deep" / "flowers"]
    assert outcome.out.splitlines() == [str(each / "model.onnx") for each in runs]
    # The third was told to be quiet; nothing else talks, TensorFlow least of all.
    first, second = outcome.err.splitlines()
    assert first.startswith("note: epoch 1 of 1: loss 2.")
    assert "validation_loss 2." in first
    assert ", accuracy 0." in first
    assert second.startswith("note: epoch 1 of 1: loss ")
    assert ", neighbour_accuracy 0" in second  # of so short a training, 0 may be all
    for each in runs:
        assert set(contents(each)) == FILES
        with Image.open(each / "losses.png") as picture:
            picture.load()


def test_what_the_files_say(trained: tuple[Path, Outcome]) -> None:
    folder, _ = trained
    scenes = load_manifest(folder / "scenes" / "model.onnx")
    assert (scenes.name, scenes.family) == ("scenes", "vit")
    assert len(scenes.classes or ()) == 10
    assert "mushroom" in (scenes.classes or ())
    assert scenes.grid == (8, 8)
    frogs = load_manifest(folder / "cifar" / "model.onnx")
    assert (frogs.name, frogs.family, frogs.classes) == ("frogs", "dino", None)
    assert frogs.prefix_tokens == ("cls", "reg0", "reg1")
    flowers = load_manifest(folder / "deep" / "flowers" / "model.onnx")
    assert flowers.classes == ("aster", "daisy", "iris")
    assert flowers.prefix_tokens == ()
    state = folder / "cifar" / "state.safetensors"
    with safe_open(state, "np") as file:
        told = json.loads(file.metadata()["run"])
    assert (told["targets"], told["prototypes"], told["koleo"]) == ("sinkhorn", 16, 0.2)
    assert (told["momentum"], told["colour_ramp"], told["hue"]) == (0.99, [10, 40], 0.5)
    assert told["batch_norm"] is True
    described = json.loads((folder / "deep" / "flowers" / "config.json").read_text())
    assert (described["position"], described["pooling"]) == ("sincos", "mean")


@pytest.mark.parametrize("name", ["scenes", "cifar"])
def test_the_files_are_probed(
    name: str, trained: tuple[Path, Outcome], call: Call, pictures: Path, desk: Path
) -> None:
    model = trained[0] / name / "model.onnx"
    outcome = call("probe", "heads", model, pictures / "landscape.png", "-o", "heads.npz")
    assert (outcome.code, outcome.errors) == (0, [])
    with np.load(desk / "heads.npz") as arrays:
        attention = arrays["attention"]
    # The patches alone: no class token, and no registers.
    assert attention.shape[-3:] == {"scenes": (2, 8, 8), "cifar": (2, 4, 4)}[name]
    assert np.all(attention > 0)


def test_a_run_is_exported_again_from_its_own_files(
    trained: tuple[Path, Outcome], call: Call, desk: Path
) -> None:
    run = trained[0] / "deep" / "flowers"
    weights = run / "best.safetensors"
    outcome = call("export", "--config", run / "config.json", "--weights", weights, "-o", "m.onnx")
    assert (outcome.code, outcome.errors) == (0, [])
    assert load_manifest(desk / "m.onnx").classes == ("aster", "daisy", "iris")


def test_the_help_tells_of_the_data(call: Call) -> None:
    outcome = call("train", "--help")
    assert (outcome.code, outcome.err) == (0, "")
    for word in (
        "scenes",
        "CIFAR-10",
        "subfolder of pictures per class",
        "--resume",
        "Example: vitonnx train",
    ):
        assert word in " ".join(outcome.out.split()), word


def test_pictures_that_can_not_be_read_are_listed(call: Call, desk: Path, bad: Path) -> None:
    folder = write_folders(desk / "pets", "cat", "dog")
    for name in ("text.png", "cut.jpg"):
        (folder / "cat" / name).write_bytes((bad / name).read_bytes())
    outcome = call("train", folder, *TINY, "-o", "run")
    assert outcome.code == 1
    assert outcome.out == "run/model.onnx\n"
    assert set(contents(desk / "run")) == FILES
    first, second, last = outcome.errors
    assert "cat/cut.jpg" in first
    assert "cat/text.png" in second
    assert last == "2 of 14 pictures skipped; the others are done."
    for error in outcome.errors:
        assert_plain(error)


@pytest.mark.parametrize(
    ("data", "parts"),
    [
        ("nowhere", ["nowhere does not exist", "the word scenes"]),
        ("empty", ["empty", "no subfolders"]),
        ("one", ["one", "class"]),
        ("text.tar.gz", ["text.tar.gz"]),
    ],
)
def test_bad_data(data: str, parts: list[str], call: Call, desk: Path) -> None:
    (desk / "empty").mkdir()
    write_folders(desk / "one", "cat")
    (desk / "text.tar.gz").write_text("Dear archive")
    before = contents(desk)
    assert_refused(call("train", data, *TINY, "-o", "run"), 1, *parts)
    assert contents(desk) == before


@pytest.mark.parametrize(
    ("words", "parts"),
    [
        (["--image-size", "18"], ["18x18", "patch size 4"]),
        (["--image-size", "12"], ["12x12 is too small"]),
        (["--width", "9"], ["9", "2 heads"]),
        (["--width", "6", "--position", "sincos"], ["multiple of 4"]),
        (["--objective", "mae"], ["mae", "supervised", "dino"]),
        (["--epochs", "0"], ["--epochs", "greater than or equal to 1"]),
        (["--learning-rate", "-1"], ["learning_rate is -1.0"]),
        (["--seed", "99999999999"], ["seed is 99999999999"]),
        (["--learning", "1"], ["--learning"]),
        (["--targets", "mean"], ["mean", "sinkhorn", "centred"]),
        (["--prototypes", "0"], ["--prototypes", "greater than or equal to 1"]),
        (["--registers", "2", "--classifier", "gap"], ["--classifier token"]),
        (["--koleo", "-1"], ["koleo is -1.0"]),
        (["--momentum", "1.5"], ["momentum is 1.5"]),
        (["--colour-ramp", "30", "20"], ["colour_ramp is 30 to 20"]),
        (["--objective", "dino", "--batch-size", "1"], ["koleo", "batch_size is 1"]),
    ],
    ids=" ".join,
)
def test_bad_calls(words: list[str], parts: list[str], call: Call, desk: Path) -> None:
    outcome = call("train", "scenes", *TINY, "--pictures", "16", *words, "-o", "run")
    assert_refused(outcome, 2, *parts)
    assert not [name for name in contents(desk) if name != "run"]


def test_bad_folders(call: Call, desk: Path) -> None:
    (desk / "file").write_text("mine")
    words = ["train", "scenes", *TINY, "--pictures", "16"]
    assert_refused(call(*words, "-o", "file"), 2, "can't make the folder file", "Give another")
    assert_refused(call(*words), 2, "--output")
    (desk / "run").mkdir()
    (desk / "run" / "state.safetensors").write_text("older")
    assert_refused(call(*words, "-o", "run"), 2, "run already holds a training", "--resume")
    assert_refused(call(*words, "-o", "run", "--resume"), 1, "state of a training", "another")
    assert contents(desk / "run") == {"state.safetensors": b"older"}


def test_a_training_that_breaks_down(call: Call, desk: Path) -> None:
    words = ["train", "scenes", *TINY, "--pictures", "32", "--learning-rate", "1e30", "-o", "run"]
    assert_refused(call(*words), 1, "training diverged", "nothing is kept", "--learning-rate")
    assert contents(desk) == {"run": b"a folder"}


def test_ctrl_c_and_resume(desk: Path, call: Call) -> None:
    words = ["train", "scenes", *TINY, "--epochs", "2", "--pictures", "256", "-o", "run"]
    process = subprocess.Popen(
        [*VITONNX, *words],
        env=environment(),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    try:
        assert process.stderr is not None
        said = process.stderr.readline()  # just before the second epoch begins
        process.send_signal(signal.SIGINT)
        out, err = process.communicate(timeout=60)
    finally:
        process.kill()
    assert said.startswith("note: epoch 1 of 2"), said + err
    assert (process.returncode, out, err) == (130, "", "error: interrupted.\n")
    kept = (desk / "run" / "losses.csv").read_text().splitlines()
    assert len(kept) == 2
    assert set(contents(desk / "run")) == FILES - {"model.onnx"}

    outcome = call(*words, "--resume")
    assert (outcome.code, outcome.out, outcome.errors) == (0, "run/model.onnx\n", [])
    assert [note[:14] for note in outcome.notes] == ["epoch 1 of 2: ", "epoch 2 of 2: "]
    whole = (desk / "run" / "losses.csv").read_text().splitlines()
    assert whole[:2] == kept
    assert len(whole) == 3
    assert set(contents(desk / "run")) == FILES


def test_without_the_export_extra(desk: Path) -> None:
    outcome = run_without("tensorflow", "train scenes -o run")
    assert_refused(outcome, 2, "training need tensorflow", "pip install 'vitonnx[export]'")
    assert not list(desk.iterdir())
