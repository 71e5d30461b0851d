from typing import Any

import array_api_compat.numpy
import array_api_strict
import pytest


@pytest.fixture(params=[array_api_compat.numpy, array_api_strict], ids=["numpy", "strict"])
def xp(request: pytest.FixtureRequest) -> Any:
    """An array library; the strict one has nothing that the standard doesn't ask for."""
    return request.param
