"""A static folder with a tiny model, whose page does nothing but offer the browser's engine."""

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

import onnx

import vitonnx.app

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

__all__ = ["CLASSES", "opened", "runtime_folder", "serve_folder", "write_folder"]

VERSION = "1.30.0"
CLASSES = ["cat, house cat", "dog", "bird", "fish", "frog", "newt"]

INDEX = """<!doctype html><link rel="icon" href="data:,">
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; connect-src 'self';
  script-src 'self' 'wasm-unsafe-eval'; worker-src 'self' blob:; img-src data:">
<script type="module" src="harness.js"></script>
"""
HARNESS = """
import { BrowserEngine, isolate } from "./browser.js";
await isolate();
window.catalogue = await (await fetch("catalogue.json")).json();
window.engine = new BrowserEngine();
const plain = (value) => JSON.parse(JSON.stringify(value ?? null, (_, one) =>
  ArrayBuffer.isView(one) ? [...one].map(Number) : one));
window.tried = (work) => work().then(plain, ({ message }) => ({ error: message }));
window.file = async (url) => await (await fetch(url)).blob();
document.documentElement.id = "ready";
"""

# The logits are the patches' means, and the attention what their products make of them.
MODEL = """tiny (uint8[1,16,24,3] images)
    => (float[1,6] logits, float[1,1,7,7] attention_0, float[1,1,7,7] attention_1)
<int64[6] cut = {1,2,8,3,8,3}, int64[3] within = {2,4,5}, int64[2] flat = {1,6},
 float[1,1] cls = {100}, float low = {0.001}, float ten = {10}, int64[4] row = {1,1,1,7},
 int64[4] column = {1,1,7,1}> {
    floats = Cast<to = 1>(images)
    divided = Reshape(floats, cut)
    means = ReduceMean<keepdims = 0>(divided, within)
    patches = Reshape(means, flat)
    logits = Div(patches, ten)
    tokens = Concat<axis = 1>(cls, patches)
    scaled = Mul(tokens, low)
    across = Reshape(scaled, row)
    down = Reshape(tokens, column)
    scores = Mul(across, down)
    attention_0 = Softmax<axis = -1>(scores)
    doubled = Add(scores, scores)
    attention_1 = Softmax<axis = -1>(doubled)
}"""
ROW = """row (float[1,1,7,7] attention, int64[1] query, double scale) => (float[1,2,3] values)
<int64[1] one = {1}, int64[1] end = {7}, int64[1] axis = {3}, int64[3] grid = {1,2,3}> {
    row = Gather<axis = 2>(attention, query)
    patches = Slice(row, one, end, axis)
    maps = Reshape(patches, grid)
    factor = Cast<to = 1>(scale)
    values = Mul(maps, factor)
}"""
MEAN = """mean (float[1,1,7,7] attention) => (float[1,2,3] values)
<int64[1] one = {1}, int64[1] end = {7}, int64[1] axis = {3}, int64[3] grid = {1,2,3},
 int64[1] queries = {2}> {
    row = ReduceMean(attention, queries)
    patches = Slice(row, one, end, axis)
    values = Reshape(patches, grid)
}"""
CLASS = """class (uint8[1,16,24,3] images, int64[1,1] targets) => (float[1,2,3] values)
<int64[3] one = {1,1,1}, int64[3] grid = {1,2,3}> {
    number = Cast<to = 1>(targets)
    single = Reshape(number, one)
    values = Expand(single, grid)
    pixels = Identity(images)
}"""


def write_folder(folder: Path) -> None:
    """Write the page's files, its runtime, a model and the catalogue."""
    for script in (Path(vitonnx.app.__file__).parent / "page").glob("*.js"):
        shutil.copy(script, folder)
    (folder / "index.html").write_text(INDEX)
    (folder / "harness.js").write_text(HARNESS)
    (folder / "runtime").symlink_to(runtime_folder() / "dist")
    for name, text in {"fp32": MODEL, "row": ROW, "mean": MEAN, "class": CLASS}.items():
        graph = onnx.parser.parse_model(f'<ir_version: 10, opset_import: ["": 21]> {text}')
        onnx.save(graph, folder / f"{name}.onnx")
    content = (folder / "fp32.onnx").read_bytes()
    file = {
        "precision": "fp32",
        "model": "fp32.onnx",
        "data": None,
        "bytes": len(content),
        "sha256": {"fp32.onnx": hashlib.sha256(content).hexdigest()},
    }
    catalogue = {
        "limits": {"upload": 10**7, "pixels": 10**6, "memory": 10**6},
        "runtime": {"base": "runtime/", "version": VERSION, "integrity": {}},
        "models": [{**described(), "files": [file], "formsUrl": "forms.json"}],
    }
    (folder / "forms.json").write_text(json.dumps(forms()))
    (folder / "catalogue.json").write_text(json.dumps(catalogue))


