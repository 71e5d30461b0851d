"""The packages that bring onnxruntime: they share one folder, so that one at a time works."""

from __future__ import annotations

import shlex
from importlib.metadata import PackageNotFoundError, version

__all__ = ["RUNTIMES", "install_line", "installed_runtimes"]

# Where several are installed, the last of these is what most machines will want to keep.
RUNTIMES = ("onnxruntime", "onnxruntime-directml", "onnxruntime-openvino", "onnxruntime-gpu")


def installed_runtimes() -> dict[str, str]:
    """Give the versions of the runtimes that pip knows of, by name; nothing is imported."""
    found = {}
    for name in RUNTIMES:
        try:
            found[name] = version(name)
        except PackageNotFoundError:
            continue
    return found


def install_line(requirement: str, *, instead_of: dict[str, str]) -> str:
    """Give the line that installs a runtime in the place of others.

    Parameters
    ----------
    requirement : str
        As pip takes it.
    instead_of : dict
        Of `installed_runtimes`. Uninstalling one breaks all that share its folder, so all go first.

    Examples
    --------
    >>> install_line("onnxruntime-gpu[cuda,cudnn]", instead_of={"onnxruntime": "1.25.0"})
    "pip uninstall -y onnxruntime && pip install 'onnxruntime-gpu[cuda,cudnn]'"
    """
    install = f"pip install {shlex.quote(requirement)}"
    return f"pip uninstall -y {' '.join(instead_of)} && {install}" if instead_of else install
