"""A static folder with a tiny model, in which a page does nothing but offer the browser's engine."""

from __future__ import annotations

import functools
import hashlib
import http.server
import json
import os
import shutil
import subprocess
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

import vitonnx.app

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

__all__ = ["opened", "serve_folder", "write_folder"]

PAGE = Path(vitonnx.app.__file__).parent / "page"
VERSION = "1.30.0"
SIZE = (16, 24)
PATCH = 8
CLASSES = ["cat, house cat", "dog", "bird", "fish", "frog", "newt"]

HARNESS = """
import { BrowserEngine } from "./browser.js";
import { isolate } from "./isolate.js";
await isolate();
window.catalogue = await (await fetch("catalogue.json")).json();
window.engine = new BrowserEngine();
const plain = (value) => JSON.parse(JSON.stringify(value, (_, one) =>
  ArrayBuffer.isView(one) ? [...one].map(Number) : one));
window.tried = async (work) => {
  try { return plain((await work()) ?? null); } catch (error) { return {error: error.message, name: error.name}; }
};
window.file = async (url) => await (await fetch(url)).blob();
window.isReady = true;
"""


@contextmanager
def opened(browser: Browser, address: str, **settings: Any) -> Iterator[Page]:
    """Open the page in a browser of its own, as it were; nothing may be complained of."""
    context = browser.new_context(**settings)
    page = context.new_page()
    complaints: list[str] = []
    page.on("pageerror", lambda error: complaints.append(str(error)))
    page.on("console", lambda said: complaints.append(said.text) if said.type == "error" else None)
    page.goto(address)
    page.wait_for_function("window.isReady")
    yield page
    context.close()
    assert complaints == []


def runtime_folder() -> Path:
    """The folder of the npm package onnxruntime-web: a given one, or fetched once."""
    if "VITONNX_ONNXRUNTIME_WEB" in os.environ:
        return Path(os.environ["VITONNX_ONNXRUNTIME_WEB"])
    kept = Path.home() / ".cache" / "vitonnx-tests" / f"onnxruntime-web-{VERSION}"
    if not kept.exists():
        kept.mkdir(parents=True)
        command = ["npm", "pack", f"onnxruntime-web@{VERSION}"]
        packed = subprocess.run(command, cwd=kept, check=True, capture_output=True, text=True)
        shutil.unpack_archive(kept / packed.stdout.strip().splitlines()[-1], kept)
    return kept / "package"


def write_folder(folder: Path) -> dict[str, Any]:
    """Write the page's files, its runtime and a model; give the catalogue."""
    for file in PAGE.glob("*.js"):
        shutil.copy(file, folder)
    (folder / "index.html").write_text(
        '<!doctype html><link rel="icon" href="data:,"><script type="module" src="harness.js"></script>'
    )
    (folder / "harness.js").write_text(HARNESS)
    (folder / "runtime").symlink_to(runtime_folder() / "dist")
    models = folder / "models" / "tiny"
    models.mkdir(parents=True)
    onnx.save(tiny_model(), models / "fp32.onnx")
    onnx.save(row_graph(), models / "row.onnx")
    onnx.save(mean_graph(), models / "mean.onnx")
    onnx.save(class_graph(), models / "class.onnx")
    catalogue = {
        "version": "0.1.0",
        "served": False,
        "limits": {"upload": 10**7, "pixels": 10**6, "seconds": 10, "models": 3, "memory": 10**6},
        "runtime": {"base": "runtime/", "version": VERSION, "integrity": {}},
        "models": [described(models)],
    }
    (folder / "catalogue.json").write_text(json.dumps(catalogue))
    return catalogue


