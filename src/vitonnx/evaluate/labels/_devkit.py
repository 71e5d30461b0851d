"""The numbers of ImageNet's devkit, which aren't those of the models' classes."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np

from vitonnx.blame import blamed_on
from vitonnx.errors import UsageError
from vitonnx.extras import require_flow
from vitonnx.regular import refuse_special

__all__ = ["read_devkit_ids"]

META = "meta.mat"
MOST_BYTES = 2**24  # the real one has less than a tenth


def read_devkit_ids(truth: Path) -> dict[int, str]:
    """Read which WordNet id each of the devkit's numbers, ``ILSVRC2012_ID``, stands for.

    Parameters
    ----------
    truth : Path
        The devkit's ground truth: ``meta.mat`` lies beside it.

    Raises
    ------
    UsageError
        If that is missing, or is another file.
    MissingExtraError
        If SciPy, which reads it, isn't there.

    References
    ----------
    ILSVRC2012_devkit_t12, ``readme.txt``, section 3.1.
    """
    file = truth.with_name(META)
    if not file.exists():
        raise UsageError(
            f"{truth} has numbers alone, which only the devkit's {META} explains: put that beside "
            "it, or give a file with names or WordNet ids."
        )
    refuse_special(file, UsageError)
    if file.stat().st_size > MOST_BYTES:
        raise UsageError(f"{file} is larger than the devkit's: check the file.")
    require_flow(f"{META} needs")
    with blamed_on(file, UsageError, lambda reason: f"{file} isn't the devkit's ({reason})."):
        from scipy.io import loadmat

        synsets = np.atleast_1d(
            loadmat(file, variable_names=["synsets"], squeeze_me=True)["synsets"]
        )
        numbers = [int(number) for number in synsets["ILSVRC2012_ID"]]
        found = {number: str(own) for number, own in zip(numbers, synsets["WNID"], strict=True)}
        if len(found) < len(numbers) or not all(
            re.fullmatch(r"n\d{8}", own) for own in found.values()
        ):
            raise ValueError("its numbers are not those of WordNet ids")
    return found
