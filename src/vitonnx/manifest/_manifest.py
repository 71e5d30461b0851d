"""The manifest itself, and its way to JSON and back."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, replace
from functools import cache
from typing import TYPE_CHECKING, Annotated, Any, Literal, Self

from annotated_types import Ge, Le, Len, Lt

from vitonnx.errors import ModelFileError, UsageError
from vitonnx.layout import Layout
from vitonnx.manifest._preprocessing import Preprocessing

if TYPE_CHECKING:
    from pydantic import TypeAdapter

__all__ = [
    "BAKED_KEY",
    "CONTRACT_VERSION",
    "METADATA_KEY",
    "Manifest",
    "Source",
    "round_up",
    "safe_name",
]

CONTRACT_VERSION = 2  # the newest that is read; a file says the oldest that it can do with
METADATA_KEY = "vitonnx.manifest"
# What was compiled into a baked file, whose outputs are no longer those of the contract.
BAKED_KEY = "vitonnx.baked"
LONGEST_KEY = 100  # characters of an untrusted key shown in a message

# More than any model has, too little to exhaust a machine. Only reading checks these, since files
# come from anywhere.
LONGEST_MANIFEST = 2**24
"""Letters of a manifest: a hundred thousand classes with long names need half of it."""

Amount = Annotated[float, Ge(0), Lt(math.inf)]
Count = Annotated[int, Ge(1), Le(2**16)]
Grid = tuple[Count, Count]
Word = Annotated[str, Len(0, 1_000)]
Words = Annotated[tuple[Word, ...], Len(0, 100_000)]

LONGEST_NAME = 120  # letters, so that suffixes fit behind it


@dataclass(frozen=True, kw_only=True)
class Source:
    """Origin of the weights.

    Parameters
    ----------
    file : str
        The checkpoint's file name, without folders; ``random:SEED`` for random weights.
    sha256 : str or None
        Hash of the checkpoint file, in hexadecimal; None for random weights.
    url : str or None
        URL that the file was downloaded from, or is published at.
    licence : str or None
        SPDX identifier of the weights' licence.
    """

    file: Word
    sha256: Word | None = None
    url: Word | None = None
    licence: Word | None = None


@dataclass(frozen=True, kw_only=True)
class Manifest(Layout):
    """The promises of one probe-ready file: its `Layout`, and all else that an engine must know.

    Parameters
    ----------
    name, family : str
        Of the model: ``vit_small_patch16_224.dino``, ``dino``.
    patch_size, grid, prefix_tokens, suffix_tokens, blocks, heads
        See `Layout`.
    position_grid, position_prefix
        See `Layout`: of the initializer ``position_embedding``.
    dim : int
        Width of the residual stream.
    position_interpolation : str or None
        How positions are resampled to other grids: see `vitonnx.positions`; ``sincos`` and
        ``rotary`` are recomputed, ``none`` has nothing to resample. None if unknown: the file then
        keeps its size.
    relative_grid : (rows, columns) or None
        The grid that tables of relative positions were made for; None without them.
    size_fixed_by : str or None
        Reason why the file keeps its size, if it does.
    preprocessing : Preprocessing
        Recipe from a picture to the input.
    classes : tuple of str or None
        Names of the logits, where known.
    source : Source
        Origin of the weights.
    parity : dict of str to float
        Largest errors measured at export, rounded up to one digit: logits, embedding and tokens
        relative to their largest magnitude, attention absolute.
    versions : dict of str to str
        Versions of the packages that made the file.
    precision : "fp32", "fp16", "bf16" or "int8"
        Precision of the matrix products.
    fidelity : dict of str to number, or None
        Measured cost of a reduced precision against single precision: see
        `vitonnx.engine.Fidelity`.
    """

    name: Word = field()  # every file says it, and what follows
    family: Word
    patch_size: Count
    grid: Grid
    prefix_tokens: Words
    blocks: Count
    heads: Count
    dim: Count = field()
    position_grid: Grid | None = field()  # be it null
    position_prefix: Words = field()
    position_interpolation: Word | None
    preprocessing: Preprocessing
    classes: Words | None = field()
    source: Source
    parity: dict[Word, Amount] = field(default_factory=dict)
    versions: dict[Word, Word] = field(default_factory=dict)
    precision: Literal["fp32", "fp16", "bf16", "int8"] = "fp32"
    fidelity: dict[Word, float | int | None] | None = None
    suffix_tokens: Words = ()
    relative_grid: Grid | None = None
    size_fixed_by: Word | None = None

    @property
    def contract_version(self) -> int:
        """Oldest version of the contract whose readers understand the file.

        Features that readers of version 1 would misread are listed here, and nowhere else: new
        steps of the recipe, an input larger than its patches, and tokens after the patches.
        """
        if self.suffix_tokens or self.covered != self.size:
            return 2
        return self.preprocessing.contract_version

    @property
    def resizable(self) -> bool:
        """Whether the file can take pictures of another size: see `vitonnx.graph.Regrid`."""
        return self.position_interpolation is not None

    @property
    def size(self) -> tuple[int, int]:
        """Height and width of the input, in pixels."""
        return self.preprocessing.size

    @property
    def covered(self) -> tuple[int, int]:
        """Height and width of what the patches cover of the input, from its upper left corner."""
        return self.grid[0] * self.patch_size, self.grid[1] * self.patch_size

    @property
    def untrained(self) -> bool:
        """Whether the weights are random: its maps show noise, not knowledge."""
        return self.source.file.startswith("random:")

    def at(self, size: tuple[int, int]) -> Self:
        """Return the manifest of the same model at one input size for all pictures.

        Parameters
        ----------
        size : (height, width)
            Input size in pixels, a multiple of the patch size.

        Raises
        ------
        UsageError
            If a side is not a positive multiple of the patch size.
        """
        if size == self.size:
            return replace(self, preprocessing=replace(self.preprocessing, multiple=None))
        if any(side < self.patch_size or side % self.patch_size for side in size):
            nearest = [max(1, round(side / self.patch_size)) * self.patch_size for side in size]
            raise UsageError(
                f"size {size[0]}x{size[1]} is not a multiple of the model's patch size "
                f"{self.patch_size}; the nearest multiple is {nearest[0]}x{nearest[1]}."
            )
        grid = size[0] // self.patch_size, size[1] // self.patch_size
        recipe = replace(self.preprocessing.at(size), multiple=None)
        return replace(self, grid=grid, preprocessing=recipe)

    def to_json(self) -> str:
        """Write the manifest as JSON, its keys in alphabetical order."""
        values = asdict(self) | {"contract_version": self.contract_version}
        del values["final_norm"], values["readout"], values["class_count"]  # the graph says it
        values["preprocessing"] = self.preprocessing.to_fields()
        if self.precision == "fp32":
            # The contract's own keys: what a file in fewer bits says comes on top of them.
            del values["precision"], values["fidelity"]
        # What few files have is left out of the others.
        for key in ("suffix_tokens", "relative_grid", "size_fixed_by"):
            if not values[key]:
                del values[key]
        return json.dumps(values, sort_keys=True, ensure_ascii=False, allow_nan=False)

    @classmethod
    def from_metadata(cls, metadata: Mapping[str, str], *, file: str = "the model") -> Self:
        """Read the manifest from an ONNX file's metadata.

        Raises
        ------
        ModelFileError
            If there is none, or this version of vitonnx can't honour it.
        """
        if METADATA_KEY not in metadata:
            raise ModelFileError(
                f"{file} has no vitonnx manifest, so it isn't probe-ready: convert it with "
                "`vitonnx tap`, or export its checkpoint with `vitonnx export`."
            )
        return cls.from_json(metadata[METADATA_KEY], file=file)

    @classmethod
    def from_json(cls, text: str, *, file: str = "the file") -> Self:
        """Read a manifest, and check that this version of vitonnx can honour it.

        Parameters
        ----------
        text : str
            Text under `METADATA_KEY`.
        file : str
            The file's name, for messages.

        Raises
        ------
        ModelFileError
            If it is not a manifest, has a newer contract, lacks a key, or describes an impossible
            model.
        """
        if len(text) > LONGEST_MANIFEST:
            raise _damaged(file, f"it is {len(text):,} letters long")
        # Loaded when it is first needed: `import vitonnx` must stay quick.
        from pydantic import ValidationError

        try:
            version = _version(text, file)
            manifest: Self = _reader().validate_json(text, strict=True)
        except ValidationError as error:
            found = error.errors()[0]
            key = ".".join(map(str, found["loc"]))[:LONGEST_KEY]
            reason = f"{key}: {found['msg']}" if key else "it is not a JSON object"
            raise _damaged(file, reason) from error
        if any(part > whole for part, whole in zip(manifest.covered, manifest.size, strict=True)):
            raise _damaged(file, "its patches extend beyond its input")
        recipe = manifest.preprocessing
        if version == 1 and recipe.resize is None:
            # Nothing was cut then, whatever the share.
            return replace(manifest, preprocessing=replace(recipe, crop=1.0))
        return manifest


@cache
def _reader() -> TypeAdapter[Any]:
    """Make what reads manifests, once: it takes longer than reading one."""
    from pydantic import TypeAdapter

    return TypeAdapter(Manifest)


def round_up(error: float) -> float:
    """Round a positive number up to one digit.

    Examples
    --------
    >>> round_up(0.00000123), round_up(0.2), round_up(0.0)
    (2e-06, 0.2, 0.0)
    """
    if error == 0:
        return 0.0
    unit = 10.0 ** math.floor(math.log10(error))
    # Through text: 3 * 1e-06 is 3e-06 in print and not 2.9999999999999997e-06.
    return float(f"{math.ceil(error / unit - 1e-9) * unit:.0e}")


def _version(text: str, file: str) -> int:
    """Read which contract is followed, and refuse a newer one before anything else is read."""
    from pydantic_core import from_json

    try:
        values = from_json(text)  # which has a limit to how deep it follows
    except ValueError:
        return CONTRACT_VERSION  # what is no JSON is reported as a damaged manifest
    version = values.get("contract_version", 1) if isinstance(values, dict) else CONTRACT_VERSION
    if not isinstance(version, int) or isinstance(version, bool) or version < 1:
        raise _damaged(file, "contract_version: it is not a whole number from 1")
    if version > CONTRACT_VERSION:
        raise ModelFileError(
            f"{file} follows contract version {version}; this vitonnx reads version "
            f"{CONTRACT_VERSION} and older: upgrade vitonnx (pip install -U vitonnx)."
        )
    return version


def _damaged(file: str, reason: str) -> ModelFileError:
    return ModelFileError(f"{file} has a damaged manifest ({reason}): export the model again.")


def safe_name(text: str) -> str:
    """Make a name of a model out of what others call it, fit to be part of a file's name.

    Examples
    --------
    >>> safe_name("vit_tiny.augreg in21k"), safe_name("../a b?.onnx")
    ('vit_tiny.augreg-in21k', 'a-b-.onnx')
    """
    return re.sub(r"[^\w.+=@-]+", "-", text).strip(".-")[:LONGEST_NAME]
