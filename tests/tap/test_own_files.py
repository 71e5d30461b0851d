"""Files that vitonnx wrote itself need no tapping."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from tap.foreign_ways import WAYS
from tap.tapping import Call, Refused, Tapped, done
from vitonnx.demo import demo_models


@pytest.mark.parametrize("name", demo_models())
def test_a_file_that_is_probe_ready(name: str, refused: Refused, desk: Path) -> None:
    shutil.copy(demo_models()[name], desk / "model.onnx")
    refused("model.onnx", {1, 2}, "model.onnx", "no tapping")


def test_a_file_that_was_tapped(tapped: Tapped, refused: Refused) -> None:
    tapped(WAYS["class"])
    words = "--preprocess imagenet -o again.onnx"
    refused("out.onnx", {1, 2}, "out.onnx", "no tapping", words=words)


def test_a_baked_file(call: Call, refused: Refused) -> None:
    source = next(iter(demo_models().values()))
    done(call("bake", source, "--probe", "heads", "-o", "model.onnx"))
    refused("model.onnx", {1, 2}, "model.onnx", "no tapping")
