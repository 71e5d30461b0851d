"""The trained model as export takes it."""

from __future__ import annotations

from vitonnx.manifest import Preprocessing
from vitonnx.models._spec import ModelSpec
from vitonnx.models.train._settings import Settings

__all__ = ["MEAN", "STD", "describe_model"]

# From 0 … 1 to -1 … 1, as the original ViT does.
MEAN = STD = (0.5, 0.5, 0.5)


def describe_model(settings: Settings, name: str, classes: tuple[str, ...]) -> ModelSpec:
    """Describe the model that a run of training makes.

    Parameters
    ----------
    settings : Settings
        Settings of the run.
    name : str
        Name of the model.
    classes : tuple of str
        Names of the data's classes; a model of DINO has no head, and so no classes.

    Returns
    -------
    ModelSpec

    Examples
    --------
    >>> describe_model(Settings(objective="dino"), "small", ("cat", "dog")).config.classes
    0
    """
    supervised = settings.objective == "supervised"
    side = settings.image_size
    return ModelSpec(
        name=name,
        family="vit" if supervised else "dino",
        config=settings.network(len(classes) if supervised else 0),
        preprocessing=Preprocessing(
            resize=side, size=(side, side), crop=1.0, interpolation="bicubic", mean=MEAN, std=STD
        ),
        classes=classes if supervised else None,
    )
