from __future__ import annotations

from collections.abc import Iterator

import pytest

from pages_served import Served, serve_page


@pytest.fixture(scope="session")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    """The page with the models of the package, one for all tests that leave it whole."""
    with serve_page(tmp_path_factory.mktemp("served")) as page:
        yield page
