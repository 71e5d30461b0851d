"""The runtime of the static page: which files of onnxruntime-web it takes, and where from."""

from __future__ import annotations

import base64
import hashlib
import shutil
import urllib.request
from pathlib import Path

import platformdirs

from vitonnx.errors import UsageError, VitonnxError
from vitonnx.media import passing_folder

__all__ = ["CDN", "VERSION", "copy_runtime", "integrity"]

VERSION = "1.30.0"
CDN = f"https://cdn.jsdelivr.net/npm/onnxruntime-web@{VERSION}/dist/"

# Three builds, each of a script, its glue and its program: for WASM alone; with WebGPU, where the
# browser can suspend WebAssembly; and with WebGPU for all others.
FILES = {
    "ort.wasm.min.mjs": "SfFfy/pvthiOsgaw3KX0bV5TfQ6Iq+oY9KutMe4SxIuHH4cl+DCSD4rTsYOoG1tJ",
    "ort-wasm-simd-threaded.mjs": (
        "XcXA/MtAf0WpB8e023xQH9CM7RIjiugakT7x99DIwpFf7k56BIFFcAPerIF7FDad"
    ),
    "ort-wasm-simd-threaded.wasm": (
        "vjBJ1z7qrhkTyYsNqKeF6c7N+nOJSU94czEo+tvZcu8G75JparGq9kB+kTnEUNVM"
    ),
    "ort.jspi.min.mjs": "hnY3dmDl7curvyz6lkx38Kay4ABvmrc2eLalE2aG75/xP4F0aki78pYdWmHjk6YD",
    "ort-wasm-simd-threaded.jspi.mjs": (
        "I057lW+dSDOqTXP3UpXfKPmGgLn8O9NoN38eP6T6wlQsduqNDHJebkOSjnM52LlE"
    ),
    "ort-wasm-simd-threaded.jspi.wasm": (
        "bMP/XSpH5FjIIaVnUc1eR3cDsGZGdO1ZPjcHGEtvMwOgZZFcOEN8VrGooR81HSFO"
    ),
    "ort.webgpu.min.mjs": "FPQBMbud8ICuP0Ii+Gr95KWEX9pKHtUC3lacIp0aPI8WYluKvTsEGQ3AE2Ze3QlL",
    "ort-wasm-simd-threaded.asyncify.mjs": (
        "qViEcCGzsR/m8nlQwIsbYh7afN4thuraqFYDQY6huvmoLVoZq/eYawQ1wrv8nnhA"
    ),
    "ort-wasm-simd-threaded.asyncify.wasm": (
        "EPVDLTxuO663dkZO/pcKJF6vOyyfq/5z9FY1oksN0UWFX2ABH4wDDZQHeNoUleWR"
    ),
}


def integrity() -> dict[str, str]:
    """Give what a browser checks the files by."""
    return {name: f"sha384-{digest}" for name, digest in FILES.items()}


def copy_runtime(package: Path | None, folder: Path) -> None:
    """Copy the runtime into a folder, from the unpacked npm package, or else fetched once.

    Raises
    ------
    UsageError
        If the package is none of this version.
    VitonnxError
        If a file can't be fetched.
    """
    for name in FILES:
        place = _fetched(name) if package is None else _in_package(package, name)
        shutil.copyfile(place, folder / name)


def _in_package(package: Path, name: str) -> Path:
    place = package / "dist" / name
    if not place.is_file() or not _is_right(place.read_bytes(), name):
        raise UsageError(
            f"--runtime {package} has no dist/{name} of onnxruntime-web {VERSION}: unpack "
            f"`npm pack onnxruntime-web@{VERSION}`, and give its folder `package`."
        )
    return place


def _fetched(name: str) -> Path:
    """Fetch a file into the cache folder, unless it is there."""
    target = platformdirs.user_cache_path("vitonnx") / "onnxruntime-web" / VERSION / name
    if target.is_file() and _is_right(target.read_bytes(), name):
        return target
    target.parent.mkdir(parents=True, exist_ok=True)
    try:
        with urllib.request.urlopen(CDN + name, timeout=60) as response:
            data = response.read()
    except OSError as error:
        raise VitonnxError(
            f"can't fetch {name} of onnxruntime-web {VERSION} ({error}): give the folder of the "
            "unpacked npm package with --runtime, or let visitors fetch it with --cdn."
        ) from error
    if not _is_right(data, name):
        raise VitonnxError(f"{CDN}{name} isn't the file that it should be: try again.")
    with passing_folder(target.parent) as passing:
        (passing / name).write_bytes(data)
        (passing / name).replace(target)
    return target


def _is_right(data: bytes, name: str) -> bool:
    return base64.b64encode(hashlib.sha384(data).digest()).decode() == FILES[name]
