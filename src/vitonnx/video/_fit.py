"""How a model sees the frames of a video: its input's shape, and where its maps lie on them."""

from __future__ import annotations

from dataclasses import dataclass
from numbers import Integral
from typing import Any

from numpy.typing import NDArray

from vitonnx.engine import Engine, Place, place
from vitonnx.errors import UsageError
from vitonnx.manifest import Fit, Manifest
from vitonnx.probes import Crop, Probe, cells_within

__all__ = ["Cover", "at_shape_of", "fit_note"]

# A frame's sides: a model's attention grows with the square of the longer one, and no video's
# frames are so slim that this would be too few.
SLIMMEST = 16


def at_shape_of(
    engine: Engine,
    frame: tuple[int, int],
    *,
    short_side: int | None = None,
    fit: Fit | None = None,
) -> Engine:
    """Give an engine of the same model that sees whole frames of a video, hardly squashed.

    The input takes the video's shape, to the nearest patch. Where the file takes no other size than
    its own, frames are padded to that: see `fit_note`. One that was opened with a size keeps it,
    unless `short_side` or `fit` is given.

    Parameters
    ----------
    engine : Engine
        The model, with its options.
    frame : (height, width)
        Of the video, in pixels.
    short_side : int, optional
        Of the model's input, in pixels, a multiple of the patch size; not together with `fit`. By
        default the shorter side of what the patches cover of the file's own input. The longer
        side is the nearest multiple of the patch size.
    fit : "cut", "pad" or "squash", optional
        Use the file's own size, and fit frames into it in this way. "cut" leaves the frames' edges
        out, and so do patches that don't cover that size.

    Raises
    ------
    ModelFileError, DeviceError, UsageError
        As `Engine`; or if the short side can't be, or is given together with `fit`.
    """
    if engine.asked_size is not None and short_side is None and fit is None:
        return engine
    return engine.resized(*_choose(engine.manifest, frame, short_side, fit))


def _choose(
    manifest: Manifest, frame: tuple[int, int], short_side: int | None, fit: Fit | None
) -> tuple[tuple[int, int], Fit]:
    """Choose the input's size, and how frames are fitted into it."""
    if fit is not None:
        if short_side is not None:
            raise UsageError(
                "frames either are fitted into the file's own size, or the size follows them: "
                "leave --fit or --short-side out."
            )
        return manifest.size, fit
    short = min(manifest.covered) if short_side is None else short_side
    if not isinstance(short, Integral) or short < 1:
        raise UsageError(f"the short side is {short!r}; it must be at least one patch.")
    if short_side is None and max(frame) > SLIMMEST * min(frame):
        raise UsageError(
            f"frames of {_by(frame)} pixels are more than {SLIMMEST} times as long as broad, and "
            "an input of their shape would take more memory than there is: say how they are "
            "fitted into the model's own size (--fit), or how large its input shall be "
            "(--short-side)."
        )
    size = fitting_size(frame, short=short, patch=manifest.patch_size)
    if size == manifest.size or manifest.resizable:
        manifest.at(size)  # refuses a short side that is no multiple, and names the nearest
        return size, "squash"
    if short_side is not None:
        raise UsageError(
            f"{manifest.name} takes pictures of {_by(manifest.size)} pixels and no others: leave "
            "--short-side out, and frames are fitted into that (--fit)."
        )
    return manifest.size, "pad"


def fit_note(engine: Engine, frame: tuple[int, int]) -> str | None:
    """Say in a line that frames are padded, where an engine that nobody told how to fit does so."""
    manifest = engine.manifest
    if manifest.preprocessing.padding is None:
        return None
    return (
        f"{manifest.name} takes pictures of {_by(manifest.size)} pixels and no others: frames of "
        f"{_by(frame)} are padded to that shape (--fit cut and --fit squash do otherwise)."
    )


def fitting_size(frame: tuple[int, int], *, short: int, patch: int) -> tuple[int, int]:
    """Choose an input's height and width for a frame's.

    Examples
    --------
    >>> fitting_size((1080, 1920), short=224, patch=16)  # 398 would keep the shape to the pixel
    (224, 400)
    >>> fitting_size((1920, 1080), short=224, patch=16)
    (400, 224)
    """
    height, width = frame
    long = max(short, round(short * max(frame) / min(frame) / patch) * patch)
    return (short, long) if height <= width else (long, short)


def _by(sides: tuple[int, int]) -> str:
    """Write height and width, in this order, as everywhere."""
    return f"{sides[0]}x{sides[1]}"


@dataclass(frozen=True)
class Cover:
    """The patches that show some of a frame, and where they lie on it.

    Other rows and columns are padding. The box, left, top, right and bottom, is in shares of the
    frame's sides: beyond them where a patch is padded in part, and within them where the frame is
    cut, or the patches leave some of it over.
    """

    rows: slice
    columns: slice
    box: Crop
    place: Place

    @classmethod
    def of(cls, engine: Engine, frame: tuple[int, int]) -> Cover:
        """Find it for a model and frames of (height, width)."""
        manifest = engine.manifest
        found = place(frame, manifest.preprocessing, manifest.covered)
        rows, columns = cells_within(found.inside, manifest.grid)
        left, top, right, bottom = found.crop
        down, across = (bottom - top) / manifest.grid[0], (right - left) / manifest.grid[1]
        height, width = frame
        return cls(
            rows=rows,
            columns=columns,
            box=(
                (left + columns.start * across) / width,
                (top + rows.start * down) / height,
                (left + columns.stop * across) / width,
                (top + rows.stop * down) / height,
            ),
            place=found,
        )

    @property
    def shape(self) -> tuple[int, int]:
        """Rows and columns that are shown."""
        return self.rows.stop - self.rows.start, self.columns.stop - self.columns.start

    def cut(self, maps: NDArray[Any]) -> NDArray[Any]:
        """Leave the padding out of (maps, rows, columns, …)."""
        return maps[:, self.rows, self.columns]

    def query(self, engine: Engine, probe: Probe[Any]) -> tuple[int, int] | None:
        """Find the patch that is asked, where it is one, among those that are shown."""
        patch = engine.layout.patch(self.place.token(probe, engine.layout))
        if patch is None:
            return None
        return patch[0] - self.rows.start, patch[1] - self.columns.start
