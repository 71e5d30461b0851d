"""List what is installed from the packages' metadata, without importing them."""

from __future__ import annotations

import platform
from importlib.metadata import PackageNotFoundError, metadata, version

from vitonnx.extras import EXTRAS, missing_modules
from vitonnx.runtimes import installed_runtimes

__all__ = ["declared_extras", "installed_packages"]

PACKAGES = ("onnx", "onnx-ir", "ndonnx", "numpy", "av")


def installed_packages() -> dict[str, str]:
    """Return the versions of Python and of the packages that vitonnx needs, by name."""
    return {
        "python": platform.python_version(),
        "vitonnx": version("vitonnx"),
        **(installed_runtimes() or {"onnxruntime": "not installed by pip"}),
        **{name: _version(name) for name in PACKAGES},
    }


def declared_extras() -> dict[str, list[str]]:
    """Return the extras of the installed vitonnx, with the modules that each is missing."""
    declared = metadata("vitonnx").get_all("Provides-Extra") or []
    return {extra: missing_modules(extra) for extra in EXTRAS if extra in declared}


def _version(package: str) -> str:
    try:
        return version(package)
    except PackageNotFoundError:
        return "not installed"
