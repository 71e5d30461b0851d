"""The installed vitonnx as a wheel again, however it was installed."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.metadata import Distribution, distribution
from importlib.resources import files
from pathlib import Path
from typing import Final

from wheel.wheelfile import WheelFile

from vitonnx.errors import VitonnxError

__all__ = ["LABEL", "own_version", "package_files", "write_wheel"]

# Package indexes take no version with a label, so that pip, told to install this very version,
# can't take another vitonnx from there. Of equal versions it prefers the index's to a wheel of
# one's own.
LABEL: Final = "+space"

# What an installer leaves of a wheel's own metadata; everything else it wrote itself.
METADATA: Final = ("METADATA", "WHEEL", "entry_points.txt", "licenses")

DATE: Final = "SOURCE_DATE_EPOCH"
FIRST: Final = "1580601600"  # 2 February 2020, as hatchling has it


def own_version() -> str:
    """Return the version of the wheel.

    Raises
    ------
    PackageNotFoundError
        If vitonnx isn't installed.

    Examples
    --------
    >>> from importlib.metadata import version
    >>> own_version().startswith(version("vitonnx")) and "+" in own_version()
    True
    """
    version = distribution("vitonnx").version
    return version if "+" in version else version + LABEL


def write_wheel(folder: Path) -> Path:
    """Write a wheel of the package that runs here, models and all.

    It is what a build gives, but for the version. The same package gives the same bytes.

    Parameters
    ----------
    folder : Path
        Folder to write to.

    Returns
    -------
    Path
        The file.

    Raises
    ------
    VitonnxError
        If the installed metadata is incomplete.
    """
    name = f"vitonnx-{own_version()}"
    wheel = folder / f"{name}-py3-none-any.whl"
    package, installed = Path(str(files("vitonnx"))), distribution("vitonnx")
    with _dated(), WheelFile(wheel, "w") as archive:
        for file in package_files(package):
            archive.writestr(f"vitonnx/{file.relative_to(package).as_posix()}", file.read_bytes())
        for part, content in _metadata(installed).items():
            archive.writestr(f"{name}.dist-info/{part}", content)
    return wheel


def package_files(package: Path) -> list[Path]:
    """List all that belongs to the package, and not what Python and desktops leave in it."""
    found = []
    for file in package.rglob("*"):
        parts = file.relative_to(package).parts
        if file.is_file() and not any(part.startswith((".", "__pycache__")) for part in parts):
            found.append(file)
    return sorted(found)


def _metadata(installed: Distribution) -> dict[str, bytes]:
    """Read the metadata for a wheel of this package."""
    if "app" not in (installed.metadata.get_all("Provides-Extra") or []):
        raise VitonnxError(
            "the metadata of the installed vitonnx lack the app extra, so they are older than "
            "vitonnx itself: install it again with  pip install 'vitonnx[app]'  , or in a "
            "checkout with  pip install -e '.[app]'"
        )
    found = {}
    for file in sorted(installed.files or []):
        home, *rest = file.parts
        if home.endswith(".dist-info") and rest[0] in METADATA:
            found["/".join(rest)] = Path(str(installed.locate_file(file))).read_bytes()
    if "METADATA" not in found or "WHEEL" not in found:
        raise VitonnxError(
            "vitonnx was installed without a list of its files, so no wheel can be built from "
            "it: install it again with pip."
        )
    version = f"Version: {own_version()}".encode()
    found["METADATA"] = re.sub(rb"(?m)^Version: [^\r\n]+", version, found["METADATA"], count=1)
    return found


@contextmanager
def _dated() -> Iterator[None]:
    """Have `wheel` date all files alike, whatever the clock says; it reads this variable."""
    given = DATE in os.environ
    os.environ.setdefault(DATE, FIRST)
    try:
        yield
    finally:
        if not given:
            del os.environ[DATE]
