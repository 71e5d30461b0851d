"""Run notebooks, all or those named, and keep what they show: small, and without noise.

A second run on the same machine writes the same bytes. ``python run.py picture.ipynb``
"""

import sys
from base64 import b64decode, encodebytes
from io import BytesIO
from pathlib import Path

import nbformat
from nbclient import NotebookClient
from PIL import Image

HERE = Path(__file__).parent
METADATA = {
    "kernelspec": {"display_name": "Python 3", "language": "python", "name": "python3"},
    "language_info": {"name": "python"},
}
WIDTH, COLOURS = 800, 256  # of a picture: as wide as GitHub shows it, and a third of the bytes


def run(file):
    notebook = nbformat.read(file, as_version=4)
    NotebookClient(
        notebook,
        kernel_name=METADATA["kernelspec"]["name"],
        coalesce_streams=True,
        record_timing=False,
        resources={"metadata": {"path": HERE}},
    ).execute()
    for cell in notebook.cells:
        cell.metadata = {}
        for output in cell.get("outputs", ()):
            shown = output.get("data", {})
            if "image/png" in shown:
                shown["image/png"] = shrink(shown["image/png"])
    notebook.metadata = METADATA
    nbformat.write(notebook, file)


def shrink(png):
    picture = Image.open(BytesIO(b64decode(png))).convert("RGB")
    if picture.width > WIDTH:
        size = (WIDTH, round(picture.height * WIDTH / picture.width))
        picture = picture.resize(size, Image.Resampling.LANCZOS)
    small = BytesIO()
    picture.quantize(COLOURS).save(small, "PNG", optimize=True)
    return encodebytes(small.getvalue()).decode()


if __name__ == "__main__":
    for file in map(Path, sys.argv[1:]) if sys.argv[1:] else sorted(HERE.glob("*.ipynb")):
        print(file.name, flush=True)
        run(file)
