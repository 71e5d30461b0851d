"""The models that are measured, with random weights: speed doesn't ask what they have learned."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

FOLDER = Path(__file__).parent / "models"
NAMES = {
    "S/16": "vit_small_patch16_224.dino",
    "B/16": "vit_base_patch16_224.augreg_in21k_ft_in1k",
    "S/8": "vit_small_patch8_224.dino",
}


def model_file(short: str) -> Path:
    """Give the exported file; it is made the first time (needs the export extra)."""
    file = FOLDER / f"{NAMES[short]}.onnx"
    if not file.exists():
        FOLDER.mkdir(exist_ok=True)
        command = [sys.executable, "-m", "vitonnx", "export", NAMES[short]]
        subprocess.run([*command, "--weights", "random", "-o", str(file), "-q"], check=True)
    return file
