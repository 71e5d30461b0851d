"""What a probe-ready ONNX file promises: the JSON under its metadata key ``vitonnx.manifest``.

The manifest holds all that an engine must know about the model, so that one file is all that
anybody copies to another machine. It is plain JSON, readable from any language.
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, fields, replace
from pathlib import Path
from typing import Any, Literal, Self

from vitonnx.errors import ModelFileError, UsageError
from vitonnx.filenames import refuse_address, shown

__all__ = [
    "BAKED_KEY",
    "CONTRACT_VERSION",
    "METADATA_KEY",
    "Fit",
    "Manifest",
    "Padding",
    "Preprocessing",
    "Source",
    "colour_of",
    "require_model_file",
    "round_up",
    "safe_name",
]

CONTRACT_VERSION = 2  # the newest that is read; a file says the oldest that it can do with
METADATA_KEY = "vitonnx.manifest"
# What was compiled into a baked file, whose outputs are no longer those of the contract.
BAKED_KEY = "vitonnx.baked"

LONGEST_NAME = 120  # letters, so that suffixes fit behind it

PilFilter = Literal["nearest", "bilinear", "bicubic", "lanczos"]
Fit = Literal["cut", "pad", "squash"]
"""How a picture gets an input's shape: its centre is cut out, or it is padded, or squashed."""

Colour = tuple[float, float, float]


def colour_of(mean: Colour) -> tuple[int, int, int]:
    """Give the nearest colour, from 0 to 255, to one that is given in floats from 0 to 1.

    Examples
    --------
    >>> colour_of((0.485, 0.456, 1.25))
    (124, 116, 255)
    """
    red, green, blue = (min(255, max(0, round(255 * part))) for part in mean)
    return red, green, blue


@dataclass(frozen=True, kw_only=True)
class Padding:
    """What fills an input that is no picture's shape.

    Parameters
    ----------
    colour : three whole numbers from 0 to 255
        Red, green and blue.
    place : "centre" or "end"
        Where the picture lies: in the middle, or at the top left, with the padding at the right
        and at the bottom.
    before : bool
        Whether the picture is padded before it is scaled, so that its last pixels blend with the
        colour, or after.
    """

    colour: tuple[int, int, int]
    place: Literal["centre", "end"] = "centre"
    before: bool = False

    def __post_init__(self) -> None:
        if not all(0 <= part <= 255 for part in self.colour):
            raise UsageError(f"the padding's colour is {self.colour}; it must be from 0 to 255.")


