"""Pictures for the tests on Ray: noise, of several sizes."""

from __future__ import annotations

import io

import numpy as np
from numpy.typing import NDArray
from PIL import Image

SIZES = [(53, 71), (40, 56), (97, 41), (61, 61), (43, 89)]


def pixels(number: int) -> NDArray[np.uint8]:
    random = np.random.default_rng(number)
    return random.integers(0, 256, (*SIZES[number % len(SIZES)], 3), np.uint8)


def png(number: int) -> bytes:
    page = io.BytesIO()
    Image.fromarray(pixels(number)).save(page, "png")
    return page.getvalue()
