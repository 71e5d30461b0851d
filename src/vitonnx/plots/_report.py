"""One page with everything: no network, no second file, readable on a phone."""

from __future__ import annotations

import base64
import io
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from jinja2 import Environment, PackageLoader, StrictUndefined
from matplotlib.figure import Figure

from vitonnx.filenames import shown
from vitonnx.media import atomic_path

__all__ = ["Report", "ReportPanel", "ReportSection", "ReportTable", "write_report"]

# Sharp on a phone's screen, and a page of twenty figures stays below ten megabytes.
DPI = 110


@dataclass(frozen=True, eq=False)
class ReportPanel:
    """A figure or a video on the page.

    Parameters
    ----------
    content : matplotlib.figure.Figure or bytes
        A figure, or a whole .mp4.
    description : str
        What it shows, for those who can't see it.
    caption : str
        Above it; a model's name, where several stand side by side.
    """

    content: Figure | bytes
    description: str
    caption: str = ""

    @property
    def is_video(self) -> bool:
        """Whether it moves."""
        return isinstance(self.content, bytes)

    @property
    def address(self) -> str:
        """The content itself, as a data address."""
        if isinstance(self.content, bytes):
            return f"data:video/mp4;base64,{base64.b64encode(self.content).decode()}"
        stream = io.BytesIO()
        self.content.savefig(stream, format="png", dpi=DPI, metadata={"Software": None})
        return f"data:image/png;base64,{base64.b64encode(stream.getvalue()).decode()}"


@dataclass(frozen=True)
class ReportTable:
    """Words in rows.

    Parameters
    ----------
    headings : sequence of str
        One a column.
    rows : sequence of sequences of str
        The first cell of each is the row's heading.
    """

    headings: Sequence[str]
    rows: Sequence[Sequence[str]]


@dataclass(frozen=True, eq=False)
class ReportSection:
    """A part of the page; its panels stand side by side where there is room.

    Parameters
    ----------
    title, text : str
        Heading, and a sentence below it.
    facts : str
        More sentences, in pale letters.
    table : ReportTable or None
        Before the panels.
    panels : sequence of ReportPanel
        In order.
    """

    title: str
    text: str = ""
    facts: str = ""
    table: ReportTable | None = None
    panels: Sequence[ReportPanel] = ()


@dataclass(frozen=True, eq=False)
class Report:
    """A whole page.

    Parameters
    ----------
    title : str
        Of the page.
    sections : sequence of ReportSection
        In order.
    notes : sequence of str
        What a reader must know before anything else, in the colour of alarm.
    column_width : int
        The least width of a panel, in em; narrower screens show one below the other.
    """

    title: str
    sections: Sequence[ReportSection]
    notes: Sequence[str] = field(default=())
    column_width: int = 28


def write_report(path: str | Path, report: Report) -> None:
    """Write a page, whole or not at all.

    Parameters
    ----------
    path : path
        The ``.html`` file.
    report : Report
        What stands on it.

    Raises
    ------
    VitonnxError
        If it can't be written.

    Examples
    --------
    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     page = Path(folder, "report.html")
    ...     write_report(page, Report("cats & dogs", [ReportSection("Heads")]))
    ...     "<h1>cats &amp; dogs</h1>" in page.read_text(encoding="utf-8")
    True
    """
    environment = Environment(
        loader=PackageLoader("vitonnx", "plots"),
        autoescape=True,
        finalize=_in_a_line,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    page = environment.get_template("report.html.j2").render(report=report)
    with atomic_path(path) as passing:
        passing.write_text(page, encoding="utf-8")


def _in_a_line(value: object) -> object:
    """Escape what in a text is no letter: HTML's own marks are escaped behind this."""
    return shown(value) if isinstance(value, str) else value
