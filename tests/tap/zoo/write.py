"""A zoo of foreign Vision Transformers in ONNX: `python -m tap.zoo.write FOLDER [PATTERN]...`.

Small models with random weights, by every way that PyTorch has to write ONNX, and some of them by
what others do to such files afterwards. Writes FOLDER/model/exporter.onnx, or
FOLDER/model+derivation/exporter.onnx, and beside it facts.json and reference.npz: what is known of
the model, and what its own framework computes.
"""

from __future__ import annotations

import argparse
import dataclasses
import fnmatch
import functools
import itertools
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from tap.zoo import huggingface_models, pytorch_models, timm_models, torchvision_models
from tap.zoo.attention import WAYS
from tap.zoo.derived import DERIVATIONS, derive
from tap.zoo.exporters import EXPORTERS, OF_ANY_SIZE, RARE, USUAL, export
from tap.zoo.huggingface_families import SHUFFLED
from tap.zoo.specimen import Specimen

ZOOS = {
    "timm": timm_models,
    "huggingface": huggingface_models,
    "torchvision": torchvision_models,
    "pytorch": pytorch_models,
}


@dataclass(frozen=True)
class Cell:
    """One file of the zoo."""

    framework: str
    family: str
    attention: str
    exporter: str
    derivation: str = ""

    @property
    def model(self) -> str:
        return f"{self.framework}-{self.family}-{self.attention}"

    @property
    def folder(self) -> str:
        return f"{self.model}+{self.derivation}" if self.derivation else self.model

    def __str__(self) -> str:
        return f"{self.folder}/{self.exporter}"


# These are exported in rarer ways too.
PLAIN = ("timm-vit-fused", "huggingface-vit-sdpa")

# What becomes of these files is looked at too.
DERIVED = {
    ("timm", "vit", "fused"): "torchscript-17",
    ("timm", "deit-distilled", "plain"): "dynamo-20",
    ("timm", "beit", "fused"): "dynamo-18",
    ("timm", "dinov3", "fused"): "dynamo-20",
    ("timm", "clip", "fused"): "torchscript-20",
    ("huggingface", "vit", "divided"): "torchscript-17",
    ("huggingface", "vit", "sdpa"): "dynamo-18",
    ("huggingface", "clip", "eager"): "torchscript-17",
}


def cells() -> list[Cell]:
    """Give every file of the zoo, those of a model together."""
    return sorted(_cells(), key=lambda cell: (cell.framework, cell.family, cell.attention))


def _cells() -> Iterator[Cell]:
    for framework, zoo in ZOOS.items():
        for family, attention in itertools.product(zoo.FAMILIES, zoo.ATTENTIONS):
            any_size = OF_ANY_SIZE if zoo.FAMILIES[family].any_size else ()
            rare = RARE if f"{framework}-{family}-{attention}" in PLAIN else ()
            for exporter in (*USUAL, *any_size, *rare):
                yield Cell(framework, family, attention, exporter.name)
    for family, attention in itertools.product(("vit", "beit"), WAYS):
        # Operators of ONNX are for the newer exporter alone.
        operator = attention.startswith(("attention", "multihead"))
        for exporter in ("dynamo-23",) if operator else ("dynamo-20", "torchscript-17"):
            yield Cell("huggingface", family, attention, exporter)
    for family in SHUFFLED:
        for exporter in ("dynamo-20", "torchscript-17"):
            yield Cell("huggingface", family, "eager", exporter)
    for (model, exporter), derivation in itertools.product(DERIVED.items(), DERIVATIONS):
        yield Cell(*model, exporter, derivation)


@functools.lru_cache(maxsize=1)
def build(framework: str, family: str, attention: str) -> Specimen:
    specimen: Specimen = ZOOS[framework].build(family, attention)
    return specimen


def make(cell: Cell, folder: Path) -> Path:
    """Write a file of the zoo, and before it the one that it is derived from."""
    path = folder / f"{cell}.onnx"
    if path.exists():
        return path
    path.parent.mkdir(parents=True, exist_ok=True)
    specimen = build(cell.framework, cell.family, cell.attention)
    try:
        if cell.derivation:
            source = make(dataclasses.replace(cell, derivation=""), folder)
            derive(cell.derivation, source, path, specimen.facts)
        else:
            export(specimen, EXPORTERS[cell.exporter], path)
    except BaseException:
        path.unlink(missing_ok=True)
        raise
    return path


def first_line(error: BaseException) -> str:
    """What went wrong in the first place; PyTorch's exporter wraps it in pages of advice."""
    while error.__cause__ is not None:
        error = error.__cause__
    return f"{type(error).__name__}: {next(iter(str(error).strip().splitlines()), '')}"


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m tap.zoo.write", description=__doc__)
    parser.add_argument("folder", type=Path)
    parser.add_argument("patterns", nargs="*", default=["*"], help="of model/exporter")
    asked = parser.parse_args()
    for cell in cells():
        if not any(fnmatch.fnmatch(str(cell), pattern) for pattern in asked.patterns):
            continue
        folder = asked.folder / cell.folder
        started = time.perf_counter()
        try:
            make(cell, asked.folder)
            if not (folder / "facts.json").exists():
                specimen = build(cell.framework, cell.family, cell.attention)
                specimen.reference().write(folder / "reference.npz", specimen.facts.pixels())
                specimen.facts.write(folder / "facts.json")
        except Exception as error:  # whatever the tools raise, the other files are written
            said = first_line(error)
        else:
            said = f"written in {time.perf_counter() - started:.1f} s"
        sys.stdout.write(f"{cell} {said}\n")
        sys.stdout.flush()


if __name__ == "__main__":
    main()
