"""ViT-S/8 at 480: 3601 tokens, one picture, each way in a process of its own."""

from __future__ import annotations

import importlib.util
from pathlib import Path

from benchmarks.models import model_file
from benchmarks.processes import in_process

SIZE = 480
WAYS = {
    "heads": ("vitonnx", "timm, hooks on every block", "timm, hook on the last block"),
    "rollout": ("vitonnx", "timm, hooks on every block"),
    "distance": ("vitonnx", "timm, hooks on every block"),
}


def measure(picture: Path, *, rounds: int, device: str) -> list[list[str]]:
    """Give a row a way: probe, way, pictures a second, ratio to timm, peak memory."""
    model = model_file("S/8")
    has_torch = importlib.util.find_spec("torch") is not None
    rows = []
    for probe, ways in WAYS.items():
        found = {
            way: in_process(way, model, picture, probe, SIZE, rounds, device)
            for way in ways
            if has_torch or way == "vitonnx"
        }
        timm = found.get("timm, hooks on every block", {}).get("seconds")
        for way, each in found.items():
            ratio = "-" if timm is None else f"{timm / each['seconds']:.2f}"
            rows.append([probe, way, f"{1 / each['seconds']:.3f}", ratio, f"{each['peak']:.0f} MB"])
    return rows