def described(models: Path) -> dict[str, Any]:
    """The tiny model's part of the catalogue."""
    rows, columns = SIZE[0] // PATCH, SIZE[1] // PATCH
    content = (models / "fp32.onnx").read_bytes()
    url = "models/tiny/fp32.onnx"
    block = option("block", "block", "int", -1)
    query = option("query", "query", "str", None)
    attention = {str(at): f"block_{at:02}/attention" for at in range(2)}
    words = {"kind": "maps", "labels": ["head"], "unit": "attention", "fromZero": True}
    finding = {"values": "finding/values"}
    row = {
        "graph": "models/tiny/row.onnx",
        "of": "first",
        "feeds": {"attention": None},
        "takes": {"query": {"query": True}, "scale": {"option": "mass"}},
    }
    mean = {"graph": "models/tiny/mean.onnx", "of": "own", "takes": {}}
    return {
        "name": "tiny",
        "size": SIZE,
        "covered": SIZE,
        "grid": [rows, columns],
        "patch": PATCH,
        "blocks": 2,
        "heads": 1,
        "tokens": [["cls", 0]],
        "first": 1,
        "classes": CLASSES,
        "classCount": len(CLASSES),
        "recipe": {
            "resize": 18,
            "size": SIZE,
            "crop": 16 / 18,
            "interpolation": "bicubic",
            "mean": [0.5] * 3,
            "std": [0.5] * 3,
        },
        "files": [
            {
                "precision": "fp32",
                "model": url,
                "data": None,
                "bytes": len(content),
                "sha256": {url: hashlib.sha256(content).hexdigest()},
            }
        ],
        "kept": list(attention.values()),
        "probes": [
            probe("heads", block, query, option("mass", "number", "float", None)),
            probe("attribution", option("target", "class", "str", None)),
            {**probe("flow"), "refused": "flow can't be asked here."},
        ],
        "forms": {
            "heads": [
                {
                    "choices": {"query": "mean"},
                    "numbers": [],
                    "steps": [
                        {**mean, "feeds": {at: {"attention": n} for at, n in attention.items()}}
                    ],
                    "outputs": {"finding": finding, "arrays": {}},
                    "words": words,
                    "mark": True,
                },
                {
                    "choices": {"query": "token"},
                    "numbers": ["mass"],
                    "steps": [
                        {
                            **row,
                            "feeds": {at: {"attention": name} for at, name in attention.items()},
                        }
                    ],
                    "outputs": {"finding": finding, "arrays": {"attention": "finding/values"}},
                    "words": words,
                    "mark": True,
                },
            ],
            "attribution": [
                {
                    "choices": {},
                    "numbers": [],
                    "steps": [
                        {
                            "graph": dict.fromkeys(("fp32", "int8"), "models/tiny/class.onnx"),
                            "of": "own",
                            "feeds": {},
                            "takes": {"images": {"images": True}, "targets": {"class": True}},
                        }
                    ],
                    "outputs": {"finding": finding, "arrays": {}},
                    "words": words,
                    "mark": False,
                }
            ],
        },
    }


def option(name: str, role: str, kind: str, default: object) -> dict[str, Any]:
    return {"name": name, "role": role, "kind": kind, "default": default, "several": False}


def probe(name: str, *options: dict[str, Any]) -> dict[str, Any]:
    return {"name": name, "gives": "maps", "second": False, "refused": "", "options": options}


def tiny_model() -> onnx.ModelProto:
    """A model in name: logits are sums of channels, attention is made of patches' means."""
    rows, columns = SIZE[0] // PATCH, SIZE[1] // PATCH
    tokens = rows * columns + 1
    draw = np.random.default_rng(0)
    constants = {
        "axes": np.array([1, 2]),
        "head": draw.normal(size=(3, len(CLASSES))).astype(np.float32),
        "divide": np.array([1, rows, PATCH, columns, PATCH, 3]),
        "patches": np.array([2, 4, 5]),
        "flat": np.array([1, rows * columns]),
        "spread": draw.normal(size=(rows * columns, tokens * tokens)).astype(np.float32) / 100,
        "square": np.array([1, 1, tokens, tokens]),
        "two": np.array(2, np.float32),
    }
    nodes = [
        helper.make_node("Cast", ["images"], ["floats"], to=TensorProto.FLOAT),
        helper.make_node("ReduceMean", ["floats", "axes"], ["colour"], keepdims=0),
        helper.make_node("MatMul", ["colour", "head"], ["logits"]),
        helper.make_node("Reshape", ["floats", "divide"], ["divided"]),
        helper.make_node("ReduceMean", ["divided", "patches"], ["means"], keepdims=0),
        helper.make_node("Reshape", ["means", "flat"], ["row"]),
        helper.make_node("MatMul", ["row", "spread"], ["spreaded"]),
        helper.make_node("Reshape", ["spreaded", "square"], ["scores"]),
        helper.make_node("Softmax", ["scores"], ["block_00/attention"], axis=-1),
        helper.make_node("Mul", ["scores", "two"], ["doubled"]),
        helper.make_node("Softmax", ["doubled"], ["block_01/attention"], axis=-1),
    ]
    square = [1, 1, tokens, tokens]
    outputs = {
        "logits": [1, len(CLASSES)],
        "block_00/attention": square,
        "block_01/attention": square,
    }
    return model(nodes, {"images": (TensorProto.UINT8, [1, *SIZE, 3])}, outputs, constants)


