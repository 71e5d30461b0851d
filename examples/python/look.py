"""Show where a Vision Transformer looks, with a baked file and no vitonnx.

    python look.py MODEL.onnx PICTURE OUT.png [CLASS]

prints the prediction, if the file gives logits, and writes the heat map over the picture, and
beside it OUT.json with all that the file gives, raw. A file baked with `--target input` is asked
about CLASS, a name or a number; without it, about the likeliest.
"""

import json
import sys
from pathlib import Path

import numpy as np
import onnxruntime
from onnxruntime.capi.onnxruntime_pybind11_state import Fail, InvalidGraph, InvalidProtobuf
from PIL import Image, ImageOps

VERSION = 1  # of the contract that this program keeps: what is newer may mean other things

INFERNO = np.array(
    [
        *([0, 0, 4], [33, 12, 74], [87, 16, 110], [138, 34, 106], [188, 55, 84]),
        *([228, 90, 49], [249, 142, 9], [249, 203, 53], [252, 255, 164]),
    ]
)
LIKELIEST = -1  # in the place of a class's number
FAINTEST, STRONGEST = 0.5, 0.95  # how much of the picture the lowest and the highest value hide


def main(model, picture, out, asked=None):
    session, manifest = open_model(model)
    target = target_of(session, manifest, model, asked)
    picture = ImageOps.exif_transpose(Image.open(picture)).convert("RGB")
    recipe = manifest["preprocessing"]
    seen = seen_box(picture.size, recipe)
    height, width = recipe["size"]
    pixels = picture.resize((width, height), Image.Resampling.BICUBIC, box=seen)

    names = [output.name for output in session.get_outputs()]
    values = session.run(names, {"images": np.asarray(pixels)[None], **target})
    found = {name: value[0] for name, value in zip(names, values, strict=True)}

    if "logits" in found:
        print_prediction(found["logits"], manifest["classes"])
    overlay(picture.crop(np.rint(seen).astype(int).tolist()), map_of(found)).save(out)
    raw = {name: value.tolist() for name, value in found.items()}
    Path(out).with_suffix(".json").write_text(json.dumps(raw))
    print(out)


def open_model(file):
    """Open the file, and read the manifest that vitonnx wrote into it."""
    if not Path(file).is_file():
        raise FileNotFoundError(f"there is no file {file}.")
    try:
        session = onnxruntime.InferenceSession(file, providers=["CPUExecutionProvider"])
    except (Fail, InvalidGraph, InvalidProtobuf) as error:
        raise ValueError(f"{file} is no ONNX file that onnxruntime reads: {error}") from error
    metadata = session.get_modelmeta().custom_metadata_map
    if "vitonnx.baked" not in metadata:
        raise ValueError(f"{file} is no baked file: make one with `vitonnx bake`.")
    if "queries" in shapes(session.get_inputs()):
        raise ValueError(f"{file} asks for a patch of each picture: bake it without --query.")
    manifest = json.loads(metadata["vitonnx.manifest"])
    if manifest["contract_version"] > VERSION:
        raise ValueError(
            f"{file} follows version {manifest['contract_version']} of the contract, for a picture "
            f"that is padded, or another new step: this program knows version {VERSION} alone."
        )
    return session, manifest


def target_of(session, manifest, file, asked):
    """Give the input that says which class is asked about, if the file has it."""
    if "target" in shapes(session.get_inputs()):
        number = LIKELIEST if asked is None else find_class(session, manifest, file, asked)
        return {"target": np.asarray([number], np.int64)}
    if asked is not None:
        raise ValueError(f"{file} takes no class: bake it with --probe attribution --target input.")
    return {}


def find_class(session, manifest, file, asked):
    """Find the number of a class by its name or number."""
    outputs = shapes(session.get_outputs())
    if manifest["classes"] is None and "logits" not in outputs:
        raise ValueError(f"{file} doesn't say which classes it has: bake it with --logits.")
    classes = manifest["classes"] or [f"class {index}" for index in range(outputs["logits"][1])]
    numbers = [number for number, name in enumerate(classes) if name == asked]
    if len(numbers) > 1:
        both = " and ".join(map(str, numbers))
        raise ValueError(f"the classes {both} are both called {asked}: give the number.")
    if numbers:
        return numbers[0]
    if asked.isdecimal() and int(asked) < len(classes):
        return int(asked)
    raise ValueError(
        f"the file has no class {asked}: give a name, or a number from 0 to {len(classes) - 1}."
    )


def shapes(values):
    return {value.name: value.shape for value in values}


def seen_box(size, recipe):
    """Give left, top, right and bottom of what the model sees: the centre, in its proportions."""
    width, height = size
    if recipe["resize"] is None:  # all of it, squashed
        return 0, 0, width, height
    rows, columns = recipe["size"]
    scale = recipe["crop"] * min(width / columns, height / rows)
    across, down = scale * columns, scale * rows
    return (width - across) / 2, (height - down) / 2, (width + across) / 2, (height + down) / 2


def print_prediction(logits, classes):
    exponentials = np.exp(logits - logits.max())
    shares = exponentials / exponentials.sum()
    for index in np.argsort(-shares)[:3]:
        print(f"{shares[index]:6.1%}  {classes[index] if classes else f'class {index}'}")


def map_of(found):
    """Choose what to draw: the map of a class, the rollout, or else the mean of the heads."""
    if "attribution" in found:
        maps = found["attribution"]
        return maps if maps.ndim == 2 else maps[0]  # of several targets, the first
    if "rollout" in found:
        return found["rollout"]
    if "heads" in found:
        return found["heads"].mean(axis=0)
    raise ValueError(
        "the file gives no map to draw: bake it with --probe heads, rollout or attribution."
    )


def overlay(picture, values):
    """Lay a map over a picture in grey, in the colours of inferno from lowest to highest."""
    low, high = values.min(), values.max()
    share = (values - low) / max(high - low, 1e-12)
    stops = np.linspace(0, 1, len(INFERNO))
    colours = [np.interp(share, stops, channel) for channel in INFERNO.T]
    opacity = 255 * (FAINTEST + (STRONGEST - FAINTEST) * share)
    heat = Image.fromarray(np.rint(np.stack([*colours, opacity], axis=-1)).astype(np.uint8))
    below = picture.convert("L").convert("RGBA")
    below.alpha_composite(heat.resize(picture.size, Image.Resampling.BILINEAR))
    return below.convert("RGB")


if __name__ == "__main__":
    if len(sys.argv) not in (4, 5):
        sys.exit("Usage: python look.py MODEL.onnx PICTURE OUT.png [CLASS]")
    try:
        main(*sys.argv[1:])
    except (OSError, ValueError) as error:
        sys.exit(f"look.py: {error}")
