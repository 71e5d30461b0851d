"""Small files as they should be, of each kind, from which all cases are made."""

from __future__ import annotations

import io
import json
from collections.abc import Callable
from fractions import Fraction
from pathlib import Path
from typing import Any
from zipfile import ZipFile, ZipInfo

import numpy as np
from PIL import Image

import tiny_models as tiny
from data import cifar_files
from fuzz.material import FOREIGN, MODEL, PICTURES, RUN
from media import video_files as made_videos
from models import published_names, torch_files
from models.checkpoint_files import write_npz, write_safetensors
from tap.foreign_vit import ForeignViT
from vitonnx.engine import Engine, StateFile, Survey, survey
from vitonnx.engine._state_schema import Pass
from vitonnx.models import random_parameters
from vitonnx.probes import Distance

__all__ = [
    "Seeds",
    "archives",
    "configs",
    "foreign_graphs",
    "graphs",
    "lists",
    "npz",
    "pictures",
    "pth",
    "recipes",
    "safetensors",
    "states",
    "videos",
]

Seeds = Callable[[Path], list[bytes]]
"""Takes the folder with the material, in which it may write."""

HEIGHT, WIDTH = 19, 23


def graphs(desk: Path) -> list[bytes]:
    return [(desk / MODEL).read_bytes()]


def foreign_graphs(desk: Path) -> list[bytes]:
    fewer = ForeignViT(blocks=1, dim=12, heads=3, mlp_dim=13, products="split", scale="inside")
    return [(desk / FOREIGN).read_bytes(), fewer.model().SerializeToString()]


def safetensors(desk: Path) -> list[bytes]:
    return [
        write_safetensors(desk / "seed.safetensors", arrays).read_bytes()
        for arrays in (_timm(), _huggingface())
    ]


def pth(desk: Path) -> list[bytes]:
    def written(**options: Any) -> bytes:
        return torch_files.write_torch(desk / "seed.pth", _timm(), **options).read_bytes()

    return [_without_time(written()), written(legacy=True), _without_time(written(under="model"))]


def npz(desk: Path) -> list[bytes]:
    return [write_npz(desk / "seed.npz", arrays).read_bytes() for arrays in (_google(), _timm())]


def pictures(desk: Path) -> list[bytes]:
    noise = np.random.default_rng(3).integers(0, 256, (HEIGHT, WIDTH, 4), np.uint8)
    colours = Image.fromarray(noise)
    rgb = colours.convert("RGB")
    exif = Image.Exif()
    exif[0x0112] = 6  # turned
    return [
        _saved(colours, "png"),
        _saved(colours, "png", save_all=True, append_images=[colours.rotate(180)]),
        _saved(rgb.quantize(13), "png", transparency=3),
        _saved(colours.convert("I;16"), "png"),
        _saved(rgb, "jpeg", exif=exif),
        _saved(rgb, "jpeg", progressive=True, icc_profile=bytes(200)),
        _saved(rgb.convert("CMYK"), "jpeg"),
        _saved(rgb, "gif", save_all=True, append_images=[rgb.rotate(90)], loop=2),
        _saved(rgb, "tiff", compression="tiff_lzw"),
        _saved(rgb, "tiff", exif=exif),
        _saved(rgb, "tiff", compression="jpeg"),
        _saved(colours, "webp", lossless=True, exif=exif),
        _saved(colours, "webp", save_all=True, append_images=[colours.rotate(180)]),
        _saved(rgb, "bmp"),
        _saved(rgb, "ppm"),
        _saved(rgb.convert("L"), "pcx"),
        _saved(colours, "tga", compression="tga_rle"),
        _saved(rgb.convert("1"), "xbm"),
        _saved(colours.resize((16, 16)), "ico"),
        _saved(colours.resize((16, 16)), "icns"),
        _saved(rgb, "jpeg2000"),
        _saved(rgb, "avif"),
        _saved(rgb, "sgi"),
        _saved(rgb, "dds"),
    ]


def videos(desk: Path) -> list[bytes]:
    shots = made_videos.frames(3, 18, 22)

    def written(name: str, **options: Any) -> bytes:
        # Without numbers that are drawn, and without the time.
        options["options"] = {"fflags": "+bitexact"}
        return made_videos.write_video(desk / name, shots, **options).read_bytes()

    frames = [Image.fromarray(shot) for shot in shots]
    more: dict[str, Any] = {"save_all": True, "append_images": frames[1:], "duration": 70}
    return [
        written("seed.mp4", codec="mpeg4"),
        written("seed.mp4", sound="aac", aspect=Fraction(4, 3)),
        written("seed.mkv", codec="ffv1", pixel_format="bgr0", sound="flac"),
        written("seed.webm", codec="libvpx"),
        written("seed.avi", codec="mpeg4", sound="mp2"),
        written("seed.mov", codec="mjpeg", pixel_format="yuvj420p", sound="pcm_s16le"),
        written("seed.y4m", codec="rawvideo"),
        _saved(frames[0], "gif", **more),
        _saved(frames[0], "png", **more),
        _saved(frames[0], "webp", **more),
    ]


