"""What is kept in the user's cache folder, and where that can't be written."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from vitonnx.names._kept import writable

PROGRAM = """
from pathlib import Path
from vitonnx.names._kept import writable
file = writable(Path("/dev/null/vitonnx/dino.onnx"))
file.write_bytes(b"model")
print(file)
"""


def test_its_folder_is_made(tmp_path: Path) -> None:
    file = tmp_path / "new" / "0.1" / "dino.onnx"
    assert writable(file) == file
    assert list(file.parent.iterdir()) == []


def test_where_it_cannot_be_there_is_a_passing_one() -> None:
    """It goes with the process."""
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM], capture_output=True, text=True, check=True
    )
    file = Path(done.stdout.strip())
    assert file.name == "dino.onnx"
    assert not file.parent.exists()
