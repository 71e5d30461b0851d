"""Changes appended to a recipe's name: ``imagenet,pad=114,end``."""

from __future__ import annotations

import re
from dataclasses import replace

from vitonnx.errors import UsageError
from vitonnx.manifest import Padding, Preprocessing

__all__ = ["CHANGES", "change", "split_changes"]

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
    """Change a recipe as it was said.

    Raises
    ------
    UsageError
        If changes contradict each other, or a colour is none.
    """
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
