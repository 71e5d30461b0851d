"""Make models of skeletons: draw the weights, the same bytes on every machine.

    python -m benchmarks.gpu.fill [NAME ...]      # into benchmarks/models, all by default

Each weight has a generator of its own (PCG64, from the seed and the weight's name), normal in
single precision, with the mean and the spread that the skeleton notes.
"""

from __future__ import annotations

import hashlib
import lzma
import os
import sys
import zlib
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import onnx

from benchmarks.models import FOLDER

SKELETONS = Path(__file__).parent / "skeletons"
NOTE = "drawn:"
SEED = 20


def drawn(skeleton: bytes) -> bytes:
    """Give the serialised model with its weights."""
    model = onnx.ModelProto.FromString(skeleton)
    noted = [each for each in model.graph.initializer if each.doc_string.startswith(NOTE)]
    with ThreadPoolExecutor(min(8, os.cpu_count() or 1)) as pool:
        for tensor, content in zip(noted, pool.map(_values, noted), strict=True):
            tensor.raw_data = content
            tensor.ClearField("doc_string")
    serialised: bytes = model.SerializeToString(deterministic=True)
    return serialised


def _values(tensor: Any) -> bytes:
    mean, spread = map(np.float32, map(float, tensor.doc_string.removeprefix(NOTE).split(",")))
    seed = np.random.SeedSequence([SEED, zlib.crc32(tensor.name.encode())])
    generator = np.random.Generator(np.random.PCG64(seed))
    values = generator.standard_normal(tuple(tensor.dims), np.float32)
    values *= spread
    values += mean
    return values.astype("<f4", copy=False).tobytes()


def fill(skeleton: Path, file: Path) -> None:
    """Write a model; refuse another than the skeleton was made of."""
    digest, _, content = lzma.decompress(skeleton.read_bytes()).partition(b"\n")
    model = drawn(content)
    if hashlib.sha256(model).hexdigest() != digest.decode():
        raise SystemExit(f"the weights of {file.name} are drawn otherwise here than elsewhere.")
    file.parent.mkdir(parents=True, exist_ok=True)
    passing = file.with_suffix(".part")
    passing.write_bytes(model)
    passing.rename(file)
    print(f"{file}, {len(model) / 1e6:.0f} MB", flush=True)


def main() -> None:
    known = sorted(file.name.partition(".")[0] for file in SKELETONS.iterdir())
    for name in sys.argv[1:] or known:
        fill(SKELETONS / f"{name}.skel.xz", FOLDER / f"{name}.onnx")


if __name__ == "__main__":
    main()
