"""The models inside the package: where they are, and what they are."""

from __future__ import annotations

from importlib.resources import files
from pathlib import Path
from typing import Final

from vitonnx.modelfile import load_manifest, load_weights
from vitonnx.models import ModelSpec, ViTConfig

__all__ = ["DINO", "FOLDER", "SUPERVISED", "config_of", "demo_models", "demo_specs"]

SUPERVISED: Final = "scenes_vit"
DINO: Final = "scenes_dino"

LICENCE: Final = "Apache-2.0"
"""Of the weights: they were trained on pictures that vitonnx drew, and come with it."""

FOLDER: Final = Path(str(files("vitonnx.demo") / "models"))

# Its length is the one thing of the architecture that no manifest says.
HIDDEN = "block_00/mlp/fc1/bias"


def demo_models() -> dict[str, Path]:
    """Find the models inside the package.

    Returns
    -------
    dict of str to Path
        ``scenes_vit``, trained with labels, and ``scenes_dino``, trained without, by DINO: two
        small Vision Transformers, trained on pictures drawn by `vitonnx.data.scenes`. A card beside
        each file says how it was made and how good it is. The command line accepts these names.

    Examples
    --------
    >>> import vitonnx as vx
    >>> engine = vx.Engine(demo_models()["scenes_dino"])
    >>> engine.manifest.size, engine.manifest.grid
    ((48, 48), (6, 6))
    """
    return {name: FOLDER / f"{name}.onnx" for name in (SUPERVISED, DINO)}


def demo_specs() -> list[ModelSpec]:
    """Describe the models inside the package as the registry describes those outside.

    Examples
    --------
    >>> [spec.name for spec in demo_specs()]
    ['scenes_vit', 'scenes_dino']
    """
    specs = []
    for file in demo_models().values():
        manifest = load_manifest(file)
        specs.append(
            ModelSpec(
                name=manifest.name,
                family=manifest.family,
                config=config_of(file),
                preprocessing=manifest.preprocessing,
                licence=LICENCE,
                classes=manifest.classes,
            )
        )
    return specs


def config_of(file: Path) -> ViTConfig:
    """Read the architecture of a model that `vitonnx train` made with its own defaults.

    Its parameters are the initializers of the file.
    """
    manifest = load_manifest(file)
    (hidden,) = load_weights(file, [HIDDEN]).values()
    return ViTConfig(
        image_size=manifest.size,
        patch_size=manifest.patch_size,
        dim=manifest.dim,
        blocks=manifest.blocks,
        heads=manifest.heads,
        mlp_dim=len(hidden),
        prefix_tokens=manifest.prefix_tokens,
        position_prefix=manifest.position_prefix,
        position="sincos" if manifest.position_interpolation == "sincos" else "learned",
        classes=len(manifest.classes or ()),
    )
