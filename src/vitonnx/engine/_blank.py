"""A picture of nothing, of which an engine is asked to learn what its answers look like."""

from __future__ import annotations

import numpy as np

from vitonnx.engine._placing import Place
from vitonnx.engine._preprocess import Prepared
from vitonnx.manifest import Manifest

__all__ = ["blank"]

SIDE = 2**30  # pixels: so that any query pixel lies in it


def blank(manifest: Manifest) -> Prepared:
    """Make a black picture as a model sees it, in which any pixel that a query names has a patch.

    What a probe finds in it has the shapes and dtypes of all that it finds.

    Parameters
    ----------
    manifest : Manifest
        The model's, at the size in use.
    """
    whole, size = (SIDE, SIDE), manifest.size
    place = Place(whole, size, manifest.covered, scaled=size, top=0, left=0, canvas=whole)
    return Prepared(np.zeros((*size, 3), np.uint8), place)
