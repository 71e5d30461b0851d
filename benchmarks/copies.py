"""What WebGPU copies to the CPU and back within a graph, with and without plans fitted to it.

Run ``python -m benchmarks.copies MODEL`` in an environment with onnxruntime-webgpu; `.ci/webgpu`
shows how to have one without a graphics card.
"""

from __future__ import annotations

import json
import math
import sys
import tempfile
from pathlib import Path

import numpy as np
import onnx_ir as ir
import onnxruntime

from benchmarks.tables import machine, table
from vitonnx.engine import Plan, plan_graph
from vitonnx.modelfile import load_manifest, open_graph, to_runtime
from vitonnx.probes import Distance, GraphProbe, Heads, Rollout

BATCH = 2
PROBES: dict[str, GraphProbe] = {
    "heads": Heads(),
    "rollout": Rollout(),
    "distance": Distance(),
    "rollout, max, discard": Rollout(fusion="max", discard=0.3),
}
BYTES = {"float": 4, "double": 8, "int64": 8, "int32": 4, "uint8": 1, "bool": 1, "float16": 2}


def copied(file: Path, plan: Plan, folder: Path) -> tuple[int, int, int]:
    """Count the nodes that the CPU runs, the bytes copied a picture, and the largest copy's."""
    options = onnxruntime.SessionOptions()
    options.log_severity_level, options.enable_profiling = 4, True
    options.profile_file_prefix = str(folder / "profile")
    graph = ir.external_data.load_to_model(plan_graph(open_graph(file), plan))
    session = onnxruntime.InferenceSession(
        to_runtime(graph, folder), options, providers=["WebGpuExecutionProvider"]
    )
    height, width = load_manifest(file).size
    pictures = np.random.default_rng(0).integers(0, 256, (BATCH, height, width, 3), np.uint8)
    session.run(None, {"images": pictures})
    events = json.loads(Path(session.end_profiling()).read_text())
    ran = [each["args"] for each in events if each["name"].endswith("kernel_time")]
    on_host = [each for each in ran if each["provider"] == "CPUExecutionProvider"]
    copies = [
        BYTES[kind] * math.prod(shape)
        for each in ran
        if each["op_name"].startswith("Memcpy")
        for tensor in each["output_type_shape"]
        for kind, shape in tensor.items()
    ]
    return len(on_host), sum(copies) // BATCH, max(copies, default=0) // BATCH


def main() -> None:
    file = Path(sys.argv[1])
    layout = load_manifest(file)
    rows = []
    with tempfile.TemporaryDirectory() as folder:
        for name, probe in PROBES.items():
            for how, provider in (("as for any device", ""), ("fitted", "webgpu")):
                plan = Plan((probe.graph_form,), provider=provider)
                nodes, bytes_, largest = copied(file, plan, Path(folder))
                rows.append([name, how, str(nodes), f"{bytes_:,}", f"{largest:,}"])
    attention = 4 * layout.heads * layout.tokens**2
    print("\n".join([*machine(), "", f"A block's attention is {attention:,} bytes a picture.", ""]))
    header = ("probe", "plan", "nodes on the CPU", "bytes copied a picture", "largest copy")
    print("\n".join(table(f"{file.name} on WebGPU, batch {BATCH}", header, rows)))


if __name__ == "__main__":
    main()