def described() -> dict[str, Any]:
    """The model's part of the catalogue, but for its files."""
    heads = [option("block", "block", -1), option("query", "query"), option("mass", "number")]
    return {
        "name": "tiny",
        "size": [16, 24],
        "covered": [16, 24],
        "grid": [2, 3],
        "blocks": 2,
        "tokens": [["cls", 0]],
        "first": 1,
        "classes": CLASSES,
        "classCount": len(CLASSES),
        "recipe": {"resize": 18, "size": [16, 24], "crop": 16 / 18, "interpolation": "bicubic"},
        "kept": ["attention_0", "attention_1"],
        "probes": [
            {"name": "heads", "options": heads},
            {"name": "attribution", "options": [{**option("target", "class"), "several": True}]},
            {"name": "flow", "options": [], "refused": "flow can't be asked here."},
        ],
    }


def forms() -> dict[str, Any]:
    """How the model is asked."""
    by_block = {str(block): {"attention": f"attention_{block}"} for block in range(2)}
    of_first = {at: {"attention": f"first/{fed['attention']}"} for at, fed in by_block.items()}
    row = {"query": {"query": True}, "scale": {"option": "mass"}}
    whole = {"images": {"images": True}, "targets": {"class": True, "shape": [1, 1]}}
    return {
        "heads": [
            form("mean.onnx", {}, by_block, query="mean"),
            form("row.onnx", row, of_first, query="token"),
        ],
        "attribution": [form(dict.fromkeys(("fp32", "int8"), "class.onnx"), whole, {})],
    }


def option(name: str, role: str, default: object = None) -> dict[str, Any]:
    return {"name": name, "role": role, "default": default}


def form(graph: object, takes: dict[str, Any], feeds: Any, **choices: str) -> dict[str, Any]:
    """A form of one step; its query lies in the first picture."""
    numbers = [source["option"] for source in takes.values() if "option" in source]
    return {
        "choices": choices,
        "numbers": numbers,
        "steps": [{"graph": graph, "feeds": feeds, "takes": takes}],
        "outputs": {"finding": {"values": "values"}, "arrays": {"attention": "values"}},
        "words": {"kind": "maps", "unit": "attention"},
        "mark": "query" in choices,
    }


def runtime_folder() -> Path:
    """The folder of the npm package onnxruntime-web: a given one, or fetched once."""
    if "VITONNX_ONNXRUNTIME_WEB" in os.environ:
        return Path(os.environ["VITONNX_ONNXRUNTIME_WEB"])
    kept = Path.home() / ".cache" / "vitonnx-tests" / f"onnxruntime-web-{VERSION}"
    if not (kept / "package").exists():
        kept.mkdir(parents=True, exist_ok=True)
        command = ["npm", "pack", f"onnxruntime-web@{VERSION}"]
        packed = subprocess.run(command, cwd=kept, check=True, capture_output=True, text=True)
        shutil.unpack_archive(kept / packed.stdout.split()[-1], kept)
    return kept / "package"


@contextmanager
def opened(browser: Browser, address: str, **settings: Any) -> Iterator[Page]:
    """Open the page in a browser of its own, as it were; nothing may be complained of."""
    context = browser.new_context(**settings)
    page = context.new_page()
    complaints: list[str] = []
    page.on("pageerror", lambda error: complaints.append(str(error)))
    page.on("console", lambda said: complaints.append(said.text) if said.type == "error" else None)
    page.goto(address)
    page.wait_for_selector("#ready", state="attached")
    yield page
    context.close()
    assert complaints == []


@contextmanager
def serve_folder(folder: Path, *, isolated: bool = False) -> Iterator[str]:
    """Serve a folder as any web server would; with the headers of isolation, or without."""

    class Handler(http.server.SimpleHTTPRequestHandler):
        def end_headers(self) -> None:
            if isolated:
                self.send_header("Cross-Origin-Opener-Policy", "same-origin")
                self.send_header("Cross-Origin-Embedder-Policy", "require-corp")
            super().end_headers()

        def log_message(self, *_: object) -> None:
            """Say nothing."""

    handler = functools.partial(Handler, directory=str(folder))
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}/"
        server.shutdown()
        thread.join()
