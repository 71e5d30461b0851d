"""Packages with probes of their own, laid out in a folder as an installation would."""

from __future__ import annotations

import json
import os
import sys
import textwrap
from pathlib import Path

from terminal import Outcome, finished

# Commands in one process, each with what it said; Python, too, sees what is installed.
COMMANDS = """
import contextlib, io, json, sys
from vitonnx.cli import main
said = []
for words in json.loads(sys.argv[1]):
    out, err = io.StringIO(), io.StringIO()
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
        code = main(words)
    said.append((code, out.getvalue(), err.getvalue()))
print(json.dumps(said))
"""

GOOD = '''
from dataclasses import dataclass
from typing import ClassVar, Literal

import array_api_compat
import numpy as np

from vitonnx.probes import (
    Found, GraphProbe, Maps, Matrix, PictureResult, Probe, TableProbe, WeightProbe, option
)


@dataclass(frozen=True, eq=False, kw_only=True)
class NearResult(PictureResult):
    near: object
    power: float

    @property
    def finding(self):
        return Maps(values=self.near[None], labels=("near",), unit="attention")


@dataclass(frozen=True)
class Near(GraphProbe[NearResult]):
    """Attention of the first token to the patches, raised to a power."""

    name: ClassVar[str] = "near"
    help: ClassVar[str] = "Show what the first token attends to."
    gives = Maps
    block: int = option(-1, "Take this block.")
    power: float = option(1.0, "Raise weights to this power.", least=0.5, most=4)
    sides: Literal["all", "left"] = option("all", "Keep all patches, or the left half.")

    def reads(self, layout):
        return (layout.attention(self.block),)

    def condense(self, outputs, layout, queries):
        (attention,) = outputs.values()
        xp = array_api_compat.array_namespace(attention)
        patches = attention[:, :, 0, layout.prefix : layout.prefix + layout.patches]
        maps = xp.reshape(xp.mean(patches, axis=1) ** self.power, (-1, *layout.grid))
        return maps if self.sides == "all" else maps[:, :, : layout.grid[1] // 2]

    def result(self, condensed, layout, query):
        return NearResult(near=condensed, power=self.power)


@dataclass(frozen=True, eq=False, kw_only=True)
class PeakResult(PictureResult):
    peak: object

    @property
    def finding(self):
        return Peak().table(Peak().summary([self]))


@dataclass(frozen=True)
class Peak(TableProbe[PeakResult]):
    """The largest weight of every query, averaged over the queries."""

    name: ClassVar[str] = "peak"
    help: ClassVar[str] = "Measure how much the most attended token gets."
    unit: ClassVar[str] = "largest attention weight"
    title: ClassVar[str] = "Largest weight"
    squared: bool = option(False, "Square the weights.")

    def condense(self, outputs, layout, queries):
        arrays = [outputs[name] for name in self.reads(layout)]
        xp = array_api_compat.array_namespace(*arrays)
        blocks = [xp.mean(xp.max(each, axis=-1), axis=-1) for each in arrays]
        table = xp.stack(blocks, axis=1)
        return table * table if self.squared else table

    def result(self, condensed, layout, query):
        return PeakResult(peak=condensed)

    def largest(self, layout):
        return 1.0


@dataclass(frozen=True, eq=False, kw_only=True)
class SizeResult(PictureResult):
    length: object

    @property
    def finding(self):
        return Maps(values=self.length[None], labels=("length",), unit="length", from_zero=False)


@dataclass(frozen=True)
class Length(Probe[SizeResult]):
    """Length of every patch's token, on the host: no graph is made of it."""

    name: ClassVar[str] = "length"
    help: ClassVar[str] = "Show how long tokens are."
    gives = Maps

    def reads(self, layout):
        return ("block_00/tokens",)

    def compute(self, outputs, layout, queries):
        tokens = np.asarray(outputs["block_00/tokens"])
        patches = tokens[:, layout.prefix : layout.prefix + layout.patches]
        lengths = np.linalg.norm(patches, axis=-1).reshape(-1, *layout.grid)
        return [SizeResult(length=one) for one in lengths]


@dataclass(frozen=True, eq=False, kw_only=True)
class GramResult(Found):
    gram: object

    @property
    def finding(self):
        return Matrix(values=self.gram, unit="product", item="filter")


@dataclass(frozen=True)
class Gram(WeightProbe[GramResult]):
    """Products of all filters with all others."""

    name: ClassVar[str] = "gram"
    help: ClassVar[str] = "Show how alike filters are."
    gives = Matrix
    first: int = option(5, "Take this many filters.", least=1)

    def reads(self, layout):
        return ("patch_embed/kernel",)

    def compute(self, weights, layout):
        kernel = weights["patch_embed/kernel"]
        rows = kernel.reshape(len(kernel), -1)[: self.first]
        return GramResult(gram=rows @ rows.T)
'''

