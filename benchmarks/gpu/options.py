"""What the CUDA provider can be told, and other precisions, against half precision as it is."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from benchmarks.gpu.card import Runner
from benchmarks.gpu.graphs import BASE
from benchmarks.gpu.material import manifest_of
from benchmarks.gpu.rows import Rows
from benchmarks.tables import table
from benchmarks.timing import ratio
from vitonnx.engine import Precision

if TYPE_CHECKING:
    from benchmarks.gpu.bench import Bench

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


def measure(bench: Bench) -> None:
    model, batches = bench.asked.models[0], bench.asked.batches
    for way in ("heads, fused", BASE):
        for batch in dict.fromkeys((batches[0], batches[-1])):
            if bench.has_time(15, section="options", model=model, way=way, batch=batch):
                _measure(bench, {"section": "options", "model": model, "batch": batch, "way": way})


def _measure(bench: Bench, about: dict[str, Any]) -> None:
    pixels = bench.card.pixels(about["batch"], manifest_of(about["model"]).size)
    subjects: dict[str, Callable[[], object]] = {}
    for option, (precision, told) in (ON_CUDA if bench.asked.device == "cuda" else ON_CPU).items():
        with bench.rows.tried(**about, option=option):
            wait = bench.budget.left
            file = bench.graphs.get(about["model"], about["way"], wait, precision)
            runner = Runner(file, bench.card, **told)
            bind = runner.bind_places if "graph" in option else runner.bind
            subjects[option] = bind(pixels)
    with bench.rows.tried(**about, option="all"):
        times = bench.clock.measure(subjects)
        for option, found in times.items():
            bench.rows.add(
                **about,
                option=option,
                pictures=about["batch"] / found.median,
                against=ratio(times[AS_IT_IS], found),
                spread=found.spread,
            )
    subjects.clear()
    bench.card.empty()


def report(rows: Rows) -> list[str]:
    cells = [
        [
            row["model"],
            row["way"],
            f"{row['batch']}",
            row["option"],
            f"{row['pictures']:.4g}",
            f"{row['against']:.2f}",
            f"{row['spread']:.0%}",
        ]
        for row in rows.of("options")
    ]
    header = ("model", "graph", "batch", "option", "pictures/s", f"x {AS_IT_IS}", "spread")
    return table("Options of the runtime", header, cells) if cells else []
