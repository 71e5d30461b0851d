"""Names that models are given."""

from __future__ import annotations

import re

__all__ = ["safe_name"]

LONGEST_NAME = 120  # letters, so that suffixes fit behind it


def safe_name(text: str) -> str:
    """Make a name of a model out of what others call it, fit to be part of a file's name.

    Examples
    --------
    >>> safe_name("vit_tiny.augreg in21k"), safe_name("../a b?.onnx")
    ('vit_tiny.augreg-in21k', 'a-b-.onnx')
    """
    return re.sub(r"[^\w.+=@-]+", "-", text).strip(".-")[:LONGEST_NAME]
