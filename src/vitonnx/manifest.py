"""What a probe-ready ONNX file promises: the JSON under its metadata key ``vitonnx.manifest``.

The manifest holds all that an engine must know about the model, so that one file is all that
anybody copies to another machine. It is plain JSON, readable from any language.
"""

from __future__ import annotations

import contextlib
import json
import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Literal, Self

from vitonnx.errors import ModelFileError, UsageError

__all__ = [
    "BAKED_KEY",
    "CONTRACT_VERSION",
    "METADATA_KEY",
    "Manifest",
    "Preprocessing",
    "Source",
    "require_model_file",
    "round_up",
]

CONTRACT_VERSION = 2  # the newest that is read; a file says the oldest that it can do with
METADATA_KEY = "vitonnx.manifest"
# What was compiled into a baked file, whose outputs are no longer those of the contract.
BAKED_KEY = "vitonnx.baked"

PilFilter = Literal["nearest", "bilinear", "bicubic", "lanczos"]


@dataclass(frozen=True, kw_only=True)
class Preprocessing:
    """The recipe from a picture to the model's input.

    The picture is scaled, its aspect kept, until it just covers ``size / crop``, and its centre is
    cut out. With ``resize`` none, it is squashed to ``size`` instead, and nothing is cut.

    Parameters
    ----------
    resize : int or None
        Shorter side, in pixels, of what the picture is scaled to cover; None squashes.
    size : (height, width)
        Of the model's input, in pixels.
    crop : float in (0, 1]
        Share of the scaled picture's shorter side that the crop keeps, as published: it says
        how ``resize`` follows from another ``size``.
    interpolation : "nearest", "bilinear", "bicubic" or "lanczos"
        Pillow's antialiased filter of that name.
    mean, std : three floats
        Of red, green and blue, in the range 0 to 1; applied inside the graph.
    """

    resize: int | None
    size: tuple[int, int]
    crop: float
    interpolation: PilFilter
    mean: tuple[float, float, float]
    std: tuple[float, float, float]

    def __post_init__(self) -> None:
        if not 0 < self.crop <= 1:
            raise UsageError(f"crop is {self.crop}; it must be above 0 and at most 1.")
        if self.resize is not None and self.resize < min(self.size):
            raise UsageError(
                f"resize is {self.resize}, less than the shorter side of the input, "
                f"{min(self.size)}: the picture could not cover it."
            )

    def at(self, size: tuple[int, int]) -> Self:
        """Give the same recipe for another input size: same crop ratio, scaled to cover.

        Examples
        --------
        >>> recipe = Preprocessing(resize=248, size=(224, 224), crop=0.9, interpolation="bicubic",
        ...                        mean=(0.5, 0.5, 0.5), std=(0.5, 0.5, 0.5))
        >>> recipe.at((384, 480)).resize
        426
        """
        if size == self.size:
            return self
        # The small addend keeps 0.875 of 224 at 256, whatever the floating point makes of it.
        resize = None if self.resize is None else int(min(size) / self.crop + 1e-6)
        return replace(self, size=size, resize=resize)


@dataclass(frozen=True, kw_only=True)
class Source:
    """Where the weights came from.

    Parameters
    ----------
    file : str
        The checkpoint's file name, without folders; ``random:SEED`` for random weights.
    sha256 : str or None
        Of the checkpoint file, in hexadecimal; None for random weights.
    url : str or None
        Where the file was fetched from, or is published.
    licence : str or None
        SPDX identifier of the weights' licence.
    """

    file: str
    sha256: str | None = None
    url: str | None = None
    licence: str | None = None


