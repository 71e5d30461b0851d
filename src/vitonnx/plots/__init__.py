"""Figures of what probes found, for the eye and for papers. Scaling happens here alone."""

from vitonnx.plots._heads import plot_heads
from vitonnx.plots._rollout import plot_rollout
from vitonnx.plots._save import save_figure
from vitonnx.plots._sheet import MOST_PICTURES, SheetEntry, contact_sheet

__all__ = [
    "MOST_PICTURES",
    "SheetEntry",
    "contact_sheet",
    "plot_heads",
    "plot_rollout",
    "save_figure",
]
