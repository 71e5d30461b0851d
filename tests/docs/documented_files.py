"""Fill a folder with everything that the pages of the documentation name."""

from __future__ import annotations

import json
import shutil
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import numpy as np
import onnx
import skimage.data
from numpy.typing import NDArray
from PIL import Image, ImageOps
from safetensors.numpy import save_file

from dataset import kept
from media import video_files as videos
from models import published_names
from tap.foreign_vit import ForeignViT
from vitonnx.demo import draw_material
from vitonnx.export import export_model
from vitonnx.models import ViTConfig, find_model, random_parameters, read_config_file

ROOT = Path(__file__).parents[2]

# The same model under all names that pages call it by.
MODELS = {
    "dino_vitb16": ("dino_vits16.onnx", "dino_vitb16.onnx", "dino.onnx"),
    "deit_b16": ("deit_b16.onnx", "deit_base.onnx"),
}
# What timm's repositories hold beside the weights.
TIMM_CONFIG = {
    "architecture": "vit_tiny_patch16_224",
    "num_classes": 5,
    "model_args": {"embed_dim": 48, "depth": 2, "num_heads": 3, "mlp_ratio": 2},
    "pretrained_cfg": {"mean": [0.5, 0.5, 0.5], "std": [0.5, 0.5, 0.5], "crop_pct": 0.9},
}


def fill(desk: Path) -> None:
    """Put models, pictures, videos and data sets of the pages' names into a folder."""
    _write_models(desk)
    onnx.save(ForeignViT().model(), desk / "foreign.onnx")
    (desk / "config.json").write_text(json.dumps(TIMM_CONFIG))
    write_checkpoint(desk / "config.json", desk / "model.safetensors")
    shutil.copytree(ROOT / "examples", desk / "examples")
    (desk / "vitonnx-demo").mkdir()
    draw_material(desk / "vitonnx-demo")
    (desk / "users.txt").write_text("anna:between two trees\n")
    _write_pictures(desk)
    _write_videos(desk)


def write_checkpoint(config: Path, target: Path) -> None:
    """Write random weights of a model that a JSON file describes, under timm's names."""
    described: ViTConfig = read_config_file(config).config
    arrays = published_names.timm(random_parameters(described, 5), described)
    save_file(_contiguous(arrays), target)


def _contiguous(arrays: Mapping[str, NDArray[np.float32]]) -> dict[str, NDArray[np.float32]]:
    return {name: np.ascontiguousarray(array) for name, array in arrays.items()}


def _write_models(desk: Path) -> None:
    for name, (first, *others) in MODELS.items():
        spec = find_model(name)
        # Patch, grid, tokens and classes are those of the real ones.
        small = replace(spec.config, dim=48, blocks=2, heads=3, mlp_dim=48)
        export_model(replace(spec, config=small), desk / first, weights=1)
        for other in others:
            shutil.copy(desk / first, desk / other)


def _write_pictures(desk: Path) -> None:
    astronaut, cat, coffee = (
        Image.open(Path(skimage.data.data_dir) / name).convert("RGB")
        for name in ("astronaut.png", "chelsea.png", "coffee.png")
    )
    astronaut.save(desk / "bird.png")
    cat.save(desk / "cat.jpg")
    for folder in ("holiday", "imagenet/val"):
        (desk / folder).mkdir(parents=True)
        more = [ImageOps.mirror(each) for each in (astronaut, coffee, cat)]
        for number, picture in enumerate([astronaut, coffee, *(more if "/" in folder else [])]):
            picture.save(desk / folder / f"{number}.jpg")
    # What is bright in each picture of the holiday.
    (desk / "masks").mkdir()
    for file in sorted((desk / "holiday").iterdir()):
        bright = np.asarray(Image.open(file).convert("L")) > 128
        Image.fromarray(bright).save(desk / "masks" / f"{file.stem}.png")
    (desk / "list.txt").write_text("bird.png\ncat.jpg\n")
    # Squares from all over a picture, a class a picture.
    for name, picture in (("daisy", astronaut), ("rose", cat), ("tulip", coffee)):
        (desk / "flowers" / name).mkdir(parents=True)
        for number in range(7):
            left, top = 37 * number, 31 * number
            square = picture.crop((left, top, left + 67, top + 67))
            square.save(desk / "flowers" / name / f"{number}.jpg")
    _write_datasets(desk)


def _write_datasets(desk: Path) -> None:
    """Keep the flowers in tars and in parquet, too."""
    flowers = [
        kept.Kept(
            file.relative_to(desk / "flowers").as_posix(), file.read_bytes(), file.parent.name
        )
        for file in sorted((desk / "flowers").glob("*/*.jpg"))
    ]
    for number in range(3):
        kept.write_tar(desk / f"train-{number:03}.tar", flowers[number::3])
    kept.write_parquet_of_structs(desk / "val.parquet", flowers)


def _write_videos(desk: Path) -> None:
    frames = videos.frames(12)
    videos.write_video(desk / "walk.mp4", frames, videos.even(len(frames)))
    (desk / "frames").mkdir()
    for number, frame in enumerate(frames[:5]):
        Image.fromarray(frame).save(desk / "frames" / f"{number}.png")
