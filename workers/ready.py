"""How a process tells whoever started it that it serves now."""

import contextlib
import os

from workers.child import READY_FD


def say_ready() -> None:
    """Say it once; silent when nobody asked to be told, or when it was said before."""
    descriptor = os.environ.pop(READY_FD, None)
    if descriptor is not None:
        with contextlib.suppress(OSError, ValueError), os.fdopen(int(descriptor), "wb") as pipe:
            pipe.write(b"\n")