@dataclass(frozen=True, kw_only=True)
class Manifest:
    """The promises of one probe-ready file.

    Parameters
    ----------
    name, family : str
        Of the model: ``vit_small_patch16_224.dino``, ``dino``.
    patch_size : int
        Side of a patch in pixels of the input.
    grid : (rows, columns)
        Patches of the file's input.
    prefix_tokens : tuple of str
        Tokens in front of the patches, in order: ``cls``, ``dist``, ``reg0`` …
    suffix_tokens : tuple of str
        Tokens behind the patches, in order, such as YOLOS's detection tokens.
    blocks, heads, dim : int
        Depth, attention heads a block, width of the residual stream.
    position_grid : (rows, columns) or None
        The grid that the initializer ``position_embedding`` was made for; None without one.
    position_prefix : tuple of str
        The prefix tokens that have a row in ``position_embedding``.
    position_interpolation : str or None
        How it is resampled to other grids: see `vitonnx.positions`; None where that isn't known.
    preprocessing : Preprocessing
        From a picture to the input.
    classes : tuple of str or None
        Names of the logits, where known.
    source : Source
        Where the weights came from.
    parity : dict of str to float
        Largest errors measured at export, rounded up to one digit: logits, embedding and tokens
        relative to their largest magnitude, attention absolute.
    versions : dict of str to str
        Of the packages that made the file.
    precision : "fp32", "fp16", "bf16" or "int8"
        Of the network's products.
    fidelity : dict of str to number, or None
        What a reduced precision cost against single precision, where it was measured: see
        `vitonnx.engine.Fidelity`.
    """

    name: str
    family: str
    patch_size: int
    grid: tuple[int, int]
    prefix_tokens: tuple[str, ...]
    blocks: int
    heads: int
    dim: int
    position_grid: tuple[int, int] | None
    position_prefix: tuple[str, ...]
    position_interpolation: str | None
    preprocessing: Preprocessing
    classes: tuple[str, ...] | None
    source: Source
    parity: dict[str, float] = field(default_factory=dict)
    versions: dict[str, str] = field(default_factory=dict)
    precision: Literal["fp32", "fp16", "bf16", "int8"] = "fp32"
    fidelity: dict[str, float | int | None] | None = None
    suffix_tokens: tuple[str, ...] = ()

    @property
    def contract_version(self) -> int:
        """The oldest version of the contract whose readers understand the file.

        What would be misread by readers of version 1 is listed here, and nowhere else.
        """
        return 2 if self.suffix_tokens else 1

    @property
    def size(self) -> tuple[int, int]:
        """Height and width of the input, in pixels."""
        return self.grid[0] * self.patch_size, self.grid[1] * self.patch_size

    @property
    def patches(self) -> int:
        """Number of patches."""
        return self.grid[0] * self.grid[1]

    @property
    def tokens(self) -> int:
        """Prefix tokens, patches and suffix tokens together."""
        return len(self.prefix_tokens) + self.patches + len(self.suffix_tokens)

    @property
    def untrained(self) -> bool:
        """Whether the weights are random: its maps show noise, not knowledge."""
        return self.source.file.startswith("random:")

    def at(self, size: tuple[int, int]) -> Self:
        """Give the manifest of the same model at another input size.

        Parameters
        ----------
        size : (height, width)
            In pixels; multiples of the patch size.

        Raises
        ------
        UsageError
            If a side is no positive multiple of the patch size.
        """
        if any(side < self.patch_size or side % self.patch_size for side in size):
            nearest = [max(1, round(side / self.patch_size)) * self.patch_size for side in size]
            raise UsageError(
                f"size {size[0]}x{size[1]} is no multiple of the model's patch size "
                f"{self.patch_size}; the nearest that is: {nearest[0]}x{nearest[1]}."
            )
        grid = size[0] // self.patch_size, size[1] // self.patch_size
        return replace(self, grid=grid, preprocessing=self.preprocessing.at(size))

    def to_json(self) -> str:
        """Write the manifest as JSON, its keys in alphabetical order."""
        values = asdict(self) | {"contract_version": self.contract_version}
        if not self.suffix_tokens:
            del values["suffix_tokens"]
        if self.precision == "fp32":
            # The contract's own keys: what a file in fewer bits says comes on top of them.
            del values["precision"], values["fidelity"]
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
                f"{file} has no vitonnx manifest, so it isn't probe-ready: make it so with "
                "`vitonnx tap`, or export the checkpoint with `vitonnx export`."
            )
        return cls.from_json(metadata[METADATA_KEY], file=file)

    @classmethod
    def from_json(cls, text: str, *, file: str = "the file") -> Self:
        """Read a manifest, and check that this version of vitonnx can honour it.

        Parameters
        ----------
        text : str
            What stood under `METADATA_KEY`.
        file : str
            The file's name, for messages.

        Raises
        ------
        ModelFileError
            If it is no manifest, of a newer contract, or lacks a key.
        """
        # Loaded when it is first needed: `import vitonnx` must stay quick.
        from pydantic import TypeAdapter, ValidationError

        try:
            _refuse_newer(text, file)
            return TypeAdapter(cls).validate_json(text, strict=True)
        except ValidationError as error:
            found = error.errors()[0]
            key = ".".join(map(str, found["loc"]))
            reason = f"{key}: {found['msg']}" if key else "it is no JSON object"
            raise ModelFileError(
                f"{file} has a damaged manifest ({reason}): export the model again."
            ) from error


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


def _refuse_newer(text: str, file: str) -> None:
    """Refuse a newer contract before anything of it is read: it may mean other things."""
    with contextlib.suppress(ValueError):  # what is no JSON is reported as a damaged manifest
        values = json.loads(text)
        version = values.get("contract_version", 1) if isinstance(values, dict) else 1
        if not isinstance(version, int):
            raise ModelFileError(
                f"{file} has a damaged manifest (contract_version: it is no whole number): export "
                "the model again."
            )
        if version > CONTRACT_VERSION:
            raise ModelFileError(
                f"{file} follows contract version {version}; this vitonnx reads version "
                f"{CONTRACT_VERSION} and older: upgrade vitonnx (pip install -U vitonnx)."
            )


def require_model_file(file: Path) -> None:
    """Refuse what can't be a model's file, before any library reads it.

    Raises
    ------
    ModelFileError
        If it isn't there, is a folder, is empty, or can't be read.
    """
    if file.is_dir():
        raise ModelFileError(f"{file} is a folder, not an ONNX file: name the file in it.")
    try:
        with file.open("rb") as stream:
            empty = not stream.read(1)
    except FileNotFoundError:
        raise ModelFileError(
            f"There is no file {file}: check the path, or make it with `vitonnx export`."
        ) from None
    except OSError as error:
        raise ModelFileError(f"{file} can't be read: {error.strerror}.") from error
    if empty:
        raise ModelFileError(f"{file} is empty: export or copy it again.")
