"""Describe how a checkpoint differs from a model, in the checkpoint's own names and shapes."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

from vitonnx.errors import CheckpointError
from vitonnx.models._brief import some
from vitonnx.models._config import ViTConfig
from vitonnx.models.checkpoints._rules import Rule, count_classes
from vitonnx.models.checkpoints._stored_tensor import FLOATS, Tensor

__all__ = ["check"]

Shape = tuple[int, ...]


def check(
    tensors: Mapping[str, Tensor],
    rules: Sequence[Rule],
    needed: Mapping[str, Shape],
    config: ViTConfig,
    label: str,
) -> None:
    """Compare a checkpoint with the rules that it should fulfil and the parameters it must give.

    A CheckpointError names all that is missing, unexpected, misshapen, or no floating-point number.
    """
    given = {target for rule in rules for target in rule.targets}
    missing = [rule.source for rule in rules if rule.source not in tensors]
    missing += [name for name in needed if name not in given]
    sources = {rule.source for rule in rules}
    unexpected = [name for name in tensors if name not in sources]
    misshapen, whole_numbers = {}, []
    for rule in rules:
        if (tensor := tensors.get(rule.source)) is None:
            continue
        expected = rule.layout.stored([needed[target] for target in rule.targets], config)
        if tensor.shape != expected:
            misshapen[rule] = f"{rule.source} {tensor.shape} instead of {expected}"
        elif tensor.dtype not in FLOATS:
            whole_numbers.append(f"{rule.source} ({tensor.dtype})")
    differences = [
        f"{what} {some(names)}"
        for what, names in (
            ("it lacks", missing),
            ("it also has", unexpected),
            ("it has", [*misshapen.values()]),
            ("it has numbers that aren't floating-point in", whole_numbers),
        )
        if names
    ]
    if not differences:
        return
    advice = "Give the name of its model, or describe it with --config."
    if len(differences) == 1 and unexpected:
        advice = "Save the state_dict of the model only, or describe its model with --config."
    if len(differences) == len(misshapen) == 1:
        advice = _other_size(tensors, rules, config) + advice
    kernels = [rule for rule in misshapen if rule.targets == ("head/kernel",)]
    if len(differences) == 1 and kernels and all(map(_of_a_head, misshapen)):
        (kernel,) = kernels
        if classes := count_classes(tensors[kernel.source].shape, kernel, config):
            advice = f"Its head has {classes} classes: set that in the config."
    raise CheckpointError(
        f"{label} is not a checkpoint of this model: {'; '.join(differences)}. {advice}"
    )


def _of_a_head(rule: Rule) -> bool:
    return all(target.startswith(("head/", "head_dist/")) for target in rule.targets)


def _other_size(tensors: Mapping[str, Tensor], rules: Sequence[Rule], config: ViTConfig) -> str:
    """Describe the picture size of a checkpoint if only its positions don't fit."""
    for rule in rules:
        if rule.targets[-1] != "position_embedding" or rule.source not in tensors:
            continue
        shape, patches = tensors[rule.source].shape, math.prod(config.grid)
        needed = [config.parameters()[target] for target in rule.targets]
        expected = rule.layout.stored(needed, config)[1]
        if len(shape) != 3 or shape[1] == expected:
            continue
        positions = shape[1]
        side = math.isqrt(theirs := max(0, positions - (expected - patches)))
        pixels = side * config.patch_size
        size = f" (as of {pixels}x{pixels} pixels)" if side * side == theirs else ""
        height, width = config.image_size
        return (
            f"It was made for pictures of another size: {positions} positions{size}, where this "
            f"model has {expected} (of {height}x{width}). "
        )
    return ""
