"""The packages that bring onnxruntime: they share one folder, so that one at a time works.

Providers as plug-ins stand beside any of them: see `vitonnx.engine.devices`.
"""

from __future__ import annotations

import shlex
from importlib.metadata import PackageNotFoundError, version

__all__ = ["RUNTIMES", "install_line", "installed_runtimes"]

# Where several are installed, the last of these is what most machines will want to keep.
RUNTIMES = (
    "onnxruntime",
    "onnxruntime-directml",
    "onnxruntime-webgpu",
    "onnxruntime-openvino",
    "onnxruntime-gpu",
)


def installed_runtimes() -> dict[str, str]:
    """Return the versions of installed runtimes by name, without importing them."""
    found = {}
    for name in RUNTIMES:
        try:
            found[name] = version(name)
        except PackageNotFoundError:
            continue
    return found


def install_line(requirement: str, *, instead_of: dict[str, str]) -> str:
    """Return the command that installs a runtime in place of others.

    Parameters
    ----------
    requirement : str
        Requirement for pip.
    instead_of : dict
        Result of `installed_runtimes`. Uninstalling one breaks all that share its folder, so all
        are uninstalled first.

    Examples
    --------
    >>> install_line("onnxruntime-gpu[cuda,cudnn]", instead_of={"onnxruntime": "1.25.0"})
    "pip uninstall -y onnxruntime && pip install 'onnxruntime-gpu[cuda,cudnn]'"
    """
    install = f"pip install {shlex.quote(requirement)}"
    return f"pip uninstall -y {' '.join(instead_of)} && {install}" if instead_of else install
