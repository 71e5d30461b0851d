"""The runtime of the static page: which files of onnxruntime-web it takes, and where from.

Three builds, each of a script, its glue and its program: for WASM alone; with WebGPU, where the
browser can suspend WebAssembly; and with WebGPU for all others.
"""

from __future__ import annotations

import base64
import hashlib
import json
import shutil
import urllib.request
from pathlib import Path
from typing import Any

import platformdirs

from vitonnx.errors import UsageError, VitonnxError
from vitonnx.media import passing_folder

__all__ = ["CDN", "copy_runtime", "describe_runtime"]

KNOWN = json.loads(Path(__file__).with_name("runtime.json").read_text("utf-8"))
VERSION = KNOWN["version"]
CDN = f"https://cdn.jsdelivr.net/npm/onnxruntime-web@{VERSION}/dist/"


def describe_runtime(*, cdn: bool) -> dict[str, Any]:
    """Tell the page where the runtime is, and what a browser checks foreign files by."""
    return {**KNOWN, "base": CDN} if cdn else {**KNOWN, "base": "runtime/", "integrity": {}}


def copy_runtime(package: Path | None, folder: Path) -> None:
    """Copy the runtime into a folder, from the unpacked npm package, or else fetched once.

    Raise a UsageError if the package is none of this version, and a VitonnxError if a file can't be
    fetched.
    """
    kept = platformdirs.user_cache_path("vitonnx") / "onnxruntime-web" / VERSION
    source = kept if package is None else package / "dist"
    for name in KNOWN["integrity"]:
        if package is None and not _is_right(source / name):
            _fetch(name, kept)
        elif not _is_right(source / name):
            raise UsageError(
                f"--runtime {package} has no dist/{name} of onnxruntime-web {VERSION}: unpack "
                f"`npm pack onnxruntime-web@{VERSION}`, and give its folder `package`."
            )
        shutil.copyfile(source / name, folder / name)


def _fetch(name: str, kept: Path) -> None:
    kept.mkdir(parents=True, exist_ok=True)
    with passing_folder(kept) as passing:
        try:
            with urllib.request.urlopen(CDN + name, timeout=60) as response:
                (passing / name).write_bytes(response.read())
        except OSError as error:
            raise VitonnxError(
                f"can't fetch {name} of onnxruntime-web {VERSION} ({error}): give the folder of "
                "the unpacked npm package with --runtime, or let visitors fetch it with --cdn."
            ) from error
        if not _is_right(passing / name):
            raise VitonnxError(f"{CDN}{name} isn't the file that it should be: try again.")
        (passing / name).replace(kept / name)


def _is_right(file: Path) -> bool:
    if not file.is_file():
        return False
    digest = base64.b64encode(hashlib.sha384(file.read_bytes()).digest()).decode()
    return f"sha384-{digest}" == str(KNOWN["integrity"][file.name])