# Each can be asked, and does something wrong, or can't be drawn on a sheet.
FAULTY = """
from dataclasses import dataclass

import numpy as np

from vitonnx.probes import Maps, Matrix, PictureResult, Probe, option


@dataclass(frozen=True, eq=False, kw_only=True)
class Found(PictureResult):
    values: object
    shape: type

    @property
    def finding(self):
        if self.shape is Matrix:
            return Matrix(values=self.values, unit="weight", item="token")
        return Maps(values=self.values[None], labels=("one",), unit="weight")


@dataclass(frozen=True)
class Whole(Probe[Found]):
    name = "whole"
    gives = Matrix

    def reads(self, layout):
        return (layout.attention(0),)

    def compute(self, outputs, layout, queries):
        return [Found(values=each[0], shape=Matrix) for each in outputs[layout.attention(0)]]


@dataclass(frozen=True)
class Stumbles(Whole):
    name = "stumbles"
    gives = Maps

    def compute(self, outputs, layout, queries):
        return {}["licence"]


@dataclass(frozen=True)
class Flat(Whole):
    name = "flat"
    gives = Maps
    word: str = option("a", "Take this.", read={"a": 1}.__getitem__)

    def compute(self, outputs, layout, queries):
        return [Found(values=np.ones((2, 2)), shape=Maps) for _ in queries]
"""

A_MAP = """
from vitonnx.probes import PROBES, option
from dataclasses import dataclass
Heads = PROBES[0]
"""

# What each says is wrong, as a part of the sentence that names it.
BAD = {
    "broken": ("raise RuntimeError('it needs a licence')", "Probe", "it needs a licence"),
    "leaves": ("import sys\nsys.exit('good bye')", "Probe", "good bye"),
    "missing": ("import no_such_library", "Probe", "no_such_library"),
    "thief": (A_MAP + "Probe = Heads", "Probe", "'heads' is taken"),
    "sized": (
        A_MAP
        + "@dataclass(frozen=True)\nclass Probe(Heads):\n"
        + "    name = 'sized'\n    size: int = option(3, 'Take this.')\n",
        "Probe",
        "--size",
    ),
    "film": (
        A_MAP + "@dataclass(frozen=True)\nclass Probe(Heads):\n    name = 'video'\n",
        "Probe",
        "name",
    ),
    "shouted": (
        A_MAP + "@dataclass(frozen=True)\nclass Probe(Heads):\n    name = 'Shouted'\n",
        "Probe",
        "small letters",
    ),
    "untyped": (
        A_MAP
        + "@dataclass(frozen=True)\nclass Probe(Heads):\n    name = 'untyped'\n"
        + "    pairs: dict[str, int] = option({}.copy, 'Take these.')\n",
        "Probe",
        "pairs",
    ),
    "abstract": (
        "from vitonnx.probes import GraphProbe, Maps\n"
        "from dataclasses import dataclass\n"
        "@dataclass(frozen=True)\nclass Probe(GraphProbe):\n    name = 'abstract'\n"
        "    gives = Maps\n",
        "Probe",
        "condense",
    ),
    "function": ("def Probe(pictures):\n    return pictures", "Probe", "extends neither"),
    "absent": ("", "Probe", "Probe"),
}


def install(folder: Path, package: str, text: str, probes: dict[str, str]) -> Path:
    """Lay out a package of one file, and what an installer writes beside it.

    Parameters
    ----------
    folder : Path
        To be put on the path of Python.
    package : str
        Name of the distribution and of its module.
    text : str
        The module.
    probes : dict of str to str
        Its entry points: names of probes to names in the module.
    """
    folder.mkdir(exist_ok=True, parents=True)
    (folder / f"{package}.py").write_text(textwrap.dedent(text))
    facts = folder / f"{package}-1.0.dist-info"
    facts.mkdir()
    (facts / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {package}\nVersion: 1.0\n")
    lines = [f"{name} = {package}:{place}" for name, place in probes.items()]
    (facts / "entry_points.txt").write_text("\n".join(["[vitonnx.probes]", *lines, ""]))
    return folder


def install_good(folder: Path) -> Path:
    """Install a package of four probes: compiled maps, a table, other maps, and of weights."""
    names = {"near": "Near", "peak": "Peak", "length": "Length", "gram": "Gram"}
    return install(folder, "good", GOOD, names)


def install_bad(folder: Path, *names: str) -> Path:
    """Install some of `BAD`, each a package of its own; all by default."""
    for name in names or BAD:
        text, place, _ = BAD[name]
        install(folder, f"{name}_package", text, {name: place})
    return folder


def commands(folder: Path, *calls: tuple[object, ...]) -> list[Outcome]:
    """Run commands in a process of their own, where a folder's packages are installed."""
    path = os.pathsep.join([str(folder), os.environ.get("PYTHONPATH", "")])
    words = json.dumps([[str(word) for word in call] for call in calls])
    done = finished([sys.executable, "-c", COMMANDS, words], PYTHONPATH=path, COLUMNS="120")
    assert done.code == 0, done.err
    return [Outcome(*each) for each in json.loads(done.out)]
