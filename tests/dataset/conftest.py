from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from dataset.served import Web, serve_web


@pytest.fixture
def web(tmp_path: Path) -> Iterator[Web]:
    """A server of the folder `web`."""
    (tmp_path / "web").mkdir()
    with serve_web(tmp_path / "web") as served:
        yield served
