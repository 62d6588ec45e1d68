"""Where the command line begins: `certloom` where it is installed, `python -m certloom.cli` anywhere.

Loading takes a moment in which nothing has happened yet. Ctrl-C ends it there, and no library hears of it.
"""

import os
import signal
from types import FrameType


def main() -> None:
    """Load the commands and run one; see app.main."""
    signal.signal(signal.SIGINT, _leave)
    from certloom.cli.app import main as run  # noqa: PLC0415 - what takes a moment to load

    signal.signal(signal.SIGINT, signal.default_int_handler)
    run()


def _leave(_number: int, _frame: FrameType | None) -> None:
    os.write(2, b"certloom: Interrupted.\n")
    os._exit(130)


if __name__ == "__main__":
    main()
