"""What no reader may do, whatever a file says: start programs, call others, open what isn't its."""

from __future__ import annotations

import os
import sys

__all__ = ["SECRETS", "watch"]

CALLS = frozenset(
    {
        *("subprocess.Popen", "os.system", "os.exec", "os.posix_spawn", "os.spawn", "os.fork"),
        *("socket.connect", "socket.getaddrinfo", "urllib.Request", "pty.spawn"),
    }
)
# Files that damaged graphs name as those of their weights.
SECRETS = ("/etc/hostname", "/dev/zero", "/proc/self/mem")


def watch() -> list[str]:
    """Have Python note from now on what a process does of this; for as long as it lives.

    Returns
    -------
    list of str
        What it has done, as it does it. Who has noted it clears the list.
    """
    done: list[str] = []

    def hear(event: str, arguments: tuple[object, ...]) -> None:
        if event in CALLS:
            done.append(f"{event} {arguments}")
        if event == "open" and isinstance(arguments[0], str):
            path = os.path.realpath(arguments[0].partition("\0")[0])
            if path in SECRETS:
                done.append(f"{event} {path}")

    sys.addaudithook(hear)
    return done
