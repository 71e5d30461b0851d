"""Hostile and broken files: every reader accepts or refuses them, and nothing else.

``python -m pytest -m fuzz --minutes 60`` tries for an hour. What is found becomes a test beside
the reader's others.
"""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from fuzz.options import note, seconds_of
from fuzz.readers import READERS, Reader
from fuzz.run import fuzz

pytestmark = [
    pytest.mark.fuzz,
    pytest.mark.skipif(sys.platform != "linux", reason="memory is watched in /proc"),
]

FOUND = "fuzz-found"  # below the root: files that a fault was found with


@pytest.mark.parametrize("reader", READERS, ids=lambda reader: reader.name)
def test_files_are_accepted_or_refused(
    reader: Reader, request: pytest.FixtureRequest, tmp_path: Path
) -> None:
    tally = fuzz(
        reader,
        seed=request.config.getoption("--fuzz-seed"),
        seconds=seconds_of(request),
        folder=tmp_path,
        found=request.config.rootpath / FOUND,
    )
    note(request, tally)
    if tally.faults:
        pytest.fail("\n\n".join(tally.faults), pytrace=False)