@dataclass(frozen=True, kw_only=True)
class Preprocessing:
    """The recipe from a picture to the model's input.

    The picture is scaled, its aspect kept, until it just covers ``size / crop``, and its centre is
    cut out. With ``resize`` none, it is squashed to ``size / crop`` instead. With ``padding`` it is
    scaled, its aspect kept, until it just fits into ``size / crop``, and what is missing is filled.

    Parameters
    ----------
    resize : int or None
        Shorter side, in pixels, of what the picture is scaled to cover; None squashes, or pads.
    size : (height, width)
        Of the model's input, in pixels.
    crop : float in (0, 1]
        Share of the scaled picture's shorter side that the crop keeps, as published: it says
        how ``resize`` follows from another ``size``.
    interpolation : "nearest", "bilinear", "bicubic" or "lanczos"
        Pillow's antialiased filter of that name.
    mean, std : three floats
        Of red, green and blue, for pixels in the range 0 to 1; applied inside the graph.
    padding : Padding, optional
        What fills the input; only without ``resize``.
    multiple : int, optional
        Every picture has an input size of its own: it is scaled to one of the sides of ``size``,
        whichever changes it less, its aspect kept, and both sides are rounded to this multiple.
    rounding : "even" or "down"
        Where half a pixel of a margin goes: to the even number, as in timm, or down, as in
        transformers.
    channel_order : "rgb" or "bgr"
        Of the network's own input. The file's is RGB in any case: the graph turns it round, behind
        the normalisation.
    """

    resize: int | None
    size: tuple[int, int]
    crop: float
    interpolation: PilFilter
    mean: Colour
    std: Colour
    padding: Padding | None = None
    multiple: int | None = None
    rounding: Literal["even", "down"] = "even"
    channel_order: Literal["rgb", "bgr"] = "rgb"

    def __post_init__(self) -> None:
        if not 0 < self.crop <= 1:
            raise UsageError(f"crop is {self.crop}; it must be above 0 and at most 1.")
        if self.resize is not None and self.resize < min(self.size):
            raise UsageError(
                f"resize is {self.resize}, less than the shorter side of the input, "
                f"{min(self.size)}: the picture could not cover it."
            )
        if self.resize is not None and self.padding is not None:
            raise UsageError("a recipe either cuts pictures, by resize, or pads them.")
        if self.multiple is not None and self.multiple < 1:
            raise UsageError(f"multiple is {self.multiple}; it must be at least 1.")

    @property
    def contract_version(self) -> int:
        """The oldest version of the contract whose readers follow this recipe."""
        newer = (
            self.padding is not None,
            self.multiple is not None,
            self.resize is None and self.crop != 1,
            self.channel_order != "rgb",  # filters would be shown in other colours
        )
        return 2 if any(newer) else 1

    @property
    def scaled(self) -> tuple[int, int]:
        """Height and width that ``crop`` is a share of, where the picture is squashed or padded.

        Examples
        --------
        >>> Preprocessing(resize=None, size=(224, 320), crop=0.875, interpolation="bicubic",
        ...               mean=(0.5, 0.5, 0.5), std=(0.5, 0.5, 0.5)).scaled
        (256, 365)
        """
        # The small addend keeps 224 / 0.875 at 256, whatever the floating point makes of it.
        height, width = (int(side / self.crop + 1e-6) for side in self.size)
        return height, width

    def fitted(self, fit: Fit) -> Self:
        """Give the same recipe with all of a picture, or as much as its centre, in the input.

        Parameters
        ----------
        fit : "cut", "pad" or "squash"
            The largest centre that has the input's shape; all of it, padded in the mean colour;
            or all of it, squashed.
        """
        whole = replace(self, resize=None, crop=1.0, padding=None, multiple=None)
        match fit:
            case "cut":
                return replace(whole, resize=min(self.size))
            case "pad":
                return replace(whole, padding=Padding(colour=self.mean_colour))
            case "squash":
                return whole
        raise UsageError(f"fit {fit!r} is unknown; use cut, pad or squash.")

    def for_picture(self, picture: tuple[int, int]) -> Self:
        """Give the recipe with the input size that a picture has, where each has its own.

        Parameters
        ----------
        picture : (height, width)
            In pixels.

        References
        ----------
        Ranftl et al. 2021, arXiv:2103.13413: DPT's own code, and transformers'.

        Examples
        --------
        >>> recipe = Preprocessing(resize=None, size=(518, 518), crop=1.0, interpolation="bicubic",
        ...                        mean=(0.5, 0.5, 0.5), std=(0.5, 0.5, 0.5), multiple=14)
        >>> recipe.for_picture((480, 640)).size
        (518, 686)
        """
        if self.multiple is None:
            return self
        # As little as possible: the side whose scale is nearer to 1 says how much.
        scale = min(
            (of / side for of, side in zip(self.size, picture, strict=True)),
            key=lambda scale: abs(1 - scale),  # of two that are as near, the height's
        )
        height, width = (
            max(1, round(scale * side / self.multiple)) * self.multiple for side in picture
        )
        return replace(self, size=(height, width), multiple=None)

    def to_fields(self) -> dict[str, Any]:
        """Give the recipe as plain values, without what is as it is by default."""
        usual = {entry.name: entry.default for entry in fields(self)}
        return {key: value for key, value in asdict(self).items() if usual[key] != value}

    @property
    def mean_colour(self) -> tuple[int, int, int]:
        """The colour that is zero to the network, from 0 to 255."""
        return colour_of(self.mean)

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
        How positions become those of other grids: see `vitonnx.positions`; ``sincos`` and
        ``rotary`` are computed anew, ``none`` has nothing to resample. None where that isn't
        known, so that the file keeps its size.
    relative_grid : (rows, columns) or None
        The grid that tables of relative positions were made for; None without them.
    size_fixed_by : str or None
        Where the file keeps its size: why.
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
    relative_grid: tuple[int, int] | None = None
    size_fixed_by: str | None = None

    @property
    def contract_version(self) -> int:
        """The oldest version of the contract whose readers understand the file.

        What would be misread by readers of version 1 is listed here, and nowhere else: steps of
        the recipe, an input that is larger than its patches, and tokens behind the patches.
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
        """Give the manifest of the same model at an input size that all pictures have.

        Parameters
        ----------
        size : (height, width)
            In pixels; multiples of the patch size.

        Raises
        ------
        UsageError
            If a side is no positive multiple of the patch size.
        """
        if size == self.size:
            return replace(self, preprocessing=replace(self.preprocessing, multiple=None))
        if any(side < self.patch_size or side % self.patch_size for side in size):
            nearest = [max(1, round(side / self.patch_size)) * self.patch_size for side in size]
            raise UsageError(
                f"size {size[0]}x{size[1]} is no multiple of the model's patch size "
                f"{self.patch_size}; the nearest that is: {nearest[0]}x{nearest[1]}."
            )
        grid = size[0] // self.patch_size, size[1] // self.patch_size
        recipe = replace(self.preprocessing.at(size), multiple=None)
        return replace(self, grid=grid, preprocessing=recipe)

    def to_json(self) -> str:
        """Write the manifest as JSON, its keys in alphabetical order."""
        values = asdict(self) | {"contract_version": self.contract_version}
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
            version = _version(text, file)
            manifest = TypeAdapter(cls).validate_json(text, strict=True)
        except ValidationError as error:
            found = error.errors()[0]
            key = ".".join(map(str, found["loc"]))
            reason = f"{key}: {found['msg']}" if key else "it is no JSON object"
            raise _damaged(file, reason) from error
        if any(part > whole for part, whole in zip(manifest.covered, manifest.size, strict=True)):
            raise _damaged(file, "its patches reach beyond its input")
        recipe = manifest.preprocessing
        if version == 1 and recipe.resize is None:
            # Nothing was cut then, whatever the share.
            return replace(manifest, preprocessing=replace(recipe, crop=1.0))
        return manifest


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


def safe_name(text: str) -> str:
    """Make a name of a model out of what others call it, fit to be part of a file's name.

    Examples
    --------
    >>> safe_name("vit_tiny.augreg in21k"), safe_name("../a b?.onnx")
    ('vit_tiny.augreg-in21k', 'a-b-.onnx')
    """
    return re.sub(r"[^\w.+=@-]+", "-", text).strip(".-")[:LONGEST_NAME]


def _version(text: str, file: str) -> int:
    """Read which contract is followed, and refuse a newer one before anything else is read."""
    try:
        values = json.loads(text)
    except ValueError:
        return CONTRACT_VERSION  # what is no JSON is reported as a damaged manifest
    version = values.get("contract_version", 1) if isinstance(values, dict) else CONTRACT_VERSION
    if not isinstance(version, int):
        raise _damaged(file, "contract_version: it is no whole number")
    if version > CONTRACT_VERSION:
        raise ModelFileError(
            f"{file} follows contract version {version}; this vitonnx reads version "
            f"{CONTRACT_VERSION} and older: upgrade vitonnx (pip install -U vitonnx)."
        )
    return version


def _damaged(file: str, reason: str) -> ModelFileError:
    return ModelFileError(f"{file} has a damaged manifest ({reason}): export the model again.")


def require_model_file(file: Path) -> None:
    """Refuse what can't be a model's file, before any library reads it.

    Raises
    ------
    ModelFileError
        If it isn't there, is a folder, is empty, can't be read, or has a name that is no text.
    UsageError
        If it is an address of the net.
    """
    refuse_address(str(file))
    whole = str(file.absolute())
    if shown(whole) != whole:
        raise ModelFileError(
            f"{shown(whole)} has a name that is no UTF-8, and onnxruntime opens no such file: "
            "rename it."
        )
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
