"""``vitonnx doctor``: show what is installed, what works, and how to mend what doesn't."""

from __future__ import annotations

import os
import platform
from collections.abc import Iterable
from contextlib import suppress
from importlib.metadata import PackageNotFoundError, metadata, version
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from vitonnx.cli._console import give, results
from vitonnx.cli._measure import measure_devices
from vitonnx.cli._options import Quiet
from vitonnx.errors import DeviceError, VitonnxError
from vitonnx.extras import EXTRAS, missing_modules
from vitonnx.runtimes import installed_runtimes

if TYPE_CHECKING:
    from vitonnx.engine import Obstacle

PACKAGES = ("onnx", "onnx-ir", "ndonnx", "numpy", "av")

EXAMPLE = "Example: vitonnx doctor --measure"


Measure = Annotated[
    bool,
    typer.Option(
        "--measure",
        help="Time the devices that work in each precision, on two models, and say which to take "
        "and what it costs. Takes half a minute on two cores.",
    ),
]


def doctor(measure: Measure = False, quiet: Quiet = False) -> None:
    """Show what is installed, which devices work, and how to enable those that don't.

    With --quiet, print only the names of the devices that work; with --measure, too, only the
    options to take.
    """
    import platformdirs

    if not quiet:
        # Print this before trying the devices: a broken runtime may crash the process.
        _print("Packages", _installed_packages().items())
        _print("Extras", [_extra_row(*extra) for extra in _declared_extras().items()])
    try:
        devices = _try_devices()
    except ImportError as error:
        if several := _several_runtimes():
            raise VitonnxError(several) from error
        raise
    working = [name for name, (obstacle, _) in devices.items() if obstacle is None]
    if not quiet:
        _print("Devices", [_device_row(name, *tried) for name, tried in devices.items()])
        _print("Caches", _cache_rows(platformdirs.user_cache_path("vitonnx")))
    elif not measure:
        give(*working)
    if several := _several_runtimes():
        raise VitonnxError(several)
    if obstacle := devices["cpu"][0]:
        raise DeviceError(f"the CPU can't be used: {obstacle}.")
    if measure:
        measure_devices(working, quiet=quiet)


def _several_runtimes() -> str | None:
    """Say how to uninstall all runtimes but one; None where at most one is installed."""
    from vitonnx.runtimes import RUNTIMES, install_line, installed_runtimes

    runtimes = installed_runtimes()
    if len(runtimes) < 2:
        return None
    line = install_line(max(runtimes, key=RUNTIMES.index), instead_of=runtimes)
    return (
        f"{' and '.join(runtimes)} are installed at once and have overwritten parts of each "
        f"other in the folder they share. Keep one with `{line}`."
    )


def _try_devices() -> dict[str, tuple[Obstacle | None, str]]:
    """Try every device, with the runtime's own messages silenced: what is in its way, its name."""
    from vitonnx.cli._libraries import silence

    with silence():
        from vitonnx.engine import list_devices

        return list_devices()


def _device_row(name: str, obstacle: Obstacle | None, title: str) -> tuple[str, str, str]:
    return (name, obstacle.reason, obstacle.remedy or "") if obstacle else (name, "works", title)


def _extra_row(name: str, missing: list[str]) -> tuple[str, str, str]:
    if not missing:
        return name, "installed", ""
    return name, f"without {' and '.join(missing)}", f"pip install 'vitonnx[{name}]'"


def _cache_rows(folder: Path) -> list[tuple[str, str, str]]:
    """Give the size of the folder and of each one in it, and where there is a bound, that too."""
    from rich.filesize import decimal

    from vitonnx.engine import MOST_PLANS, plans_folder

    inside = {path for path in folder.iterdir() if path.is_dir()} if folder.is_dir() else set()
    bounds = {plans_folder(): f"{decimal(MOST_PLANS)} at most"}
    return [
        (str(path), decimal(_size(path)), bounds.get(path, ""))
        for path in (folder, *sorted(inside | bounds.keys()))
    ]


def _size(folder: Path) -> int:
    """Return the size of all files below a folder, in bytes."""
    total = 0
    for parent, _, names in os.walk(folder):
        for name in names:
            with suppress(FileNotFoundError):  # another vitonnx process may be deleting it
                total += Path(parent, name).lstat().st_size
    return total


def _print(title: str, rows: Iterable[tuple[str, ...]]) -> None:
    from vitonnx.cli._console import Table

    table = Table(title=title, title_justify="left", show_header=False, box=None, pad_edge=False)
    for row in rows:
        table.row(*row)
    results().print(table)
    results().print()


def _installed_packages() -> dict[str, str]:
    """Return the versions of Python and of the packages that vitonnx needs, by name."""
    return {
        "python": platform.python_version(),
        "vitonnx": version("vitonnx"),
        **(installed_runtimes() or {"onnxruntime": "not installed by pip"}),
        **{name: _version(name) for name in PACKAGES},
    }


def _declared_extras() -> dict[str, list[str]]:
    """Return the extras of the installed vitonnx, with the modules that each is missing."""
    declared = metadata("vitonnx").get_all("Provides-Extra") or []
    return {extra: missing_modules(extra) for extra in EXTRAS if extra in declared}


def _version(package: str) -> str:
    try:
        return version(package)
    except PackageNotFoundError:
        return "not installed"
