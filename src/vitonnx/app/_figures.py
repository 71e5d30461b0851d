"""Figures of the chosen models' weights on the page."""

from __future__ import annotations

import functools
import html
from collections.abc import Callable, Mapping
from typing import Any

from matplotlib.figure import Figure

from vitonnx.app._answers import Answers
from vitonnx.engine import Engine
from vitonnx.errors import ModelFileError, UsageError
from vitonnx.plots import ReportPanel, plot_findings
from vitonnx.probes import Filters, Positions
from vitonnx.weights import probe_weights

__all__ = ["Figures"]

COMPONENTS = 28  # as the paper shows
KEPT = 32  # sets of models whose figures are kept


class Figures:
    """The figures of the page that Matplotlib draws, as HTML with a description.

    Parameters
    ----------
    answers : Answers
        Answers of the page.
    """

    def __init__(self, answers: Answers) -> None:
        self._answers = answers
        # Weights don't change: each set of models is drawn once.
        self.filters = functools.lru_cache(KEPT)(self._filters)
        self.positions = functools.lru_cache(KEPT)(self._positions)

    def _filters(self, models: tuple[str, ...]) -> str:
        found, without = self._ask(models, lambda engine: Filters(components=_components(engine)))
        text = "Filters of the patch embedding, and their principal components"
        return _figures(found, without, text)

    def _positions(self, models: tuple[str, ...]) -> str:
        found, without = self._ask(models, lambda engine: Positions())
        text = "How alike the position embeddings of the patches are, a tile for each patch"
        return _figures(found, without, text)

    def _ask(
        self, models: tuple[str, ...], probe: Callable[[Engine], Any]
    ) -> tuple[dict[str, Any], list[str]]:
        """Ask those that can answer, and name those that lack the weights."""
        found, without = {}, []
        for model in models:
            engine = self._answers.engines[model]
            try:
                found[model] = probe_weights(engine.file, probe(engine))
            except (UsageError, ModelFileError):  # its attention is read: the file is whole
                without.append(model)
        return found, without


def _components(engine: Engine) -> int:
    manifest = engine.manifest
    return min(COMPONENTS, manifest.dim - 1, 3 * manifest.patch_size**2)


def _figures(found: Mapping[str, Any], without: list[str], text: str) -> str:
    findings = {model: result.finding for model, result in found.items()}
    parts = [_figure(plot_findings(findings), f"{text}: {', '.join(found)}.")] if found else []
    if without:
        names = html.escape(", ".join(without))
        parts.append(f"<p>{names}: the file has no such weights to show.</p>")
    return "".join(parts)


def _figure(figure: Figure, description: str) -> str:
    address = ReportPanel(figure, description).address
    return (
        f'<figure class="plot"><img src="{address}" alt="{html.escape(description, quote=True)}">'
        "</figure>"
    )
