"""What importing costs, and what it must not bring along. Each import in a process of its own."""

from __future__ import annotations

import subprocess
import sys

import pytest

import vitonnx

FRAMEWORKS = {"tensorflow", "keras", "tf2onnx", "torch"}
GRAPHS = {"onnx", "onnx_ir", "onnxscript"}
RUNTIME = {"onnxruntime"}
DRAWING = {"matplotlib"}
VIDEOS = {"av"}
EVERYTHING = FRAMEWORKS | GRAPHS | RUNTIME | DRAWING | VIDEOS | {"PIL", "typer", "rich"}


@pytest.mark.parametrize(
    ("module", "unwanted"),
    [
        ("vitonnx", EVERYTHING | {"numpy"}),
        ("vitonnx.errors", EVERYTHING | {"numpy"}),
        ("vitonnx.filenames", EVERYTHING | {"numpy"}),
        ("vitonnx.manifest", EVERYTHING | {"numpy"}),
        ("vitonnx.runtimes", EVERYTHING | {"numpy"}),
        ("vitonnx.places", EVERYTHING | {"numpy", "pyarrow", "fsspec"}),
        ("vitonnx.positions", EVERYTHING),
        ("vitonnx.probes", EVERYTHING),
        # Weight probes run no model and change no graph.
        ("vitonnx.modelfile", EVERYTHING - {"onnx"}),
        ("vitonnx.weights", EVERYTHING - {"onnx"}),
        ("vitonnx.media", FRAMEWORKS | GRAPHS | RUNTIME | DRAWING | VIDEOS),
        ("vitonnx.media.videos", FRAMEWORKS | GRAPHS | RUNTIME | DRAWING),
        ("vitonnx.plots", FRAMEWORKS | GRAPHS | RUNTIME | VIDEOS | {"matplotlib.pyplot"}),
        ("vitonnx.video", FRAMEWORKS),
        ("vitonnx.demo", EVERYTHING | {"numpy"}),
        ("vitonnx.demo._demo_models", EVERYTHING - {"onnx"}),
        ("vitonnx.demo._evaluate", FRAMEWORKS | DRAWING | VIDEOS),
        ("vitonnx.demo._material", FRAMEWORKS | GRAPHS | RUNTIME | DRAWING),
        ("vitonnx.graph", FRAMEWORKS | RUNTIME | DRAWING),
        # Opening a file as it is must not wait for the libraries that edit graphs.
        ("vitonnx.engine", FRAMEWORKS | GRAPHS | DRAWING | VIDEOS),
        ("vitonnx.evaluate", FRAMEWORKS | GRAPHS | DRAWING | VIDEOS),
        ("vitonnx.tap", FRAMEWORKS | DRAWING | VIDEOS),
        ("vitonnx.models", EVERYTHING),
        ("vitonnx.models._registry", EVERYTHING),
        ("vitonnx.models._vit", GRAPHS | RUNTIME),
        ("vitonnx.names", EVERYTHING | {"huggingface_hub"}),
        ("vitonnx.api", EVERYTHING),
        ("vitonnx.api._named_engine", FRAMEWORKS | GRAPHS | DRAWING | VIDEOS),
        ("vitonnx.api._weights", EVERYTHING - {"onnx"}),
        ("vitonnx.app", FRAMEWORKS),
        (
            "vitonnx.cli",
            FRAMEWORKS | GRAPHS | RUNTIME | DRAWING | VIDEOS | {"starlette", "uvicorn"},
        ),
    ],
)
def test_an_import_brings_only_what_it_needs(module: str, unwanted: set[str]) -> None:
    program = f"import sys, {module}; print(*sys.modules)"
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True
    )
    assert not unwanted & set(done.stdout.split())


def test_every_public_name_is_there() -> None:
    for name in vitonnx.__all__:
        assert getattr(vitonnx, name) is not None
    assert set(vitonnx.__all__) <= set(dir(vitonnx))
    with pytest.raises(AttributeError, match="Engin"):
        _ = vitonnx.Engin  # type: ignore[attr-defined]


@pytest.mark.parametrize(
    "package",
    [
        "demo",
        "engine",
        "evaluate",
        "export",
        "video",
        "graph",
        "media",
        "media.videos",
        "models",
        "names",
        "plots",
        "probes",
    ],
)
def test_every_name_in_all_is_there(package: str) -> None:
    module = __import__(f"vitonnx.{package}", fromlist=["__all__"])
    assert sorted(module.__all__) == sorted(set(module.__all__))
    for name in module.__all__:
        assert hasattr(module, name)
