"""Hugging Face's recipe from picture to input: ``preprocessor_config.json``."""

from __future__ import annotations

from typing import Any, TypedDict

from vitonnx.errors import UsageError
from vitonnx.manifest import LARGEST_SIDE, Padding, PilFilter, Preprocessing, colour_of
from vitonnx.models._brief import brief, some
from vitonnx.models._fields import Fields
from vitonnx.models._processors_huggingface import (
    HARMLESS,
    PROCESSORS,
    STEPS,
    Processor,
    processor_name,
)

__all__ = ["names_class", "read_recipe"]

CLASS = ("image_processor_type", "video_processor_type", "feature_extractor_type")

# Pillow's numbers.
FILTERS: dict[int, PilFilter] = {0: "nearest", 1: "lanczos", 2: "bilinear", 3: "bicubic"}

DEIT_CROP = 0.875
# From this side on, ConvNext's pictures are squashed.
CONVNEXT_SQUASHED = 384
INSTEAD = "change it, or tap with another recipe, such as --preprocess imagenet or half"


class Geometry(TypedDict, total=False):
    """The fields of a recipe that place the pixels."""

    resize: int | None
    size: tuple[int, int]
    crop: float
    padding: Padding
    multiple: int


def read_recipe(
    fields: Fields, family: str, size: tuple[int, int], *, own: bool = False
) -> Preprocessing:
    """Read a recipe; what it doesn't say is as its class has it, or else the family.

    The family is the class of a file that names none, in lower case: "vit", "deit", "clip" … The
    size is the model's input size, which the recipe's own takes the place of if it is to.

    Raises
    ------
    UsageError
        If the recipe leaves out a step that the model needs, or has one that vitonnx hasn't.

    Notes
    -----
    Where transformers squashes pictures to a square and then crops them, as for DeiT, the aspect is
    kept here, as DeiT's authors do. OWLv2's pictures are scaled by Pillow's filter rather than
    blurred and sampled.

    References
    ----------
    transformers 5.24, ``models/*/image_processing_pil_*.py``.
    """
    kind, processor = _processor(fields, family)
    _refuse_unknown(fields)
    given = {key: value for key, value in fields.values.items() if value is not None}
    if "interpolation" in given:
        given.setdefault("resample", given["interpolation"])
    fields = Fields(_defaults(kind, processor, size) | given, fields.path)
    if not fields.flag("do_resize", True):
        raise fields.error("do_resize", "true: vitonnx takes pictures of any size")
    mean, std = _colours(fields)
    recipe = Preprocessing(
        **{"resize": None, "crop": 1.0} | _geometry(fields, kind, processor, mean),
        interpolation=_filter(fields),
        mean=mean,
        std=std,
        rounding="down",
        channel_order="bgr" if fields.flag("do_flip_channel_order", False) else "rgb",
    )
    return recipe if own else recipe.at(size)


def _processor(fields: Fields, family: str) -> tuple[str, Processor]:
    """Find the class that a file is of."""
    for key in CLASS:
        if key in fields:
            name = processor_name(fields.text(key))
            if name not in PROCESSORS:
                raise UsageError(
                    f"{fields.path} has the class {fields.text(key)}, whose steps vitonnx doesn't "
                    f"know: {INSTEAD}."
                )
            return name, PROCESSORS[name]
    names = {name.lower(): name for name in PROCESSORS}
    name = names.get(family, "ViT")
    return name, PROCESSORS[name]


def names_class(fields: Fields) -> bool:
    """Tell whether a file names its class."""
    return any(key in fields for key in CLASS)


def _refuse_unknown(fields: Fields) -> None:
    """Refuse keys that may change pixels; an unknown step that is off changes none."""
    unknown = [
        key
        for key, value in fields.values.items()
        if key not in STEPS.keys() | HARMLESS | {"interpolation"}
        and value is not None
        and not (key.startswith("do_") and value is False)
    ]
    if unknown:
        raise UsageError(
            f"{fields.path} has {some(list(map(brief, unknown)))}, which may change pixels in a "
            f"way that vitonnx doesn't know: {INSTEAD}."
        )


def _defaults(kind: str, processor: Processor, size: tuple[int, int]) -> dict[str, Any]:
    """Return the defaults of the class, at the model's size if they have one."""
    defaults = STEPS | processor.defaults
    sides = {"height": size[0], "width": size[1]}
    if kind == "ViT":
        return defaults | {"size": sides}
    if kind == "DeiT":
        scaled = int(min(size) / DEIT_CROP)
        return defaults | {"size": {"shortest_edge": scaled}, "crop_size": sides}
    return defaults


