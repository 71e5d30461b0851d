"""Pictures with labels, and loops as slow as they are plain to hold the evaluations against."""

from __future__ import annotations

import math
from collections import defaultdict
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from vitonnx.engine import Engine

PICTURES = 211
GROUPS = 7


def draw(folder: Path, count: int = PICTURES, seed: int = 0) -> list[Path]:
    """Draw pictures in seven colours and patterns, more or less, each in a file."""
    kinds = np.random.default_rng(17)
    bases = kinds.integers(0, 256, (GROUPS, 5, 7, 3))
    rng = np.random.default_rng(seed)
    folder.mkdir(parents=True, exist_ok=True)
    files = []
    for number in range(count):
        noisy = bases[number % GROUPS] + rng.normal(0, 70, (5, 7, 3))
        picture = Image.fromarray(noisy.clip(0, 255).astype(np.uint8))
        files.append(folder / f"{number:04}.png")
        picture.resize((61 + number % 3, 47), Image.Resampling.BICUBIC).save(files[-1])
    return files


def one_by_one(engine: Engine, files: list[Path], output: str) -> NDArray[np.float32]:
    """Ask a model about one picture after the other."""
    pixels = (engine.prepare(file).pixels[None] for file in files)
    return np.concatenate([engine.run_pixels(each, (output,))[output] for each in pixels])


def slow_votes(
    known: NDArray[np.float32],
    labels: list[str],
    queries: NDArray[np.float32],
    own: list[str],
    count: int,
) -> tuple[int, int]:
    """Let neighbours vote, in words; the bank has 16 bits."""
    known = known / np.linalg.norm(known, axis=1, keepdims=True)
    queries = queries / np.linalg.norm(queries, axis=1, keepdims=True)
    bank = known.astype(np.float16).astype(np.float64)
    first = five = 0
    for query, label in zip(queries.astype(np.float64), own, strict=True):
        similarity = bank @ query
        votes: defaultdict[str, float] = defaultdict(float)
        for place in sorted(range(len(bank)), key=lambda place: -similarity[place])[:count]:
            votes[labels[place]] += math.exp(similarity[place] / 0.07)
        ranking = sorted(votes, key=lambda each: -votes[each])
        first += ranking[0] == label
        five += label in ranking[:5]
    return first, five
