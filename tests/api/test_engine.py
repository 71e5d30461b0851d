"""The engine by name: files, the models inside, the registry, and a hub."""

from __future__ import annotations

import logging
import os
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

import vitonnx as vx
from vitonnx import engine
from vitonnx.demo import demo_models

PICTURE = np.random.default_rng(3).integers(0, 256, (53, 71, 3), np.uint8)


def test_a_name_and_its_file_are_one_model() -> None:
    by_name, by_file = (
        vx.Engine(model, device="cpu") for model in ("scenes_vit", demo_models()["scenes_vit"])
    )
    assert by_name.file == by_file.file
    found, expected = (each.run(PICTURE)["logits"] for each in (by_name, by_file))
    np.testing.assert_array_equal(found, expected)


def test_a_file_wins_over_a_name(desk: Path) -> None:
    """As on the command line."""
    shutil.copy(demo_models()["scenes_dino"], desk / "scenes_vit")
    assert vx.Engine("scenes_vit", device="cpu").manifest.name == "scenes_dino"


def test_the_door_is_the_same_engine() -> None:
    opened = vx.Engine("scenes_vit", device="cpu", size=(64, 80), threads=1)
    assert isinstance(opened, engine.Engine)
    assert (opened.manifest.size, opened.threads) == ((64, 80), 1)
    assert repr(opened).startswith("<Engine 'scenes_vit', 64x80 pixels")
    with opened:
        assert opened.probe(PICTURE, vx.Heads())[0].attention.shape == (4, 8, 10)
    with pytest.raises(vx.VitonnxError, match="closed"):
        opened.run(PICTURE)


def test_the_engine_below_takes_files_alone(desk: Path) -> None:
    with pytest.raises(vx.errors.ModelFileError, match="scenes_vit"):
        engine.Engine("scenes_vit", device="cpu")


def test_what_is_made_of_a_name_is_kept_and_logged(
    desk: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """Exporting is the business of names; here a file stands where it would be put."""
    from importlib.metadata import version

    import platformdirs

    monkeypatch.setenv("XDG_CACHE_HOME", str(desk / "cache"))
    kept = platformdirs.user_cache_path("vitonnx") / version("vitonnx")
    kept.mkdir(parents=True)
    shutil.copy(demo_models()["scenes_vit"], kept / "vit_small_patch16_224.dino.onnx")
    with caplog.at_level(logging.INFO, "vitonnx"):
        assert vx.Engine("dino_vits16", device="cpu").file.parent == kept
    assert not caplog.records


def test_opening_a_name_says_nothing() -> None:
    program = "import vitonnx as vx; vx.Engine('scenes_vit').probe_weights(vx.Filters(count=1))"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, check=True)
    assert (done.stdout, done.stderr) == (b"", b"")


def test_the_import_is_quick_and_leaves_no_telemetry() -> None:
    program = (
        "import os, time; begun = time.process_time(); import vitonnx; "
        "print(time.process_time() - begun, os.environ['ORT_DISABLE_TELEMETRY'])"
    )
    clean = {name: value for name, value in os.environ.items() if name != "ORT_DISABLE_TELEMETRY"}
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True, env=clean
    )
    seconds, telemetry = done.stdout.split()
    assert float(seconds) < 0.1
    assert telemetry == "1"


def test_weights_are_asked_by_name() -> None:
    expected = vx.Engine("scenes_vit", device="cpu").probe_weights(vx.Positions()).similarity
    np.testing.assert_array_equal(
        vx.probe_weights("scenes_vit", vx.Positions()).similarity, expected
    )
