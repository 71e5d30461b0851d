"""Pictures as a camera gives them: drawn scenes, 480 by 640 pixels, as JPEG files."""

from __future__ import annotations

from pathlib import Path

from PIL import Image

from vitonnx.data.scenes import draw_scene

SIZE = (480, 640)


def picture_files(folder: Path, count: int) -> list[Path]:
    """Give this many files; those that are missing are drawn."""
    folder.mkdir(parents=True, exist_ok=True)
    files = [folder / f"{number:05d}.jpg" for number in range(count)]
    for number, file in enumerate(files):
        if not file.exists():
            Image.fromarray(draw_scene(number, SIZE).picture).save(file, quality=90)
    return files
