"""The models that are measured, with random weights: speed doesn't ask what they have learned."""

from __future__ import annotations

import importlib.util
import subprocess
import sys
from pathlib import Path

FOLDER = Path(__file__).parent / "models"
NAMES = {
    "S/16": "vit_small_patch16_224.dino",
    "S/16, with a head": "vit_small_patch16_224.augreg_in21k_ft_in1k",
    "B/16": "vit_base_patch16_224.augreg_in21k_ft_in1k",
    "S/8": "vit_small_patch8_224.dino",
}


# What tf2onnx makes of our network, before anything of it is made canonical.
RAW = """
import sys
import onnx_ir
from vitonnx.export._trace import trace
from vitonnx.models import VisionTransformer, find_model, random_parameters
spec = find_model(sys.argv[1])
parameters = random_parameters(spec.config, 0)
network = VisionTransformer(spec.config)
network.assign(parameters)
onnx_ir.save(trace(network, parameters, spec.preprocessing), sys.argv[2])
"""


def raw_file(short: str) -> Path | None:
    """Give the graph as tf2onnx writes it; None where it isn't installed."""
    file = FOLDER / f"{NAMES[short]}.raw.onnx"
    if not file.exists():
        if importlib.util.find_spec("tf2onnx") is None:
            return None
        FOLDER.mkdir(exist_ok=True)
        subprocess.run([sys.executable, "-c", RAW, NAMES[short], str(file)], check=True)
    return file


def model_file(short: str) -> Path:
    """Give the exported file; it is made the first time (needs the export extra)."""
    file = FOLDER / f"{NAMES[short]}.onnx"
    if not file.exists():
        FOLDER.mkdir(exist_ok=True)
        command = [sys.executable, "-m", "vitonnx", "export", NAMES[short]]
        subprocess.run([*command, "--weights", "random", "-o", str(file), "-q"], check=True)
    return file