def _colours(fields: Fields) -> tuple[tuple[float, float, float], tuple[float, float, float]]:
    """Fold all steps that scale and shift values into a mean and a deviation.

    Return mean and deviation of pixels in the range 0 to 1; each step is linear.
    """
    # value = factor * pixel + shift, pixels from 0 to 255
    factor = fields.number("rescale_factor") if fields.flag("do_rescale", True) else 1.0
    shifted = fields.flag("offset", False) or fields.flag("rescale_offset", False)
    shift = -1.0 if shifted and fields.flag("do_rescale", True) else 0.0
    mean, std = (0.0, 0.0, 0.0), (1.0, 1.0, 1.0)
    if fields.flag("do_normalize", True):
        mean, std = _colour(fields, "image_mean"), _colour(fields, "image_std")
    if fields.flag("include_top", False):
        again = _colour(fields, "image_std")
        std = (std[0] * again[0], std[1] * again[1], std[2] * again[2])
    unit = 255 * factor
    if abs(unit - 1) < 1e-6 and not shift:
        return mean, std  # as they are published, to the last digit
    red, green, blue = ((part - shift) / unit for part in mean)
    return (red, green, blue), (std[0] / unit, std[1] / unit, std[2] / unit)


def _colour(fields: Fields, key: str) -> tuple[float, float, float]:
    """Read three numbers, or one for all."""
    value = fields.values[key]
    if isinstance(value, int | float) and not isinstance(value, bool):
        fields = Fields({**fields.values, key: [value] * 3}, fields.path)
    return fields.colour(key, above_zero=key == "image_std")


def _geometry(
    fields: Fields, kind: str, processor: Processor, mean: tuple[float, float, float]
) -> Geometry:
    """Read how a picture is scaled, cut and padded."""
    size = _size(fields, square=processor.square)
    pads, cuts = fields.flag("do_pad", False), fields.flag("do_center_crop", False)
    if "longest_edge" in size and "shortest_edge" not in size:
        return _fitted(fields, size["longest_edge"], mean)
    if "longest_edge" in size or ("shortest_edge" in size and kind != "ConvNext" and not cuts):
        raise UsageError(
            f"{fields.path} gives every picture its own size (size: {_words(size)}), but a "
            f"probe-ready file has one: {INSTEAD} (append ,pad to keep the whole picture)."
        )
    if kind == "ConvNext" and "shortest_edge" in size:
        return _convnext(fields, size["shortest_edge"])
    if pads and kind in ("Owlv2", "Llava"):
        return _padded_before(fields, kind, size, mean)
    if kind in ("DPT", "PromptDepthAnything"):
        return _multiple(fields, _box(fields, size))
    if pads and "pad_size" in fields and _box(fields, _size(fields, "pad_size")) != _seen(fields):
        raise fields.error(
            "pad_size", "the size that pictures are scaled to: vitonnx pads no further"
        )
    if not cuts:
        return {"size": _box(fields, size)}
    return _cut(fields, kind, size)


def _cut(fields: Fields, kind: str, size: dict[str, int]) -> Geometry:
    """Scale, and cut the centre out."""
    crop = _seen(fields)
    squashed = "shortest_edge" not in size
    scaled = _box(fields, size) if squashed else (size["shortest_edge"],) * 2
    if kind == "Levit" and not squashed:
        scaled = (int(256 / 224 * scaled[0]),) * 2
    if scaled[0] != scaled[1] or crop[0] != crop[1] or crop[0] > scaled[0]:
        raise fields.error(
            "crop_size", "a square no larger than the size, which must be square too"
        )
    share = crop[0] / scaled[0]
    # A class that is not named may be CLIP's or DeiT's as well; both mean to keep the aspect.
    if squashed and kind != "DeiT" and names_class(fields):
        return {"size": crop, "crop": share}
    return {"resize": scaled[0], "size": crop, "crop": share}


def _convnext(fields: Fields, side: int) -> Geometry:
    """Scale to cover and crop, or squash if large."""
    crop = fields.number("crop_pct")
    if side >= CONVNEXT_SQUASHED:
        return {"size": (side, side)}
    if crop > 1:
        raise fields.error("crop_pct", "a share, at most 1")
    return {"resize": int(side / crop), "size": (side, side), "crop": crop}


