"""What all benchmarks print: the machine, and tables in Markdown."""

from __future__ import annotations

import os
import platform
from collections.abc import Sequence
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

PACKAGES = (
    *("vitonnx", "onnxruntime", "onnxruntime-gpu", "onnxruntime-openvino"),
    *("onnxruntime-ep-openvino", "onnxruntime-ep-webgpu", "numpy", "torch", "timm", "transformers"),
    *(
        "openvino",
        "nvidia-cuda-runtime",
        "nvidia-cublas",
        "nvidia-cudnn-cu13",
        "onnx",
        "onnx-ir",
        "ndonnx",
    ),
)


def machine() -> list[str]:
    found = []
    for name in PACKAGES:
        try:
            found.append(f"{name} {version(name)}")
        except PackageNotFoundError:
            continue
    return [
        f"{processor()}, {os.cpu_count()} cores, {platform.system()}, "
        f"Python {platform.python_version()}; {', '.join(found)}."
    ]


def processor() -> str:
    """Name the processor: makes differ in what they have for products."""
    facts = Path("/proc/cpuinfo")
    lines = facts.read_text().splitlines() if facts.exists() else []
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    flags = next((line.split() for line in lines if line.startswith("flags")), [])
    has = [flag for flag in ("avx2", "avx512f", "avx512_vnni", "amx_tile") if flag in flags]
    return f"{names[0] if names else platform.machine()} ({', '.join(has)})"


def table(title: str, header: Sequence[str], rows: Sequence[Sequence[str]]) -> list[str]:
    """Give the lines of a table, whose columns are straight also where nobody renders them."""
    widths = [max(map(len, column)) for column in zip(header, *rows, strict=True)]
    lines = [
        f"| {' | '.join(cell.ljust(width) for cell, width in zip(row, widths, strict=True))} |"
        for row in (header, *rows)
    ]
    rule = f"|{'|'.join('-' * (width + 2) for width in widths)}|"
    return [f"## {title}", "", lines[0], rule, *lines[1:], ""]
