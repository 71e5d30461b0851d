"""Files that PyTorch exported, tapped, against our own port: DINOv2-S/14 at 518, 1370 tokens."""

from __future__ import annotations

import importlib.util
import subprocess
import sys
from functools import partial
from pathlib import Path

from benchmarks.files import PROBES
from benchmarks.models import FOLDER
from benchmarks.processes import in_process
from benchmarks.timing import interleave
from vitonnx.engine import Engine

SIZE = 518
NAME = "vit_small_patch14_dinov2.lvd142m"
# Each in a process of its own: PyTorch and TensorFlow do not share one well.
EXPORT = """
import sys, warnings
import torch
way, file = sys.argv[1:]
warnings.simplefilter("ignore")
torch.manual_seed(0)
if way == "transformers":
    from transformers import Dinov2Config, Dinov2Model
    config = Dinov2Config(hidden_size=384, num_attention_heads=6, image_size=518, patch_size=14)
    network = Dinov2Model(config).eval()
    given = network.forward
    network.forward = lambda pixels: given(pixels).last_hidden_state
else:
    import timm
    network = timm.create_model("vit_small_patch14_dinov2", img_size=518).eval()
dynamo = way.endswith("newer exporter")
free = {0: "batch"}
batch = {"dynamic_shapes": (free,)} if dynamo else {"dynamic_axes": {"pixels": free}}
with torch.no_grad():
    pixels = torch.zeros(2, 3, 518, 518)
    torch.onnx.export(
        network, (pixels,), file, input_names=["pixels"], dynamo=dynamo, external_data=False,
        opset_version=20 if dynamo else 17, **batch,
    )
"""
WAYS = ("timm", "timm, newer exporter", "transformers")


def measure(picture: Path, *, rounds: int, device: str) -> list[list[str]]:
    """Give a row a file: pictures a second, time against the port's, spread, peak memory."""
    files = {"our port": _ported()}
    if importlib.util.find_spec("torch") is not None:
        files |= {f"tapped: {way}": _tapped(way) for way in WAYS}
    engines = {way: Engine(file, device=device, precision="fp32") for way, file in files.items()}
    times = interleave(
        {way: partial(_heads, engine, picture) for way, engine in engines.items()},
        rounds,
    )
    rows = []
    for way, file in files.items():
        found = times[way]
        peak = in_process("vitonnx", file, picture, "heads", SIZE, 3, device)["peak"]
        ratio = found.median / times["our port"].median
        speed = f"{1 / found.median:.2f}"
        rows.append([way, speed, f"{ratio:.3f}", f"{found.spread:.1%}", f"{peak:.0f} MB"])
    return rows


def _heads(engine: Engine, picture: Path) -> object:
    return list(engine.stream([picture], [PROBES["heads"]]))


def _ported() -> Path:
    file = FOLDER / f"{NAME}.onnx"
    if not file.exists():
        FOLDER.mkdir(exist_ok=True)
        command = [sys.executable, "-m", "vitonnx", "export", NAME, "--weights", "random"]
        subprocess.run([*command, "-o", str(file), "-q"], check=True)
    return file


def _tapped(way: str) -> Path:
    name = way.replace(", ", "-").replace(" ", "-")
    foreign, file = (FOLDER / f"dinov2-{name}.{kind}onnx" for kind in ("foreign.", ""))
    if not file.exists():
        FOLDER.mkdir(exist_ok=True)
        subprocess.run([sys.executable, "-c", EXPORT, way, str(foreign)], check=True)
        command = [sys.executable, "-m", "vitonnx", "tap", str(foreign), "-o", str(file), "-q"]
        subprocess.run([*command, "--preprocess", "imagenet"], check=True)
        foreign.unlink()
    return file
