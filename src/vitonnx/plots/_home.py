"""Matplotlib's own folders, looked for before anything is drawn.

Where they can't be written, it takes passing ones and goes on, as good as before; what it says of
that, and of looking for fonts once more, is nothing that who draws can mend.
"""

from __future__ import annotations

import logging
import os
from collections.abc import Iterator
from contextlib import contextmanager

__all__: list[str] = []

OWN, COMMON = "MPLCONFIGDIR", "XDG_CACHE_HOME"


@contextmanager
def _saying_nothing() -> Iterator[None]:
    log = logging.getLogger("matplotlib")
    level = log.level
    log.setLevel(logging.ERROR)
    try:
        yield
    finally:
        log.setLevel(level)


@contextmanager
def _caching_in(folder: str) -> Iterator[None]:
    """Have the programs that are started keep their caches in a folder."""
    before = os.environ.get(COMMON)
    os.environ[COMMON] = folder
    try:
        yield
    finally:
        del os.environ[COMMON]
        if before is not None:
            os.environ[COMMON] = before


with _saying_nothing():
    given = os.environ.get(OWN)

    import matplotlib as mpl

    mpl.get_configdir()
    folder = mpl.get_cachedir()
    # Matplotlib names a passing folder there. Fontconfig, which it asks for fonts, has no such.
    if os.environ.get(OWN) == given:
        from matplotlib import font_manager
    else:
        with _caching_in(folder):
            from matplotlib import font_manager  # noqa: F401
