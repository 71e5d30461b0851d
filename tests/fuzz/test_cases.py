"""What cases are made of: the same every time, whole before they are damaged, and damaged then."""

from __future__ import annotations

from pathlib import Path

import pytest

from fuzz.cases import make_case
from fuzz.material import lay_out
from fuzz.readers import READERS, Reader


@pytest.fixture(scope="module")
def desk(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return lay_out(tmp_path_factory.mktemp("cases") / "desk")


@pytest.mark.parametrize("reader", READERS, ids=lambda reader: reader.name)
def test_a_case_is_the_same_every_time(reader: Reader, desk: Path) -> None:
    files = reader.seeds(desk)
    assert files == reader.seeds(desk)
    damaged = range(len(files), len(files) + 5)
    numbers = range(damaged.stop)
    cases = [make_case(reader, files, 5, number) for number in numbers]
    assert cases == [make_case(reader, files, 5, number) for number in numbers]
    assert cases[: len(files)] == files
    assert cases[len(files) :] != [make_case(reader, files, 6, number) for number in damaged]
