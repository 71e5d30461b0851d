"""What the CUDA provider can be told, and other precisions, against half precision as it is."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from benchmarks.gpu.bench import Bench
from benchmarks.gpu.card import Runner
from benchmarks.gpu.graphs import BASE
from benchmarks.gpu.material import manifest_of
from benchmarks.gpu.rows import Rows, shown
from benchmarks.timing import ratio
from vitonnx.engine import Precision

AS_IT_IS = "as it is"
ON_CUDA: dict[str, tuple[Precision, dict[str, Any]]] = {
    AS_IT_IS: ("fp16", {}),
    "convolution by heuristic": ("fp16", {"cudnn_conv_algo_search": "HEURISTIC"}),
    "channels last": ("fp16", {"prefer_nhwc": 1}),
    "cuDNN's attention": ("fp16", {"sdpa_kernel": 8}),
    "CUDA graph": ("fp16", {"enable_cuda_graph": 1}),
    "bf16": ("bf16", {}),
    "tf32": ("fp32", {"use_tf32": 1}),
    "fp32": ("fp32", {}),
}
ON_CPU: dict[str, tuple[Precision, dict[str, Any]]] = {AS_IT_IS: ("fp32", {})}
COLUMNS = (
    "model: {model} | graph: {way} | batch: {batch} | option: {option}"
    " | pictures/s: {pictures:.4g} | x as it is: {against:.2f} | spread: {spread:.0%}"
)


def measure(bench: Bench) -> None:
    """Measure the first model, in the first and the last of all batches."""
    model, batches = bench.asked.models[0], bench.asked.batches
    for way in ("heads, fused", BASE):
        for batch in dict.fromkeys((batches[0], batches[-1])):
            about = {"section": "options", "model": model, "way": way, "batch": batch}
            if bench.has_time(15, **about):
                _measure(bench, bench.rows.about(**about), model, way, batch)


def _measure(bench: Bench, rows: Rows, model: str, way: str, batch: int) -> None:
    pixels = bench.card.pixels(batch, manifest_of(model).size)
    subjects: dict[str, Callable[[], object]] = {}
    for option, (precision, told) in (ON_CUDA if bench.card.device == "cuda" else ON_CPU).items():
        with rows.tried(option=option):
            file = bench.graphs.get(model, way, bench.budget.left, precision)
            runner = Runner(file, bench.card, **told)
            subjects[option] = runner.bind(pixels, fixed="graph" in option)
    with rows.tried(option="all"):
        times = bench.clock.measure(subjects, bench.budget.left)
        for option, found in times.items():
            faster = ratio(times[AS_IT_IS], found)
            rate = batch / found.median
            rows.add(option=option, pictures=rate, against=faster, spread=found.spread)
    subjects.clear()
    bench.card.empty()


def report(rows: Rows) -> list[str]:
    return shown("Options of the runtime", rows.of("options"), COLUMNS)
