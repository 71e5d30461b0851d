"""What a visitor does first, at a desk and with a phone, in a real browser."""

from __future__ import annotations

from pathlib import Path

import pytest

from app.browsing import Person
from app.first_visit import first_visit

pytestmark = pytest.mark.page


def test_a_first_visit(person: Person, picture: Path, tmp_path: Path) -> None:
    first_visit(person, picture, tmp_path)
