"""What all probes share: the array type, and the shape checks."""

from __future__ import annotations

from typing import Any, TypeAlias

from vitonnx.errors import UsageError

__all__ = ["Array", "check_attention"]

Array: TypeAlias = Any
"""An array of any library that follows the Python array API standard."""


def check_attention(attention: Array, *, caller: str, name: str = "attention") -> None:
    """Check that an array can be attention: (batch, heads, tokens, tokens).

    Parameters
    ----------
    attention : array
        Whose shape is looked at; its values are not.
    caller, name : str
        The function and its argument, for the message.

    Raises
    ------
    UsageError
        If the shape is another.

    Examples
    --------
    >>> import numpy as np
    >>> check_attention(np.ones((3, 5, 5)), caller="head_maps")
    Traceback (most recent call last):
        ...
    vitonnx.errors.UsageError: head_maps: attention has shape (3, 5, 5); expected (batch, heads, \
tokens, tokens). Add a batch axis with attention[None].
    """
    shape = tuple(attention.shape)
    if len(shape) == 4 and shape[-1] == shape[-2]:
        return
    remedy = "The last two axes, queries and keys, must be equally long."
    if len(shape) == 3:
        remedy = f"Add a batch axis with {name}[None]."
    raise UsageError(
        f"{caller}: {name} has shape {shape}; expected (batch, heads, tokens, tokens). {remedy}"
    )
