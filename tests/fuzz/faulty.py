"""Readers with planted faults, which fuzzing must find."""

from __future__ import annotations

import logging
import os
import signal
import subprocess
import time
from pathlib import Path

from vitonnx.errors import PictureError

__all__ = ["read"]


def read(file: Path) -> None:
    """Do what the file says."""
    match file.read_bytes():
        case b"accept":
            return
        case b"refuse":
            raise PictureError(f"{file.name} is no picture: give another.")
        case b"raise":
            raise KeyError("planted")
        case b"log":
            try:
                raise KeyError("planted")
            except KeyError:
                logging.getLogger("planted").exception("a library complains")
        case b"mumble":
            raise PictureError("")
        case b"babble":
            raise PictureError("no picture " * 999)
        case b"exit":
            os._exit(3)
        case b"crash":
            os.kill(os.getpid(), signal.SIGSEGV)
        case b"hang":
            time.sleep(3600)
        case b"eat":  # slowly, so that it is seen while it eats
            eaten = []
            while True:
                eaten.append(b"x" * 2**24)
                time.sleep(0.005)
        case b"gulp":  # at once, and all is free again before anybody looks
            b"x" * 2**29
        case b"start":
            subprocess.run(["true"], check=True)
        case b"peek":
            Path("..", *[".."] * 9, "etc/hostname").open().close()
        case b"ask":
            bytearray(2**50)
