"""The numbers of ImageNet's devkit, which aren't those of the models' classes."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from pathlib import Path

from vitonnx.errors import UsageError
from vitonnx.extras import require_flow
from vitonnx.regular import refuse_special

__all__ = ["read_devkit_ids"]

META = "meta.mat"
MOST_BYTES = 2**24  # the real one has less than a tenth
PATIENCE = 120  # seconds, where a machine is busy; it takes one
ID = re.compile(r"n\d{8}")

# Damaged files crash SciPy's reader, and not only with an error: it reads in a process of its own,
# which may not take all memory either.
PROGRAM = """
import json, sys
try:
    import resource
    resource.setrlimit(resource.RLIMIT_AS, (2**32, 2**32))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
except (ImportError, ValueError, OSError):
    pass
import numpy
from scipy.io import loadmat
synsets = loadmat(sys.argv[1], variable_names=["synsets"], squeeze_me=True)["synsets"]
rows = [(int(row["ILSVRC2012_ID"]), str(row["WNID"])) for row in numpy.atleast_1d(synsets)]
json.dump(rows, sys.stdout)
"""


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
            f"{truth} has only numbers, which the devkit's {META} explains: put that beside it, or "
            "give a file with names or WordNet ids."
        )
    refuse_special(file, UsageError)
    if file.stat().st_size > MOST_BYTES:
        raise UsageError(f"{file} is larger than the devkit's: check the file.")
    require_flow(f"{META} needs")
    found = _read(file)
    if not found:
        raise UsageError(
            f"{file} isn't the devkit's, or is damaged: take it from the devkit again."
        )
    return found


def _read(file: Path) -> dict[int, str]:
    """Read the numbers and their ids; none where they aren't as they should be."""
    try:
        done = subprocess.run(
            [sys.executable, "-P", "-c", PROGRAM, str(file)],
            capture_output=True,
            check=True,
            timeout=PATIENCE,
        )
        pairs = [(int(number), str(own)) for number, own in json.loads(done.stdout)]
    except (subprocess.SubprocessError, ValueError, TypeError):
        return {}
    found = dict(pairs)
    return found if len(found) == len(pairs) and all(map(ID.fullmatch, found.values())) else {}
