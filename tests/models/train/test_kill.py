"""A training that is killed goes on as if it had never been."""

from __future__ import annotations

import subprocess
from pathlib import Path

from terminal import VITONNX, contents, environment
from vitonnx.data import open_data
from vitonnx.models.train import BEST, Settings, train

SETTINGS = Settings(
    image_size=16, patch=4, width=8, depth=1, heads=2, epochs=2, batch_size=16, seed=5
)
WORDS = ["train", "scenes", "--image-size", "16", "--patch", "4", "--width", "8", "--depth", "1"]
WORDS += ["--heads", "2", "--epochs", "2", "--batch-size", "16", "--seed", "5", "--pictures", "64"]


def test_killed_in_the_second_epoch(tmp_path: Path) -> None:
    process = subprocess.Popen(
        [*VITONNX, *WORDS, "-o", "run"],
        cwd=tmp_path,
        env=environment(),
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
    )
    try:
        assert process.stderr is not None
        # It is said when all of the epoch's files are there, just before the next begins: with a
        # thousand scenes for validation that takes a second, and killing no time.
        said = process.stderr.readline()
    finally:
        process.kill()
        process.communicate()
    assert said.startswith("note: epoch 1 of 2: loss "), said
    folder = tmp_path / "run"
    assert len((folder / "losses.csv").read_text().splitlines()) == 2
    assert BEST in contents(folder)

    data = open_data("scenes", 16, 5, pictures=64)
    epochs: list[int] = []
    rows = train(
        data, SETTINGS, folder, resume=True, on_epoch=lambda rows: epochs.append(len(rows))
    )
    assert epochs == [1, 2]  # the first is what was done; it isn't done again
    whole = train(data, SETTINGS, tmp_path / "whole")
    assert rows == whole
    for name in ("losses.csv", BEST):
        assert (folder / name).read_bytes() == (tmp_path / "whole" / name).read_bytes()
    assert not list(folder.glob(".*"))
