"""Limits of a checkpoint's content: enough for any ViT, too little to exhaust a machine."""

from __future__ import annotations

from itertools import takewhile
from pathlib import Path
from typing import Final

from vitonnx.errors import CheckpointError
from vitonnx.models._brief import brief
from vitonnx.models.checkpoints._tensor import Contents
from vitonnx.models.checkpoints._training import of_training

__all__ = ["MOST_ARRAYS", "check_contents", "check_growth"]

MOST_ARRAYS: Final = 2**14
"""A full checkpoint of ViT-B, with two models and an optimizer, has 600; the largest some 4,000."""

LONGEST_NAME: Final = 256
"""Letters of an array's name, or of a key that leads to it: published ones have up to 100."""

MOST_AXES: Final = 8
"""The convolution of a patch embedding has four; blocks on top of each other add one."""

MOST_GROWTH: Final = 20
"""Weights hardly compress; half precision doubles, and shared blocks take their number times."""

SMALL: Final = 64 * 2**20
"""Bytes that are no harm, whatever they grew from: small models of zeros are compressed well."""


def check_contents(path: Path, contents: Contents) -> None:
    """Refuse more arrays, or longer names of a model's, than any checkpoint has.

    Entries of training are only counted: Lightning uses paths of files as names there.

    Raises
    ------
    CheckpointError
        If there are.
    """
    advice = "save only the model's state_dict, and give that file."
    count = sum(map(len, contents.values()))
    if count > MOST_ARRAYS:
        raise CheckpointError(
            f"{path} holds {count:,} arrays, but no ViT needs more than {MOST_ARRAYS:,}: {advice}"
        )
    for keys, group in contents.items():
        if of_training(keys):
            # Messages name what it lies under, and nothing behind.
            keys, group = tuple(takewhile(lambda key: not of_training([key]), keys)), {}
        for name in (*keys, *group):
            if len(name) > LONGEST_NAME or not name.isprintable():
                raise CheckpointError(
                    f"{path} has {brief(name)} among its names, but names must be printable and "
                    f"have at most {LONGEST_NAME} characters: {advice}"
                )
        for name, tensor in group.items():
            if len(tensor.shape) > MOST_AXES:
                raise CheckpointError(
                    f"{path} has {brief(name)} with {len(tensor.shape)} axes, but no array of a "
                    f"ViT has more than {MOST_AXES}: {advice}"
                )


def check_growth(label: str, length: int, needed: int) -> None:
    """Refuse a file whose arrays would expand to many times its own length.

    Parameters
    ----------
    label : str
        The files' names, for messages.
    length, needed : int
        Bytes of the files, and of what they would become.

    Raises
    ------
    CheckpointError
        If no weights grow so.
    """
    if needed > max(SMALL, MOST_GROWTH * length):
        raise CheckpointError(
            f"{label} has {length:,} bytes that would expand to {needed:,}, as if made to exhaust "
            "memory, so it is refused. Save the weights without compression, each array on its "
            "own, and give that file."
        )
