"""Options of pytest for fuzzing, and the table at its end."""

from __future__ import annotations

import os
import platform
import shlex
from importlib.metadata import version
from pathlib import Path

import pytest

from fuzz.tally import Tally, table

__all__ = ["note", "pytest_addoption", "pytest_terminal_summary", "seconds_of"]

SECONDS = 10.0  # a reader, where --minutes doesn't say it
NOTE = "fuzz"
# What reads files for us: whose versions decide what is refused.
PACKAGES = ("vitonnx", "onnx", "onnx-ir", "pillow", "av", "numpy", "safetensors")


def pytest_addoption(parser: pytest.Parser) -> None:
    group = parser.getgroup("fuzz", "hostile and broken files (-m fuzz)")
    group.addoption(
        "--minutes",
        type=float,
        help="for all readers together, in equal parts; 10 seconds for each by default",
    )
    group.addoption("--fuzz-seed", type=int, default=0, help="which cases: another seed, others")
    group.addoption("--fuzz-report", type=Path, help="the file for the counts, in Markdown")


def seconds_of(request: pytest.FixtureRequest) -> float:
    """Give one reader's part of the time: all tests that are marked so get as much."""
    minutes: float | None = request.config.getoption("--minutes")
    if minutes is None:
        return SECONDS
    marked = sum(item.get_closest_marker("fuzz") is not None for item in request.session.items)
    return 60 * minutes / marked


def note(request: pytest.FixtureRequest, tally: Tally) -> None:
    """Keep counts for the table, which another process may write."""
    request.node.user_properties.append((NOTE, tally.to_fields()))


def pytest_terminal_summary(
    terminalreporter: pytest.TerminalReporter, config: pytest.Config
) -> None:
    tallies = [
        Tally.from_fields(fields)
        for outcome in ("passed", "failed")
        for report in terminalreporter.getreports(outcome)
        for name, fields in report.user_properties
        if name == NOTE
    ]
    if not tallies:
        return
    terminalreporter.section("fuzzing")
    terminalreporter.write_line(table(tallies))
    target: Path | None = config.getoption("--fuzz-report")
    if target is not None:
        call = f"python -m pytest {shlex.join(config.invocation_params.args)}"
        target.write_text(f"# Fuzzing\n\n{_machine()}\n\n`{call}`\n\n{table(tallies)}\n")


def _machine() -> str:
    packages = ", ".join(f"{name} {version(name)}" for name in PACKAGES)
    return (
        f"{platform.machine()}, {os.cpu_count()} cores, {platform.system()}, "
        f"Python {platform.python_version()}; {packages}."
    )
