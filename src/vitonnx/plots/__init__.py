"""Figures of what probes found, for the eye and for papers. Scaling happens here alone.

Functions that draw one axes take them as `ax`, and make a figure of their own without; those that
lay out a whole page, in inches, always make one. All return the Matplotlib figure, that of `ax` or
one independent of pyplot, show nothing, and leave Matplotlib's settings as they are.
"""

from vitonnx.plots import _home  # noqa: F401, before all else of Matplotlib
from vitonnx.plots._compare import compare_models
from vitonnx.plots._curves import CurvePanel, plot_curve_panel, plot_curves
from vitonnx.plots._entry import MOST_PICTURES, AnyMaps, SheetEntry
from vitonnx.plots._histograms import plot_histogram, plot_histograms
from vitonnx.plots._legend import Legend
from vitonnx.plots._losses import plot_losses
from vitonnx.plots._maps import plot_map, plot_maps
from vitonnx.plots._matrices import plot_matrices, plot_matrix, plot_tiles
from vitonnx.plots._paint_colours import colours_of
from vitonnx.plots._paint_maps import describe, scale_of
from vitonnx.plots._plates import plot_plate, plot_plates
from vitonnx.plots._report import (
    Report,
    ReportPanel,
    ReportSection,
    ReportTable,
    write_report,
)
from vitonnx.plots._results import plot_findings, plot_results
from vitonnx.plots._save import save_figure
from vitonnx.plots._scale import Scale
from vitonnx.plots._sheet import contact_sheet
from vitonnx.plots._table import (
    plot_first_and_last_head,
    plot_table_by_block,
    plot_table_by_head,
)
from vitonnx.plots._tables import plot_tables
from vitonnx.plots._tile import without_padding
from vitonnx.plots._video_colours import Key, VideoColours, VideoStyle
from vitonnx.plots._video_frame import VideoPainter
from vitonnx.plots._video_layout import Panel
from vitonnx.plots._video_scale import scale_of_stream

__all__ = [
    "MOST_PICTURES",
    "AnyMaps",
    "CurvePanel",
    "Key",
    "Legend",
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
    "colours_of",
    "compare_models",
    "contact_sheet",
    "describe",
    "plot_curve_panel",
    "plot_curves",
    "plot_findings",
    "plot_first_and_last_head",
    "plot_histogram",
    "plot_histograms",
    "plot_losses",
    "plot_map",
    "plot_maps",
    "plot_matrices",
    "plot_matrix",
    "plot_plate",
    "plot_plates",
    "plot_results",
    "plot_table_by_block",
    "plot_table_by_head",
    "plot_tables",
    "plot_tiles",
    "save_figure",
    "scale_of",
    "scale_of_stream",
    "without_padding",
    "write_report",
]
