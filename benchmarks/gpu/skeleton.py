"""Take the weights out of a model, and note how they are spread, so that the graph alone is kept.

    python -m benchmarks.gpu.skeleton NAME FILE.onnx

FILE.onnx is what ``vitonnx export MODEL --weights random`` writes. The skeleton is that file but
for its weights, of which it notes mean and deviation; `fill` draws them again.
"""

from __future__ import annotations

import hashlib
import lzma
import sys
from pathlib import Path

import numpy as np
import onnx
from onnx import numpy_helper

from benchmarks.gpu.fill import NOTE, SKELETONS, drawn

FEW = 32  # numbers: shapes, bounds and scales stay as they are


def skeleton_of(file: Path) -> bytes:
    """Give the model without its weights."""
    model = onnx.load(file)
    for tensor in model.graph.initializer:
        values = numpy_helper.to_array(tensor)
        if values.dtype == np.float32 and values.size >= FEW:
            # Four digits say enough, and are the same wherever they are read.
            mean, deviation = values.mean(dtype=np.float64), values.std(dtype=np.float64)
            tensor.doc_string = f"{NOTE}{mean:.4g},{deviation:.4g}"
            tensor.ClearField("raw_data")
            tensor.ClearField("float_data")
    serialised: bytes = model.SerializeToString(deterministic=True)
    return serialised


def main() -> None:
    name, file = sys.argv[1:]
    skeleton = skeleton_of(Path(file))
    # The hash comes first: of the file that is made of the rest.
    digest = hashlib.sha256(drawn(skeleton)).hexdigest().encode()
    place, preset = SKELETONS / f"{name}.skel.xz", 9 | lzma.PRESET_EXTREME
    place.write_bytes(lzma.compress(digest + b"\n" + skeleton, preset=preset))
    print(f"{place}, {place.stat().st_size / 1024:.0f} KB")


if __name__ == "__main__":
    main()
