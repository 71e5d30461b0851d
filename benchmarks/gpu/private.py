"""What vitonnx tells nobody, and is asked nevertheless: all of it is here, as it may change."""

from __future__ import annotations

from typing import Any

from benchmarks.gpu.card import PROVIDERS


def require_provider(engine: Any, device: str) -> None:
    """Raise a RuntimeError if a session of an engine runs elsewhere.

    The engine has tried the device before; but each session may still fall back, and only the
    runtime's own objects tell.
    """
    for session in engine._sessions.opened.values():
        found = session.session.get_providers()
        if found[0] != PROVIDERS[device]:
            raise RuntimeError(f"{device} was asked for, and the engine runs on {found}")
