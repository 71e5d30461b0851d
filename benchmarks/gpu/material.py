"""Models and pictures: the same on every machine, and none of them fetched."""

from __future__ import annotations

from pathlib import Path

from benchmarks.gpu.fill import SKELETONS, fill
from benchmarks.models import FOLDER
from vitonnx.manifest import Manifest
from vitonnx.modelfile import load_manifest

PICTURES = FOLDER.parent / "pictures"
TIMM = {
    "Ti16": "vit_tiny_patch16_224",
    "S16": "vit_small_patch16_224",
    "B16": "vit_base_patch16_224",
    "S8": "vit_small_patch8_224",
    "L16": "vit_large_patch16_224",
}


def name_of(model: str) -> str:
    """Give the model's name without the size behind it, as in "S8@480"."""
    return model.partition("@")[0]


def size_of(model: str) -> tuple[int, int] | None:
    """Give the size that is asked for; None where it is the file's own."""
    side = model.partition("@")[2]
    return (int(side), int(side)) if side else None


def file_of(model: str) -> Path:
    """Give the model's file; it is made where it is missing."""
    file = FOLDER / f"{name_of(model)}.onnx"
    if not file.exists():
        skeleton = SKELETONS / f"{name_of(model)}.skel.xz"
        if not skeleton.exists():
            known = ", ".join(sorted(TIMM))
            raise SystemExit(f"there is no model {model!r}: there are {known}, each also @SIZE.")
        fill(skeleton, file)
    return file


def manifest_of(model: str) -> Manifest:
    """Give what the file says, at the size that is asked for."""
    manifest, size = load_manifest(file_of(model)), size_of(model)
    return manifest if size is None else manifest.at(size)
