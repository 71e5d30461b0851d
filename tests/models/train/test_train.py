"""The loop of training, for both objectives, on a data set that anything learns."""

from __future__ import annotations

import csv
import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest
from safetensors import safe_open
from safetensors.numpy import load_file, save_file

from models.train.easy_pictures import TINY, easy_pictures
from terminal import contents
from vitonnx.errors import CheckpointError, TrainingError, UsageError
from vitonnx.models.train import BEST, Settings, train
from vitonnx.models.train._supervised import Supervised

DATA = easy_pictures()
SUPERVISED = replace(TINY, epochs=4, learning_rate=0.03)
# Colours begin to change more in the first epoch, and are whole in the last.
DINO = replace(
    TINY, objective="dino", epochs=3, learning_rate=0.003, registers=2, colour_ramp=(16, 60)
)
FILES = {"state.safetensors", "best.safetensors", "losses.csv"}
Rows = list[dict[str, float]]
Run = tuple[Settings, Path, Rows, Any, list[bytes]]


@pytest.fixture(autouse=True)
def float32_everywhere_else() -> None:
    """What a test leaves behind would make all others compute in it."""
    assert keras.config.dtype_policy().name == "float32"


@pytest.fixture(scope="module", params=[SUPERVISED, DINO], ids=lambda each: each.objective)
def run(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Any:
    """Settings, folder, rows, the steps that were told, and each epoch's best, of a training."""
    folder = tmp_path_factory.mktemp("run") / "deep" / request.param.objective
    told: list[tuple[int, int, float]] = []
    weights: list[bytes] = []
    rows = train(
        DATA,
        request.param,
        folder,
        on_step=lambda *step: told.append(step),
        on_epoch=lambda rows: weights.append((folder / BEST).read_bytes()),
    )
    return request.param, folder, rows, told, weights


def table(folder: Path) -> list[dict[str, str]]:
    with (folder / "losses.csv").open(newline="") as stream:
        return list(csv.DictReader(stream))


def test_the_loss_falls(run: Run) -> None:
    """Four colours are learned in a dozen steps; twice these falls were measured and more."""
    settings, _, rows, *_ = run
    losses = [row["loss"] for row in rows]
    if settings.objective == "supervised":
        assert losses[-1] < 0.7 * losses[0]
        assert rows[-1]["accuracy"] > 0.6  # of four classes
    else:
        assert losses[-1] < losses[0] - 0.05
        assert rows[-1]["neighbour_accuracy"] > 0.6


def test_what_is_told_and_kept(run: Run) -> None:
    settings, folder, rows, told, _ = run
    assert {file.name for file in folder.iterdir()} == FILES
    assert [row["epoch"] for row in rows] == list(range(1, settings.epochs + 1))
    steps = 3 * settings.epochs
    assert [step[:2] for step in told] == [(number, steps) for number in range(1, steps + 1)]
    for epoch, row in enumerate(rows):
        mean = np.mean([loss for _, _, loss in told[3 * epoch : 3 * epoch + 3]])
        assert row["loss"] == pytest.approx(mean, rel=1e-12)
    written = table(folder)
    assert [{key: float(value) for key, value in row.items()} for row in written] == rows
    assert [row["epoch"] for row in written] == [str(int(row["epoch"])) for row in rows]
    shapes = {name: each.shape for name, each in load_file(folder / BEST).items()}
    classes = 4 if settings.objective == "supervised" else 0
    assert shapes == dict(settings.network(classes).parameters())


def test_the_same_again(run: Run, tmp_path: Path) -> None:
    """A fixed seed gives the same losses, to the last bit; broken off after an epoch or not.

    One run is stopped by Ctrl-C in its second epoch, another program's process being no matter
    here, and goes on.
    """
    settings, folder, rows, *_ = run

    def stop(done: int, steps: int, loss: float) -> None:
        if done == 5:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        train(DATA, settings, tmp_path, on_step=stop)
    assert len(table(tmp_path)) == 1
    seen: list[int] = []
    resumed = train(
        DATA, settings, tmp_path, resume=True, on_epoch=lambda rows: seen.append(len(rows))
    )
    assert resumed == rows
    assert seen == list(range(1, settings.epochs + 1))
    assert (tmp_path / "losses.csv").read_bytes() == (folder / "losses.csv").read_bytes()
    assert (tmp_path / BEST).read_bytes() == (folder / BEST).read_bytes()
    before = contents(tmp_path)
    assert train(DATA, settings, tmp_path, resume=True) == rows  # there is nothing left to do
    assert contents(tmp_path) == before


def test_a_folder_with_a_run_is_not_written_over(run: Run) -> None:
    settings, folder, *_ = run
    before = contents(folder)
    with pytest.raises(UsageError, match="already holds a training: resume it with --resume"):
        train(DATA, settings, folder)
    with pytest.raises(CheckpointError, match=r"width 8 \(now 12\)"):
        train(DATA, replace(settings, width=12), folder, resume=True)
    with pytest.raises(CheckpointError, match=r"pictures \[24, 12\] \(now \[16, 12\]\)"):
        train(easy_pictures(16), settings, folder, resume=True)
    assert contents(folder) == before


def test_what_no_training_leaves_is_refused(run: Run, tmp_path: Path) -> None:
    """Its form is right, and its numbers can't be."""
    settings, folder, rows, *_ = run
    state = tmp_path / "state.safetensors"
    kept = load_file(folder / "state.safetensors")
    with safe_open(folder / "state.safetensors", "np") as file:
        told = file.metadata()
    more = [*rows, {**rows[-1], "epoch": len(rows) + 1.0}]
    fewer = [{key: row[key] for key in ("epoch", "loss")} for row in rows]
    weight = next(name for name, array in kept.items() if array.ndim > 1)
    broken = {**kept, weight: np.full_like(kept[weight], np.nan)}
    for arrays, said, reason in (
        (kept, more, f"{len(more)} epochs of {len(rows)}"),
        (kept, [], "0 epochs of"),
        (kept, fewer, "other measures"),
        (broken, rows, "that aren't numbers"),
    ):
        save_file(arrays, state, {**told, "rows": json.dumps(said)})
        before = contents(tmp_path)
        with pytest.raises(
            CheckpointError, match=f"a state that this training can't have written .*{reason}"
        ):
            train(DATA, settings, tmp_path, resume=True)
        assert contents(tmp_path) == before


def test_the_best_epoch_is_kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Of supervised training the most accurate, and of equals the latest."""
    accuracies = iter([0.5, 0.75, 0.25, 0.75, 0.5])
    weights = []

    def measure(self: object, data: object) -> dict[str, float]:
        return {"accuracy": next(accuracies)}

    monkeypatch.setattr(Supervised, "measure", measure)
    train(
        DATA,
        replace(SUPERVISED, epochs=5),
        tmp_path,
        on_epoch=lambda rows: weights.append((tmp_path / BEST).read_bytes()),
    )
    first, second, third, fourth, fifth = weights
    assert first != second == third != fourth == fifth


@pytest.mark.parametrize("run", [DINO], indirect=True, ids=["dino"])
def test_the_last_teacher_is_kept(run: Run) -> None:
    _, folder, _, _, weights = run
    assert len(set(weights)) == DINO.epochs
    best, state = (load_file(folder / name) for name in (BEST, "state.safetensors"))
    # The state has the teacher's variables in Keras' order, and the patches' kernel among them.
    kernel = best["patch_embed/kernel"]
    teacher = [each for name, each in state.items() if name.startswith("teacher/")]
    assert any(np.array_equal(kernel, each) for each in teacher)
    student = [each for name, each in state.items() if name.startswith("student/")]
    assert not any(np.array_equal(kernel, each) for each in student)


def test_a_loss_that_is_no_number_stops_it(tmp_path: Path) -> None:
    with pytest.raises(TrainingError, match=r"of epoch 1; nothing is kept.*--learning-rate"):
        train(DATA, replace(SUPERVISED, learning_rate=1e30), tmp_path)
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("broken", ["loss", "weights"])
def test_what_was_kept_stays_when_it_breaks_later(
    broken: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The second epoch's loss, or only its last step's weights, are no numbers any more."""
    before: list[dict[str, bytes]] = []
    real = Supervised.measure

    def measure(self: Any, data: Any) -> dict[str, float]:
        measured = real(self, data)
        if before:
            self.network.named_weights()["norm/bias"].assign([np.nan] * 8)
        return measured

    def on_epoch(rows: Rows) -> None:
        before.append(dict(contents(tmp_path)))

    if broken == "weights":
        monkeypatch.setattr(Supervised, "measure", measure)
        said = r"norm/bias is no longer finite of epoch 2; epoch 1 is kept"
    else:
        said = r"the loss became nan in step 6 of epoch 2; epoch 1 is kept"
        step = Supervised.step

        def no_number(self: Any, pictures: Any, labels: Any, number: Any) -> Any:
            loss = step(self, pictures, labels, number)
            return loss * np.nan if int(number) == 5 else loss

        monkeypatch.setattr(Supervised, "step", no_number)
    with pytest.raises(TrainingError, match=said):
        train(DATA, SUPERVISED, tmp_path, on_epoch=on_epoch)
    assert len(before) == 1
    assert contents(tmp_path) == before[0]
    assert len(table(tmp_path)) == 1


def test_a_folder_that_is_a_file(tmp_path: Path) -> None:
    (tmp_path / "run").write_text("mine")
    for folder in (tmp_path / "run", tmp_path / "run" / "deeper"):
        with pytest.raises(UsageError, match="can't make the folder"):
            train(DATA, SUPERVISED, folder)
    assert contents(tmp_path) == {"run": b"mine"}


def test_fewer_pictures_than_a_batch(tmp_path: Path) -> None:
    told: list[tuple[int, int]] = []
    train(
        easy_pictures(5),
        replace(SUPERVISED, epochs=2),
        tmp_path,
        on_step=lambda done, steps, loss: told.append((done, steps)),
    )
    assert told == [(1, 2), (2, 2)]
