"""From a model's name, or a checkpoint of one's own, to a verified, probe-ready file."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from numbers import Integral
from pathlib import Path
from typing import TYPE_CHECKING

from vitonnx.dataset import as_dataset
from vitonnx.engine import (
    Engine,
    Fidelity,
    Picture,
    as_pictures,
    as_sides,
    check_reduction,
    hold_fidelity,
    reduce_file,
    state_fidelity,
)
from vitonnx.errors import UsageError
from vitonnx.filenames import as_path
from vitonnx.media import check_writable, temporary_folder
from vitonnx.modelfile import load_manifest

if TYPE_CHECKING:
    from vitonnx.manifest import Manifest
    from vitonnx.models import ModelSpec

__all__ = ["Exported", "export_model"]

RANDOM = "random"


@dataclass(frozen=True)
class Exported:
    """A file that was exported and verified.

    Parameters
    ----------
    file : Path
        The file that was written.
    manifest : Manifest
        As it stands in the file.
    parity : dict of str to float
        How closely single precision gives what TensorFlow gives, output by output: of attention
        the largest absolute error, of the others the largest relative to the largest magnitude.
    fidelity : Fidelity or None
        How closely fewer bits give what single precision gives, where they were asked for.
    """

    file: Path
    manifest: Manifest
    parity: dict[str, float]
    fidelity: Fidelity | None = None


def export_model(
    name: str | None = None,
    path: str | Path | None = None,
    *,
    weights: str | Path | Iterable[str | Path] | None = None,
    seed: int | None = None,
    config: str | Path | None = None,
    size: int | tuple[int, int] | None = None,
    precision: str = "fp32",
    calibrate: Picture | Iterable[Picture] | None = None,
    pictures: Picture | Iterable[Picture] | None = None,
    force: bool = False,
    max_pixels: int | None = None,
    notice: Callable[[str], None] = lambda sentence: None,
    progress: Callable[[str], None] = lambda now: None,
) -> Exported:
    """Port a checkpoint, export it to ONNX, and verify the file against TensorFlow.

    Needs the ``export`` extra: ``pip install 'vitonnx[export]'``.

    Parameters
    ----------
    name : str, optional
        Of ``vitonnx models``; beside a `config`, what the model is called.
    path : path, optional
        The file to write; ``NAME.onnx`` in the current folder by default.
    weights : path, several, or "random"
        The files of a checkpoint. By default the published one is fetched.
    seed : int, optional
        Of random weights; 0 by default.
    config : path, optional
        The description of a model outside the registry: timm's or Hugging Face's ``config.json``,
        or one in vitonnx's own fields.
    size : int or (height, width), optional
        Of the input, in pixels, if another than the checkpoint's.
    precision : "fp32", "fp16", "bf16" or "int8"
        Of the network's products. The model is verified in single precision, and then compared
        with that.
    calibrate : picture or iterable of pictures, optional
        In "int8": fix the scales by these, instead of scaling every picture for itself.
    pictures : picture or iterable of pictures, optional
        On which fewer bits are compared with single precision; drawn scenes by default.
    force : bool
        Whether the file is written even if the precision costs too much.
    max_pixels : int, optional
        Of the largest picture that is read: see `vitonnx.media.open_picture`.
    notice : callable
        Takes a sentence: what of the checkpoint is left out, and the like.
    progress : callable
        Takes what is being done now.

    Raises
    ------
    PrecisionError
        If the precision costs too much; nothing is written then.
    UnknownModelError
        If there is no model of that name.
    UsageError
        If arguments don't go together, or the size doesn't fit.
    VitonnxError
        If the checkpoint can't be fetched, read or matched, the file can't be written, or it
        isn't equal to the network. Nothing is written then.

    Examples
    --------
    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder:  # doctest: +SKIP
    ...     export_model("dino_vits16", f"{folder}/dino.onnx", weights="random").manifest.grid
    (14, 14)
    """
    given = _files(weights)
    spec = _describe(name, config, given)
    target = Path(f"{name or spec.name}.onnx") if path is None else as_path(path, "file to write")
    check_reduction(precision, calibrate)
    measured, shown = (
        None if some is None else as_dataset(as_pictures(some)) for some in (calibrate, pictures)
    )
    files = [each for each in (*given, config) if isinstance(each, str | Path) and each != RANDOM]
    read = [file for each in (measured, shown) if each is not None for file in each.files]
    check_writable(target, [*files, *read])
    from vitonnx.extras import require_export

    require_export()
    from vitonnx import export

    sides = None if size is None else as_sides(size)
    source = _source(given, seed)
    if config is None and isinstance(source, list):
        from vitonnx.models import fit_readout

        # The registry describes the published heads; a checkpoint may have another head, or none.
        # A config comes from the user: the checkpoint must match it.
        spec = fit_readout(spec, source, tell=notice)

    def write(file: Path) -> dict[str, float]:
        return export.export_model(
            spec, file, weights=source, size=sides, progress=progress, tell=notice
        )[1]

    fidelity = None
    if precision == "fp32":
        parity = write(target)
    else:
        # Verify in single precision first: the cost of fewer bits is measured against that.
        with temporary_folder() as folder:
            exact, reduced = (folder / f"{each}.onnx" for each in ("fp32", precision))
            parity = write(exact)
            on = "" if measured is None else f", calibrated on {measured.counted()} pictures"
            progress(f"{precision}{on}")
            reduce_file(exact, reduced, precision, calibration=measured, max_pixels=max_pixels)
            progress(f"comparing {precision} with fp32")
            engines = (
                Engine(exact, precision="fp32", max_pixels=max_pixels),
                Engine(reduced, max_pixels=max_pixels),
            )
            fidelity = hold_fidelity(*engines, shown, force=force, notice=notice)
            state_fidelity(reduced, target, fidelity)
    if isinstance(source, int):
        notice(f"the weights are random (seed {source}): the model is untrained.")
    return Exported(target, load_manifest(target), parity, fidelity)


def _describe(name: str | None, config: str | Path | None, weights: list[str | Path]) -> ModelSpec:
    """Find what is known of the model."""
    from vitonnx.demo import demo_models
    from vitonnx.models import find_model, read_config_file
    from vitonnx.names import is_hub_id

    if name is not None:
        as_path(name)
    if config is not None:
        if not weights:
            raise UsageError(
                "--config needs --weights: give a checkpoint of that model, or random."
            )
        spec = read_config_file(as_path(config, "config"))
        return spec if name is None else replace(spec, name=name)
    if name is None:
        raise UsageError("no model given: pass a name from `vitonnx models`, or --config FILE.")
    if name in demo_models():
        raise UsageError(
            f"{name} comes with vitonnx as a finished file, {demo_models()[name]}: pass its name "
            "to any command that takes a MODEL, or to vitonnx.Engine."
        )
    if is_hub_id(name):
        raise UsageError(
            f"{name} needs no export: pass it to `vitonnx tap`, or to vitonnx.Engine or any "
            "command that takes a MODEL, which downloads it and makes it probe-ready once."
        )
    return find_model(name)


def _files(weights: str | Path | Iterable[str | Path] | None) -> list[str | Path]:
    if weights is None:
        return []
    several = isinstance(weights, Iterable) and not isinstance(weights, str | os.PathLike)
    given: list[str | Path] = list(weights) if several else [weights]  # type: ignore[arg-type, list-item]
    for each in given:
        as_path(each, "checkpoint")
    return given


def _source(weights: list[str | Path], seed: int | None) -> list[Path] | int | None:
    """Give the checkpoint's files, or a seed; None is the published checkpoint."""
    if seed is not None and (not isinstance(seed, Integral) or seed < 0):
        raise UsageError(f"seed is {seed!r}; it must be a whole number from 0.")
    if RANDOM in weights:
        if len(weights) > 1:
            raise UsageError("random weights can't be combined with checkpoint files.")
        return seed or 0
    if seed is not None:
        raise UsageError(
            "a seed applies to random weights only: add --weights random, or omit the seed."
        )
    return [Path(file) for file in weights] or None
