"""The page as a folder that any web server serves: its models run in the visitor's browser."""

from __future__ import annotations

import json
import re
import shutil
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from pathlib import Path

from vitonnx.app._catalogue import catalogue
from vitonnx.app._limits import MEGABYTE, Limits
from vitonnx.app._runtime import CDN, copy_runtime, describe_runtime
from vitonnx.engine import Engine, Precision
from vitonnx.errors import UsageError
from vitonnx.media import atomic_folder, check_folder
from vitonnx.portable import kept_bytes, pack, size_that_fits

__all__ = ["check_static", "default_precisions", "write_static"]

HERE = Path(__file__).parent
RECORD = ".vitonnx-page"
# Files up to this are fetched by a visitor as they are; larger ones in fewer bits.
LARGEST_WHOLE = 25 * MEGABYTE


def check_static(folder: str | Path) -> None:
    """Raise a UsageError if the folder holds files that aren't of a page."""
    check_folder(folder, record=RECORD)


def default_precisions(engine: Engine) -> tuple[Precision, ...]:
    """Choose what a model is written in: fewer bits where it is large.

    On WASM, int8 is fastest; on WebGPU its products would fall to the processor, and half precision
    is.
    """
    given = engine.manifest.precision
    whole = engine.file.stat().st_size <= LARGEST_WHOLE
    return (given,) if whole or given != "fp32" else ("int8", "fp16")


def write_static(
    engines: Mapping[str, Engine],
    folder: str | Path,
    *,
    precisions: Sequence[Precision] = (),
    runtime: Path | None = None,
    cdn: bool = False,
    space: bool = False,
    limits: Limits | None = None,
    progress: Callable[[str], object] = lambda doing: None,
) -> dict[str, int]:
    """Write the page, its models and the runtime; give the bytes of models such as ``vit (int8)``.

    The first two engines, named as visitors choose them, are shown at the start; each is written in
    all `precisions`, or by `default_precisions`. The folder isn't there, is empty, or was written
    by this function. The `runtime` is the unpacked npm package onnxruntime-web; its files are
    otherwise fetched once, or by visitors from a `cdn`. A `space` has the README of a static Space.
    `progress` takes what is being done now.

    Raise a UsageError if the folder holds other files, or a picture of a model takes more than may
    be kept, and a VitonnxError if the runtime can't be fetched, or nothing be written.
    """
    limits = limits or Limits()
    for name, engine in engines.items():
        _check_kept(name, engine, limits)
    sizes: dict[str, int] = {}
    with atomic_folder(folder, record=RECORD) as passing:
        _copy_page(passing, cdn=cdn)
        said = catalogue(engines, limits, passing, served=False)
        said["runtime"] = describe_runtime(cdn=cdn)
        if not cdn:
            (passing / "runtime").mkdir()
            copy_runtime(runtime, passing / "runtime")
        for number, (name, engine) in enumerate(engines.items()):
            # Letters that need no care in an address, and never twice the same.
            plain = re.sub(r"[^A-Za-z0-9_.-]+", "-", name)[:60].strip(".-")
            address = f"models/{number}-{plain}/"
            (passing / address).mkdir(parents=True)
            packed = pack(
                engine,
                passing / address,
                precisions or default_precisions(engine),
                partial(_say, progress, name),
                address,
            )
            said["models"][number] |= packed
            for file in packed["files"]:
                sizes[f"{name} ({file['precision']})"] = file["bytes"]
        text = json.dumps(said, ensure_ascii=False, separators=(",", ":"))
        (passing / "catalogue.json").write_text(text, encoding="utf-8")
        if space:
            (passing / "README.md").write_text(_space(engines), encoding="utf-8")
    return sizes


def _say(progress: Callable[[str], object], name: str, doing: str) -> None:
    progress(f"{name}: {doing}")


def _check_kept(name: str, engine: Engine, limits: Limits) -> None:
    needed = kept_bytes(engine.layout)
    if needed > limits.memory:
        height, width = size_that_fits(engine, limits.memory)
        raise UsageError(
            f"{name} keeps {needed // MEGABYTE:,} MB of a picture, more than the "
            f"{limits.memory // MEGABYTE:,} MB of a page: give --size {height}x{width}, or more "
            f"with --memory."
        )


def _copy_page(folder: Path, *, cdn: bool) -> None:
    for path in (HERE / "page").iterdir():
        if path.is_file() and path.name != "served.js":
            shutil.copyfile(path, folder / path.name)
    if cdn:
        origin = CDN.partition("/npm/")[0]
        index = folder / "index.html"
        words = index.read_text(encoding="utf-8")
        for source in ("script-src 'self'", "connect-src 'self'"):
            words = words.replace(source, f"{source} {origin}")
        index.write_text(words, encoding="utf-8")


def _space(engines: Mapping[str, Engine]) -> str:
    rows = [
        f"| {name} | {engine.manifest.source.licence or 'not known'} |"
        for name, engine in engines.items()
    ]
    words = (HERE / "space.md").read_text(encoding="utf-8")
    return words.replace("{rows}", "\n".join(rows))
