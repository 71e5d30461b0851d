"""Settings of a training, and the model that it makes as export takes it."""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import Literal, get_args

from vitonnx.errors import UsageError
from vitonnx.manifest import Preprocessing
from vitonnx.models._config import ViTConfig
from vitonnx.models._spec import ModelSpec

__all__ = ["MEAN", "STD", "Precision", "Settings", "describe_model"]

Objective = Literal["supervised", "dino"]
Classifier = Literal["token", "gap"]
Position = Literal["learned", "sincos"]
Precision = Literal["float32", "bfloat16"]
Targets = Literal["sinkhorn", "centred"]

LARGEST_SEED = 2**31 - 1  # TensorFlow's seeds are pairs of int32

# From 0 … 1 to -1 … 1, as the original ViT does.
MEAN = STD = (0.5, 0.5, 0.5)


@dataclass(frozen=True, kw_only=True)
class Settings:
    """Settings of a training and its network.

    Parameters
    ----------
    objective : "supervised" or "dino"
        Train with labels, or by self-distillation without (Caron et al. 2021, arXiv:2104.14294).
    classifier : "token" or "gap"
        Classify from the class token, or from the mean of the patch tokens (global average pooling,
        without a class token).
    position : "learned" or "sincos"
        Whether the position embedding is trained, or a fixed table of sines and cosines.
    image_size, patch : int
        Side of the square pictures and of their patches, in pixels.
    width, depth, heads : int
        Dimension of the residual stream; number of blocks; heads per block. The MLP is four times
        as wide.
    epochs, batch_size : int
        Rounds through the data, and pictures a step.
    learning_rate : float or None
        At its highest; None takes 0.001 for supervised training and 0.0015 for DINO.
    hue : float
        Largest shift of the hue in augmentation, in full circles: 0.5 turns any colour into any
        other, which helps where colour carries no information on the class.
    registers : int
        Register tokens beside the class token (Darcet et al. 2024, arXiv:2309.16588).
    targets : "sinkhorn" or "centred"
        What DINO's student learns of the teacher's scores: shares that use all prototypes alike in
        every batch, as in DINOv2, or scores less their running mean, as in DINO.
    prototypes : int
        Directions that DINO's head scores: few, where data is little.
    batch_norm : bool
        Normalise the hidden layers of DINO's head over the batch.
    koleo : float
        Weight of DINOv2's loss that keeps embeddings of a batch apart; 0 leaves it out.
    momentum : float
        Share that DINO's teacher keeps in a step at first; it rises to 1.
    colour_ramp : (int, int)
        Pictures after which DINO's augmentation of colours begins to grow, and after which it is
        whole; (0, 0) is whole from the start. Where form alone tells pictures apart from the
        start, little is learnt.
    precision : "float32" or "bfloat16"
        Precision of the matrix products; weights, norms and losses are float32 in both.
    seed : int
        Seed for everything random: weights, order, augmentation.

    Raises
    ------
    UsageError
        If a measure is impossible.

    Examples
    --------
    >>> Settings(image_size=32, patch=8, width=64, heads=2).network(classes=10).tokens
    17
    """

    objective: Objective = "supervised"
    classifier: Classifier = "token"
    position: Position = "learned"
    image_size: int = 48
    patch: int = 8
    width: int = 128
    depth: int = 5
    heads: int = 4
    epochs: int = 20
    batch_size: int = 128
    learning_rate: float | None = None
    hue: float = 0.1
    registers: int = 0
    targets: Targets = "sinkhorn"
    prototypes: int = 128
    batch_norm: bool = True
    koleo: float = 0.1
    momentum: float = 0.9
    colour_ramp: tuple[int, int] = (0, 0)
    precision: Precision = "float32"
    seed: int = 0

    def __post_init__(self) -> None:
        choices = {
            "objective": Objective,
            "classifier": Classifier,
            "position": Position,
            "precision": Precision,
            "targets": Targets,
        }
        for name, kind in choices.items():
            if getattr(self, name) not in get_args(kind):
                raise UsageError(
                    f"{name} is {getattr(self, name)!r}; it must be {' or '.join(get_args(kind))}."
                )
        for entry in fields(self):
            value = getattr(self, entry.name)
            least = 0 if entry.name in ("seed", "registers") else 1
            if entry.type == "int" and value < least:
                raise UsageError(f"{entry.name} is {value}; it must be at least {least}.")
        if self.seed > LARGEST_SEED:
            raise UsageError(f"seed is {self.seed}; it must be at most {LARGEST_SEED}.")
        if self.learning_rate is not None and not self.learning_rate > 0:
            raise UsageError(f"learning_rate is {self.learning_rate}; it must be above 0.")
        if not 0 <= self.hue <= 0.5:
            raise UsageError(f"hue is {self.hue}; it must be from 0 to 0.5.")
        if not 0 <= self.koleo < float("inf"):
            raise UsageError(f"koleo is {self.koleo}; it must be 0 or more.")
        if not 0 <= self.momentum <= 1:
            raise UsageError(f"momentum is {self.momentum}; it must be from 0 to 1.")
        start, end = self.colour_ramp
        if self.colour_ramp != (0, 0) and not 0 <= start < end:
            raise UsageError(
                f"colour_ramp is {start} to {end}; it must begin at 0 or later, and end after that."
            )
        if self.registers and self.classifier == "gap":
            raise UsageError("registers stand beside a class token: use --classifier token.")
        if self.objective == "dino" and self.koleo and self.batch_size == 1:
            raise UsageError(
                "koleo keeps the pictures of a step apart, but batch_size is 1: use a larger batch "
                "size, or koleo 0."
            )
        if self.objective == "dino" and self.image_size < 2 * self.patch:
            raise UsageError(
                "DINO's small crops need two patches per side, but a picture of "
                f"{self.image_size} pixels has {self.image_size // self.patch} of {self.patch}: "
                "use a larger image size or smaller patches."
            )
        self.network(classes=0)

    @property
    def peak_learning_rate(self) -> float:
        """Peak learning rate: the one given, or the objective's own."""
        if self.learning_rate is not None:
            return self.learning_rate
        return 1e-3 if self.objective == "supervised" else 1.5e-3

    def network(self, classes: int) -> ViTConfig:
        """Describe the network; with 0 classes it has no head, as DINO's has none."""
        placed = ("cls",) if self.classifier == "token" else ()
        return ViTConfig(
            image_size=(self.image_size, self.image_size),
            patch_size=self.patch,
            dim=self.width,
            blocks=self.depth,
            heads=self.heads,
            mlp_dim=4 * self.width,
            prefix_tokens=(*placed, *(f"reg{number}" for number in range(self.registers))),
            position_prefix=placed,
            position=self.position,
            pooling="cls" if placed else "mean",
            classes=classes,
        )


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
