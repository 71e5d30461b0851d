"""The page by itself: its files, a catalogue, and an engine that makes up its answers."""

from __future__ import annotations

import base64
import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import quote, unquote

import numpy as np

import vitonnx.app
from vitonnx.plots import scale_of
from vitonnx.probes import PROBES, Maps, Option, WeightProbe, options_of

__all__ = ["EVIL", "catalogue", "serve_alone"]

HERE = Path(__file__).parent / "page"
PAGE = Path(vitonnx.app.__file__).parent / "page"
EVIL = "<img src=x onerror=alert(1)>"
GIVES = {
    "pca": "colours",
    "lens": "classes",
    "distance": "table",
    "entropy": "table",
    "cka": "matrix",
    "filters": "plate",
    "positions": "matrix",
}


@contextmanager
def serve_alone(folder: Path) -> Iterator[str]:
    """Serve the page, and the pictures of a folder as its examples; give its address."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), partial(Files, folder=folder))
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}/"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


class Files(SimpleHTTPRequestHandler):
    """The page's own files, but for the engine and the catalogue."""

    def __init__(self, *args: Any, folder: Path, **more: Any) -> None:
        self.folder = folder
        super().__init__(*args, directory=str(PAGE), **more)

    def translate_path(self, path: str) -> str:
        """Find a file."""
        name = unquote(path.partition("?")[0].lstrip("/"))
        if name == "served.js":
            return str(HERE / "fake-engine.js")
        if name.startswith("examples/"):
            return str(self.folder / Path(name).name)
        return super().translate_path(path)

    def do_GET(self) -> None:
        """Answer with the catalogue, or a file."""
        if self.path != "/catalogue.json":
            super().do_GET()
            return
        body = json.dumps(catalogue(self.folder)).encode()
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *words: Any) -> None:
        """Say nothing."""


def catalogue(folder: Path) -> dict[str, Any]:
    """Describe two models: one crops and names classes, one pads and has a wicked name."""
    even = Maps(values=np.zeros((1, 1, 1), np.float32), labels=("",), unit="")
    table = (255 * scale_of(even).overlay(np.arange(256))).round().astype(np.uint8)
    small = {
        "name": "small",
        "note": "",
        "command": "small.onnx",
        "size": [96, 96],
        "covered": [96, 96],
        "grid": [6, 6],
        "patch": 16,
        "blocks": 4,
        "heads": 3,
        "tokens": [["cls", 0], ["dist", 1]],
        "first": 2,
        "classes": ["cat", "<b>dog</b>", "ship"],
        "classCount": 3,
        "probes": [_probe(each) for each in PROBES],
    }
    wide = small | {
        "name": EVIL,
        "note": "untrained: random weights, so its maps mean nothing",
        "command": "wide one.onnx",
        "size": [64, 128],
        "grid": [4, 8],
        "blocks": 6,
        "classes": None,
        "classCount": None,
    }
    return {
        "version": "0.1.0",
        "served": True,
        "examples": [
            {"name": path.name, "url": f"examples/{quote(path.name)}"}
            for path in sorted(folder.iterdir())
        ],
        "limits": {"upload": 2**24, "pixels": 10**8, "seconds": 60, "models": 2, "memory": 2**28},
        "colours": {"map": base64.b64encode(table.tobytes()).decode()},
        "models": [small, wide],
    }


def _probe(probe: Any) -> dict[str, Any]:
    options = [_option(each) for each in options_of(probe) if each.name != "basis"]
    return {
        "name": probe.name,
        "class": probe.__name__,
        "help": probe.help,
        "gives": GIVES.get(probe.name, "maps"),
        "weights": issubclass(probe, WeightProbe),
        "click": any(each["role"] == "query" for each in options),
        "second": probe.name == "similarity",
        "refused": "Flow is not asked on this page." if probe.name == "flow" else "",
        "options": options,
    }


def _option(option: Option) -> dict[str, Any]:
    roles = {"block": "block", "query": "query", "class_": "class", "target": "class"}
    kinds = {"bool": "switch", "int": "number", "float": "number", "str": "text"}
    kind = option.kind.__name__
    return {
        "name": option.name,
        "flag": option.flag,
        "kind": kind,
        "role": roles.get(option.name) or ("choice" if option.choices else kinds[kind]),
        "default": option.default,
        "help": option.help,
        "choices": list(option.choices),
        "least": option.least,
        "most": option.most,
        "optional": option.optional,
        "several": option.several,
    }
