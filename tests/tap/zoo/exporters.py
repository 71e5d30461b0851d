"""The ways in which PyTorch writes ONNX."""

from __future__ import annotations

import contextlib
import os
import sys
import warnings
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from tap.zoo.specimen import Specimen


@dataclass(frozen=True)
class Exporter:
    dynamo: bool
    opset: int
    batch: int | None = None  # None where it is free
    any_size: bool = False  # height and width free too

    @property
    def name(self) -> str:
        kind = "dynamo" if self.dynamo else "torchscript"
        batch = f"-batch{self.batch}" if self.batch else ""
        return f"{kind}-{self.opset}{batch}{'-anysize' if self.any_size else ''}"


USUAL = (
    Exporter(dynamo=True, opset=18),
    Exporter(dynamo=True, opset=20),
    Exporter(dynamo=True, opset=23),  # PyTorch's last, by its own word
    Exporter(dynamo=False, opset=17),
    Exporter(dynamo=False, opset=20),
    Exporter(dynamo=True, opset=20, batch=1),
    Exporter(dynamo=False, opset=17, batch=1),
)
OF_ANY_SIZE = (
    Exporter(dynamo=True, opset=20, any_size=True),
    Exporter(dynamo=False, opset=17, any_size=True),
)
RARE = (
    Exporter(dynamo=True, opset=25),  # the last that it writes all the same
    Exporter(dynamo=False, opset=17, batch=2),
)
EXPORTERS = {exporter.name: exporter for exporter in (*USUAL, *OF_ANY_SIZE, *RARE)}


def export(specimen: Specimen, exporter: Exporter, path: Path) -> None:
    """Write a specimen as ONNX; what PyTorch prints and warns of is left unsaid."""
    import torch

    pixels = torch.from_numpy(specimen.facts.pixels()[: exporter.batch])
    free = {} if exporter.batch else {0: "batch"}
    if exporter.any_size:
        free |= {2: "height", 3: "width"}
    options: dict[str, object]
    if exporter.dynamo:
        options = {"dynamic_shapes": (free,)}
    else:
        outputs = {name: {0: "batch"} for name in specimen.outputs if 0 in free}
        options = {"dynamic_axes": {"pixels": free, **outputs}}
    with silence(), torch.no_grad():
        torch.onnx.export(
            specimen.model,
            (pixels,),
            path,
            input_names=["pixels"],
            output_names=list(specimen.outputs),
            opset_version=exporter.opset,
            dynamo=exporter.dynamo,
            external_data=False,
            **options,
        )


@contextlib.contextmanager
def silence() -> Iterator[None]:
    """Keep back warnings and what is printed, C++'s pages of intermediate code too."""
    sys.stdout.flush()
    sys.stderr.flush()
    shown = os.dup(1), os.dup(2)
    with Path(os.devnull).open("w") as nothing, warnings.catch_warnings():
        warnings.simplefilter("ignore")
        os.dup2(nothing.fileno(), 1)
        os.dup2(nothing.fileno(), 2)
        try:
            yield
        finally:
            sys.stdout.flush()
            sys.stderr.flush()
            for number, shown_before in zip((1, 2), shown, strict=True):
                os.dup2(shown_before, number)
                os.close(shown_before)
