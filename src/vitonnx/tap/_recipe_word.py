"""Facts that a graph doesn't tell: the preprocessing recipe that a word stands for, and names."""

from __future__ import annotations

import math
import re
from dataclasses import replace
from pathlib import Path
from typing import TypeAlias

from vitonnx.errors import UsageError
from vitonnx.manifest import Padding, Preprocessing
from vitonnx.models import Description, find_model, read_description
from vitonnx.tap._naming import folders_of

__all__ = ["CHANGES", "change", "describe", "description_files", "split_changes"]

Colour: TypeAlias = tuple[float, float, float]

WAYS = "imagenet, half, MEAN,STD, timm:NAME, timm:FILE or hf:FILE"
COLOURS = {
    "imagenet": ((0.485, 0.456, 0.406), (0.229, 0.224, 0.225)),
    "half": ((0.5, 0.5, 0.5), (0.5, 0.5, 0.5)),
}
CROP = 0.875  # of most that is published; timm's default too
BESIDE = (
    "preprocessor_config.json",
    "processor_config.json",
    "video_preprocessor_config.json",
    "config.json",
)


def describe(word: str | None, file: Path, size: tuple[int, int] | None) -> Description:
    """Return the recipe that a word stands for: see `tap`.

    If there is none, a config is looked for beside the model's file. The size is the graph's, or
    None if it leaves it open, and the config tells. An unknown word is a UsageError, and so is
    neither a word nor a config.
    """
    if word is None:
        return _beside(file, size)
    named, changes = split_changes(word)
    known = _named(named, size)
    return replace(known, preprocessing=change(known.preprocessing, changes))


def _named(word: str, size: tuple[int, int] | None) -> Description:
    if word in COLOURS:
        return Description(_usual(size, *COLOURS[word]))
    kind, _, rest = word.partition(":")
    if kind == "hf" and rest:
        return read_description(rest, size)
    if kind == "timm" and rest:
        if Path(rest).is_file() or rest.endswith(".json"):
            return read_description(rest, size)
        spec = find_model(rest)
        recipe = spec.preprocessing
        return Description(
            recipe if size is None else recipe.at(size),
            spec.classes,
            spec.config.prefix_tokens,
            spec.config.position_interpolation,
        )
    return Description(_usual(size, *_numbers(word)))


def description_files(word: str | None, file: Path) -> list[Path]:
    """List the files that are read to find out what a word stands for, as far as they are there."""
    kind, _, rest = split_changes(word or "")[0].partition(":")
    given = Path(rest) if kind in ("hf", "timm") and rest else None
    folders = folders_of(file) if word is None else [given.parent] if given is not None else []
    candidates = [folder / name for folder in folders for name in BESIDE]
    return [path for path in (given, *candidates) if path is not None and path.is_file()]


def _beside(file: Path, size: tuple[int, int] | None) -> Description:
    if beside := description_files(None, file):
        return read_description(beside[0], size)
    raise UsageError(
        f"a graph doesn't say how pictures are normalised, and there is no {BESIDE[0]} beside "
        f"{file}: give --preprocess {WAYS}."
    )


def _usual(size: tuple[int, int] | None, mean: Colour, std: Colour) -> Preprocessing:
    if size is None:
        raise UsageError(
            "The model takes pictures of any size: set that of the probe-ready file with --size "
            "HEIGHTxWIDTH."
        )
    return Preprocessing(
        resize=math.floor(min(size) / CROP),
        size=size,
        crop=CROP,
        interpolation="bicubic",
        mean=mean,
        std=std,
    )


def _numbers(word: str) -> tuple[Colour, Colour]:
    try:
        numbers = [float(part) for part in word.split(",")]
    except ValueError:
        numbers = []
    if len(numbers) not in (2, 6) or not all(math.isfinite(number) for number in numbers):
        raise UsageError(
            f"--preprocess {word} is unknown: use {WAYS}; MEAN,STD are two numbers, or three and "
            f"three, in the range 0 to 1. Append, with commas: {CHANGES}."
        )
    half = len(numbers) // 2
    mean, std = ((*part, *part, *part)[:3] for part in (numbers[:half], numbers[half:]))
    if min(std) <= 0 or max(*mean, *std) > 1 or min(mean) < 0:
        raise UsageError(
            f"--preprocess {word} is out of range: for pixels from 0 to 1, means must be between "
            "0 and 1, and deviations above 0."
        )
    return (mean[0], mean[1], mean[2]), (std[0], std[1], std[2])


CHANGES = "pad, pad=GREY, pad=#RRGGBB, end, squash, bgr"
# From the end of the word on, so that a file may have commas in its name.
BEHIND = re.compile(r"(?:,(?:pad(?:=[^,]*)?|end|squash|bgr))+$")


def split_changes(word: str) -> tuple[str, tuple[str, ...]]:
    """Take the changes off a recipe's name.

    Examples
    --------
    >>> split_changes("0.5,0.25,pad=114,end")
    ('0.5,0.25', ('pad=114', 'end'))
    """
    found = BEHIND.search(word)
    if found is None:
        return word, ()
    return word[: found.start()], tuple(found.group()[1:].split(","))


def change(recipe: Preprocessing, changes: tuple[str, ...]) -> Preprocessing:
    """Change a recipe as it was said; UsageError if changes contradict each other."""
    kinds = [word.partition("=")[0] for word in changes]
    if len({*kinds}) < len(kinds) or {"pad", "squash"} <= {*kinds}:
        raise UsageError(
            f"--preprocess …,{','.join(changes)} is contradictory: give each change once, and "
            "either pad or squash."
        )
    if "end" in kinds and "pad" not in kinds:
        raise UsageError("--preprocess …,end needs padding: use ,pad,end.")
    for kind, word in zip(kinds, changes, strict=True):
        match kind:
            case "pad":
                recipe = recipe.fitted("pad")
                padding = Padding(
                    colour=_colour(word) or recipe.mean_colour,
                    place="end" if "end" in kinds else "centre",
                )
                recipe = replace(recipe, padding=padding)
            case "squash":
                recipe = recipe.fitted("squash")
            case "bgr":
                recipe = replace(recipe, channel_order="bgr")
    return recipe


def _colour(word: str) -> tuple[int, int, int] | None:
    """Read ``pad=114`` or ``pad=#727272``; None is the recipe's mean."""
    _, given, text = word.partition("=")
    if not given:
        return None
    if re.fullmatch(r"\d{1,3}", text) and int(text) <= 255:
        return int(text), int(text), int(text)
    if re.fullmatch(r"#[0-9a-fA-F]{6}", text):
        red, green, blue = bytes.fromhex(text[1:])
        return red, green, blue
    raise UsageError(
        f"--preprocess …,{word} is not a colour: use a grey from 0 to 255, or #RRGGBB."
    )
