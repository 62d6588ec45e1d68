"""One log format for every process: UTC, one line an event, to stderr."""

import logging
import time

from certloom.settings import Settings


def start_logging(settings: Settings) -> None:
    """Set the process's log up; may be called again."""
    formatter = logging.Formatter("%(asctime)s.%(msecs)03dZ %(levelname)s %(name)s: %(message)s", "%Y-%m-%dT%H:%M:%S")
    formatter.converter = time.gmtime
    handler = logging.StreamHandler()
    handler.setFormatter(formatter)
    logging.basicConfig(level=settings.log_level.upper(), handlers=[handler], force=True)
    logging.getLogger("alembic.runtime.plugins").setLevel(logging.WARNING)  # six lines that say nothing
    logging.getLogger("asyncssh").setLevel(logging.WARNING)  # else each connection is ten lines