def _fitted(fields: Fields, longest: int, mean: tuple[float, float, float]) -> Geometry:
    """Scale the longer side, and pad at the right and the bottom.

    Padding is zero after normalisation, which is the mean before it.
    """
    filled = _box(fields, _size(fields, "pad_size")) if "pad_size" in fields else None
    if not fields.flag("do_pad", False) or filled != (longest, longest):
        raise fields.error("pad_size", f"{longest} by {longest}, the longest_edge of the size")
    return {"size": filled, "padding": Padding(colour=colour_of(mean), place="end")}


def _padded_before(
    fields: Fields, kind: str, size: dict[str, int], mean: tuple[float, float, float]
) -> Geometry:
    """Pad to a square first: OWLv2 in black at the end, LLaVA in the mean on all sides."""
    if kind == "Owlv2":
        black = Padding(colour=(0, 0, 0), place="end", before=True)
        return {"size": _box(fields, size), "padding": black}
    square = (size["shortest_edge"],) * 2 if "shortest_edge" in size else _box(fields, size)
    if fields.flag("do_center_crop", False) and _seen(fields) != square:
        raise fields.error("crop_size", "the size, since pictures are padded")
    red, green, blue = (int(255 * part) for part in mean)
    return {"size": square, "padding": Padding(colour=(red, green, blue), before=True)}


def _multiple(fields: Fields, size: tuple[int, int]) -> Geometry:
    """Scale to multiples of a number, with the aspect kept or not."""
    multiple = fields.integer("ensure_multiple_of", 1)
    if multiple < 1:
        raise fields.error("ensure_multiple_of", "at least 1")
    if fields.flag("keep_aspect_ratio", False):
        return {"size": size, "multiple": multiple}
    height, width = (max(1, round(side / multiple)) * multiple for side in size)
    divisor = fields.integer("size_divisor", 1)
    if fields.flag("do_pad", False) and (height % divisor or width % divisor):
        raise fields.error("size_divisor", "a divisor of the size: vitonnx pads no further")
    return {"size": (height, width)}


def _size(fields: Fields, key: str = "size", *, square: bool = True) -> dict[str, int]:
    """Read a size in any of its forms: one number, two, or an object."""
    match fields.values.get(key):
        case int(side) if 0 < side <= LARGEST_SIDE and not isinstance(side, bool):
            if square:
                return {"height": side, "width": side}
            longest = {"longest_edge": fields.integer("max_size")} if "max_size" in fields else {}
            return {"shortest_edge": side} | longest
        case [int(height), int(width)] if (
            0 < min(height, width) <= LARGEST_SIDE >= max(height, width)
        ):
            return {"height": height, "width": width}
        case dict(sides):
            known = {side: value for side, value in sides.items() if value is not None}
            pairs = ({"height", "width"}, {"shortest_edge"}, {"longest_edge"})
            both = {"shortest_edge", "longest_edge"}
            whole = all(
                isinstance(value, int) and 0 < value <= LARGEST_SIDE for value in known.values()
            )
            if {*known} in (*pairs, both) and whole:
                return known
    raise fields.error(key, f"a number of pixels, or height and width, at most {LARGEST_SIDE:,}")


def _seen(fields: Fields) -> tuple[int, int]:
    """Read the size cropped to, or else scaled to."""
    cuts = fields.flag("do_center_crop", False)
    return _box(fields, _size(fields, "crop_size" if cuts else "size"))


def _box(fields: Fields, size: dict[str, int]) -> tuple[int, int]:
    if "height" not in size:
        raise UsageError(
            f"{fields.path} has a size of {_words(size)}; it must be a height and a width: "
            f"{INSTEAD}."
        )
    return size["height"], size["width"]


def _words(size: dict[str, int]) -> str:
    return ", ".join(f"{side} {value}" for side, value in size.items())


def _filter(fields: Fields) -> PilFilter:
    """Read a filter, by Pillow's number or by its name."""
    value = fields.values["resample"]
    for number, name in FILTERS.items():
        named = isinstance(value, str) and value.rpartition(".")[2].lower() == name
        if named or (value == number and not isinstance(value, bool)):
            return name
    known = ", ".join(f"{number} ({name})" for number, name in FILTERS.items())
    raise fields.error("resample", f"one of {known}")
