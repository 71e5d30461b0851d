"""The painter of each shape that lies on pictures."""

from __future__ import annotations

from collections.abc import Sequence

from vitonnx.plots._entry import SheetEntry
from vitonnx.plots._paint_classes import ClassesPainter
from vitonnx.plots._paint_colours import ColoursPainter
from vitonnx.plots._paint_maps import MapsPainter
from vitonnx.plots._painter import Painter
from vitonnx.probes import ClassMaps, ColourMaps, Maps

__all__ = ["painters_for"]

PAINTERS: dict[type, type[Painter]] = {
    Maps: MapsPainter,
    ColourMaps: ColoursPainter,
    ClassMaps: ClassesPainter,
}


def painters_for(models: Sequence[Sequence[SheetEntry]], *, alone: bool) -> Sequence[Painter]:
    """Give each model of a figure the painter of its pictures, which are all of one shape."""
    return PAINTERS[type(models[0][0].maps)].for_models(models, alone=alone)
