"""Graphs that are measured: made by other processes, while this one measures others."""

from __future__ import annotations

import argparse
import os
from concurrent.futures import Future, ProcessPoolExecutor
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import vitonnx as vx
from benchmarks.gpu.material import file_of, size_of
from vitonnx.engine import Plan, Precision, plan_graph
from vitonnx.modelfile import load_outline, open_graph, save_graph

BASE = "plain, fused"
ALL = (vx.Heads(), vx.Rollout(), vx.Distance())
PROBES: dict[str, tuple[Any, ...]] = {
    "plain": (),
    **{each.name: (each,) for each in ALL},
    "all": ALL,
}
FUSED = tuple(f"{name}, fused" for name in PROBES)
STANDARD = ("plain, standard", "heads, standard", "rollout, standard")
Key = tuple[str, str, Precision]  # model, way and precision


def write_graph(key: Key, source: Path, target: Path, provider: str) -> None:
    """Write plain inference, or probes in it; fused, or of standard operators alone."""
    model, way, precision = key
    what, _, kind = way.partition(", ")
    answer = "logits" if "logits" in load_outline(source).outputs else "embedding"
    kinds = {"fused": True, "provider": provider} if kind == "fused" else {"fused": False}
    options: dict[str, Any] = {
        "size": size_of(model),
        "precision": precision,
        "fixed": True,
        **kinds,
    }
    plan = Plan(PROBES[what], () if PROBES[what] else (answer,), **options)
    passing = target.with_suffix(".part")
    save_graph(plan_graph(open_graph(source), plan), passing)
    passing.rename(target)


def _hide_gpu() -> None:
    os.environ["CUDA_VISIBLE_DEVICES"] = ""  # files are written without


class Graphs:
    """Graphs by model, way and precision, asked for at once, in the order of their use."""

    def __init__(self, folder: Path, asked: argparse.Namespace, precision: Precision) -> None:
        self.folder, self.precision = folder, precision
        self.provider = "cuda" if asked.device == "cuda" else ""
        self._pool = ProcessPoolExecutor(asked.jobs, get_context("spawn"), initializer=_hide_gpu)
        self._made: dict[Key, tuple[Path, Future[None]]] = {}
        self.standard = asked.models[:2]
        if {"graphs", "kernels", "options"} & set(asked.sections):
            for model in asked.models:
                for way in self.ways_of(model):
                    self._begin((model, way, precision))
        if "options" in asked.sections and asked.device == "cuda":
            others: tuple[Precision, ...] = ("bf16", "fp32")
            for each in others:
                for way in (BASE, "heads, fused"):
                    self._begin((asked.models[0], way, each))

    def ways_of(self, model: str) -> tuple[str, ...]:
        """Name a model's graphs; those of standard operators are the first models' alone."""
        return (*FUSED, *STANDARD) if model in self.standard else FUSED

    def _begin(self, key: Key) -> None:
        model, way, precision = key
        target = self.folder / f"{model}.{way.replace(', ', '-')}.{precision}.onnx"
        made = self._pool.submit(write_graph, key, file_of(model), target, self.provider)
        self._made[key] = target, made

    def get(self, model: str, way: str, wait: float, precision: Precision | None = None) -> Path:
        file, made = self._made[model, way, precision or self.precision]
        made.result(timeout=max(1, wait))
        return file

    def __enter__(self) -> Graphs:
        return self

    def __exit__(self, *_: object) -> None:
        self._pool.shutdown(wait=True, cancel_futures=True)