def lists(desk: Path) -> list[bytes]:
    text = "".join(f"{name}\n" for name in PICTURES)
    return [text.encode(), text.encode("utf-8-sig"), text.encode("utf-16"), b"*.png\r\n.\r\n"]


def states(desk: Path) -> list[bytes]:
    """Give the state of a run before its first picture, and after its last."""
    engine, asked = Engine(desk / MODEL, device="cpu", threads=1), Distance()
    passes = [Pass(asked, engine.layout, engine.batch_size)]
    state = StateFile(desk / "seed.json", RUN, PICTURES, passes)
    found = Survey()
    state.save([found])
    before = state.path.read_bytes()
    for _ in survey(engine, [desk / name for name in PICTURES], asked, found):
        state.save([found])
    return [before, state.path.read_bytes()]


def configs(desk: Path) -> list[bytes]:
    own = {
        "name": "mine",
        "image_size": [24, 40],
        "patch_size": 8,
        "dim": 12,
        "blocks": 2,
        "heads": 3,
        "classes": ["cat", "dog"],
        "preprocessing": {"mean": [0.5, 0.5, 0.5], "std": [0.5, 0.5, 0.5]},
    }
    timm = {
        "architecture": "vit_tiny_patch16_224",
        "num_classes": 3,
        "num_features": 192,
        "pretrained_cfg": {
            "input_size": [3, 224, 224],
            "mean": [0.5, 0.5, 0.5],
            "std": [0.5, 0.5, 0.5],
            "interpolation": "bicubic",
            "crop_pct": 0.9,
            "crop_mode": "center",
        },
    }
    huggingface = {
        "model_type": "vit",
        "architectures": ["ViTForImageClassification"],
        "hidden_size": 12,
        "image_size": 32,
        "patch_size": 8,
        "num_hidden_layers": 2,
        "num_attention_heads": 3,
        "intermediate_size": 24,
        "hidden_act": "gelu",
        "layer_norm_eps": 1e-6,
        "qkv_bias": True,
        "num_channels": 3,
        "id2label": {"0": "cat", "1": "dog"},
    }
    return [json.dumps(fields).encode() for fields in (own, timm, huggingface)]


def recipes(desk: Path) -> list[bytes]:
    colours = {"image_mean": [0.5, 0.5, 0.5], "image_std": [0.5, 0.5, 0.5], "do_normalize": True}
    scaled = {"do_resize": True, "resample": 3, "do_rescale": True, "rescale_factor": 1 / 255}
    vit = {
        "image_processor_type": "ViTImageProcessor",
        "size": {"height": 24, "width": 40},
    }
    dino = {
        "image_processor_type": "BitImageProcessor",
        "size": {"shortest_edge": 28},
        "crop_size": {"height": 24, "width": 24},
        "do_center_crop": True,
    }
    return [json.dumps(colours | scaled | kind).encode() for kind in (vit, dino)]


def archives(desk: Path) -> list[bytes]:
    files = cifar_files.binary_files(cifar_files.make_batches(3))
    return [cifar_files.write_tar(desk / "seed.tar", files, compressed=False).read_bytes()]


def _saved(picture: Image.Image, form: str, **options: Any) -> bytes:
    stream = io.BytesIO()
    picture.save(stream, form, **options)
    return stream.getvalue()


def _without_time(content: bytes) -> bytes:
    """Write a zip anew, as if it were of no day."""
    written = io.BytesIO()
    with ZipFile(io.BytesIO(content)) as archive, ZipFile(written, "w") as target:
        for name in archive.namelist():
            target.writestr(ZipInfo(name), archive.read(name))
    return written.getvalue()


def _timm() -> published_names.Arrays:
    config = tiny.CONFIGS["plain"]
    return published_names.timm(random_parameters(config, 7), config)


def _huggingface() -> published_names.Arrays:
    config = tiny.CONFIGS["plain"]
    return published_names.huggingface(random_parameters(config, 7), config)


def _google() -> published_names.Arrays:
    config = tiny.CONFIGS["plain"]
    return published_names.google(random_parameters(config, 7), config)