def row_graph() -> onnx.ModelProto:
    """The row of a query, without the class token, times a number."""
    nodes = [
        helper.make_node("Gather", ["attention", "query"], ["row"], axis=2),
        *patches("row", "small"),
        helper.make_node("Cast", ["scale"], ["factor"], to=TensorProto.FLOAT),
        helper.make_node("Mul", ["small", "factor"], ["finding/values"]),
    ]
    inputs = {**ATTENTION, "query": (TensorProto.INT64, [1]), "scale": (TensorProto.DOUBLE, [])}
    return model(nodes, inputs, VALUES, CUT)


def mean_graph() -> onnx.ModelProto:
    """The mean over all queries."""
    constants = {**CUT, "queries": np.array([2])}
    mean = helper.make_node("ReduceMean", ["attention", "queries"], ["row"], keepdims=1)
    return model([mean, *patches("row", "finding/values")], ATTENTION, VALUES, constants)


def class_graph() -> onnx.ModelProto:
    """A map of the class's number: the whole network, in name."""
    nodes = [
        helper.make_node("Cast", ["targets"], ["number"], to=TensorProto.FLOAT),
        helper.make_node("Cast", ["images"], ["floats"], to=TensorProto.FLOAT),
        helper.make_node("ReduceMean", ["floats"], ["mean"], keepdims=0),
        helper.make_node("Mul", ["mean", "zero"], ["nothing"]),
        helper.make_node("Add", ["number", "nothing"], ["sum"]),
        helper.make_node("Reshape", ["sum", "shape"], ["one"]),
        helper.make_node("Expand", ["one", "grid"], ["finding/values"]),
    ]
    constants = {
        "zero": np.array(0, np.float32),
        "shape": np.array([1, 1, 1]),
        "grid": np.array([1, 2, 3]),
    }
    inputs = {
        "images": (TensorProto.UINT8, [1, *SIZE, 3]),
        "targets": (TensorProto.INT64, [1, 1]),
    }
    return model(nodes, inputs, VALUES, constants)


ATTENTION = {"attention": (TensorProto.FLOAT, [1, 1, 7, 7])}
VALUES = {"finding/values": [1, 2, 3]}
CUT = {
    "start": np.array([1]),
    "stop": np.array([7]),
    "last": np.array([3]),
    "grid": np.array([1, 2, 3]),
}


def patches(name: str, into: str) -> list[onnx.NodeProto]:
    """Cut the patches out of a row of attention."""
    return [
        helper.make_node("Slice", [name, "start", "stop", "last"], [f"{name}/cut"]),
        helper.make_node("Reshape", [f"{name}/cut", "grid"], [into]),
    ]


def model(
    nodes: list[onnx.NodeProto],
    inputs: dict[str, tuple[int, list[int]]],
    outputs: dict[str, list[int]],
    constants: dict[str, np.ndarray[Any, Any]],
) -> onnx.ModelProto:
    graph = helper.make_graph(
        nodes,
        "graph",
        [helper.make_tensor_value_info(name, *what) for name, what in inputs.items()],
        [
            helper.make_tensor_value_info(n, TensorProto.FLOAT, shape)
            for n, shape in outputs.items()
        ],
        [numpy_helper.from_array(value, name) for name, value in constants.items()],
    )
    made = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 21)], ir_version=10)
    onnx.checker.check_model(made)
    return made


@contextmanager
def serve_folder(folder: Path, *, isolated: bool = False, port: int = 0) -> Iterator[str]:
    """Serve a folder as any web server would; with the headers of isolation, or without."""

    class Handler(http.server.SimpleHTTPRequestHandler):
        def end_headers(self) -> None:
            if isolated:
                self.send_header("Cross-Origin-Opener-Policy", "same-origin")
                self.send_header("Cross-Origin-Embedder-Policy", "require-corp")
            super().end_headers()

        def log_message(self, *_: object) -> None:
            """Say nothing."""

    served = functools.partial(Handler, directory=str(folder))
    server = http.server.ThreadingHTTPServer(("127.0.0.1", port), served)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}/"
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
