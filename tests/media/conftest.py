import os
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from PIL import Image

NOBODY = 65534


@pytest.fixture
def closed_folder() -> Iterator[Path]:
    """Give a folder to which, and to whose ``closed.png`` and ``closed``, there's no permission.

    Root may do everything, so for the length of the test it becomes nobody.
    """
    Image.init()  # before the libraries themselves are out of reach
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        Image.new("RGB", (3, 2)).save(folder / "closed.png")
        (folder / "closed").mkdir()
        closed = {folder / "closed.png": 0o000, folder / "closed": 0o000, folder: 0o555}
        for path, mode in closed.items():
            path.chmod(mode)
        is_root = os.geteuid() == 0
        if is_root:
            os.seteuid(NOBODY)
        try:
            yield folder
        finally:
            if is_root:
                os.seteuid(0)
            for path in reversed(closed):
                path.chmod(0o755)
