"""The registry: models by name."""

from __future__ import annotations

from collections.abc import Iterable
from difflib import get_close_matches
from functools import cache

from vitonnx.errors import UnknownModelError
from vitonnx.models._registry_rows import rows
from vitonnx.models._spec import ModelSpec

__all__ = ["find_model", "registry"]

# So many names are offered for one that isn't known.
NEAREST = 5


@cache
def registry() -> tuple[ModelSpec, ...]:
    """Return all models that vitonnx knows by name.

    Returns
    -------
    tuple of ModelSpec
        The original ViT, in timm's numerics and in the JAX original's; DeiT; DINO.

    Examples
    --------
    >>> [spec.name for spec in registry() if spec.family == "dino"][0]
    'vit_small_patch16_224.dino'
    """
    return tuple(rows())


def find_model(name: str, *, also: Iterable[str] = ()) -> ModelSpec:
    """Find a model by its name or an alias.

    Parameters
    ----------
    name : str
        timm's name, or an alias such as torch.hub's.
    also : iterable of str
        Names outside the registry that may have been meant.

    Returns
    -------
    ModelSpec

    Raises
    ------
    UnknownModelError
        If there is none; the message lists the nearest names.

    Examples
    --------
    >>> find_model("dino_vits16").name
    'vit_small_patch16_224.dino'
    >>> find_model("dino_vits")
    Traceback (most recent call last):
    vitonnx.errors.UnknownModelError: no model is called 'dino_vits'; the nearest are dino_...
    """
    names = _by_name()
    if name in names:
        return names[name]
    meant = [*names, *also]
    begun = [known for known in meant if known.startswith(name)] if name else []
    near = [near for near in get_close_matches(name, meant, n=NEAREST) if near not in begun]
    nearest = ", ".join((begun + near)[:NEAREST])
    hint = f"; the nearest are {nearest}" if nearest else ""
    raise UnknownModelError(
        f"no model is called {name!r}{hint}. `vitonnx models` lists all; --config FILE.json "
        "describes a model outside the list."
    )


@cache
def _by_name() -> dict[str, ModelSpec]:
    return {name: spec for spec in registry() for name in (spec.name, *spec.aliases)}
