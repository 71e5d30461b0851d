"""Figures of what probes found, for the eye and for papers. Scaling happens here alone.

Functions that draw one axes take them as `ax`, and make a figure of their own without; those that
lay out a whole page, in inches, always make one. All return the figure, show nothing, and leave
pyplot and Matplotlib's settings as they are.
"""

from vitonnx.plots import _home  # noqa: F401, before all else of Matplotlib
from vitonnx.plots._compare import compare_models
from vitonnx.plots._distance import (
    plot_distance_by_block,
    plot_distance_by_head,
    plot_first_and_last_head,
)
from vitonnx.plots._distance_page import plot_distance
from vitonnx.plots._entry import MOST_PICTURES, SheetEntry, describe, map_of, scale_of, unit_of
from vitonnx.plots._filters import plot_filter_plate, plot_filters
from vitonnx.plots._heads import masks_of, plot_heads
from vitonnx.plots._losses import plot_losses
from vitonnx.plots._map import plot_map
from vitonnx.plots._positions import (
    plot_position_matrix,
    plot_position_tiles,
    plot_positions,
)
from vitonnx.plots._report import (
    Report,
    ReportPanel,
    ReportSection,
    ReportTable,
    write_report,
)
from vitonnx.plots._results import plot_results
from vitonnx.plots._rollout import plot_rollout
from vitonnx.plots._save import save_figure
from vitonnx.plots._scale import Scale
from vitonnx.plots._sheet import contact_sheet
from vitonnx.plots._tile import without_padding
from vitonnx.plots._video_colours import VideoColours, VideoStyle
from vitonnx.plots._video_frame import VideoPainter
from vitonnx.plots._video_layout import Panel
from vitonnx.plots._video_scale import scale_of_stream

__all__ = [
    "MOST_PICTURES",
    "Panel",
    "Report",
    "ReportPanel",
    "ReportSection",
    "ReportTable",
    "Scale",
    "SheetEntry",
    "VideoColours",
    "VideoPainter",
    "VideoStyle",
    "compare_models",
    "contact_sheet",
    "describe",
    "map_of",
    "masks_of",
    "plot_distance",
    "plot_distance_by_block",
    "plot_distance_by_head",
    "plot_filter_plate",
    "plot_filters",
    "plot_first_and_last_head",
    "plot_heads",
    "plot_losses",
    "plot_map",
    "plot_position_matrix",
    "plot_position_tiles",
    "plot_positions",
    "plot_results",
    "plot_rollout",
    "save_figure",
    "scale_of",
    "scale_of_stream",
    "unit_of",
    "without_padding",
    "write_report",
]
