"""Where the migrations are, and which is the newest."""

from functools import cache
from pathlib import Path
from typing import Final

from alembic.config import Config
from alembic.script import ScriptDirectory

_FOLDER: Final = Path(__file__).parent / "migrations"


def config() -> Config:
    """Return Alembic's configuration; there is no alembic.ini."""
    made = Config()
    made.set_main_option("script_location", str(_FOLDER).replace("%", "%%"))
    made.set_main_option("path_separator", "os")
    return made


@cache
def newest() -> str:
    """Return the revision that this program's tables are at."""
    head = ScriptDirectory.from_config(config()).get_current_head()
    if head is None:
        raise FileNotFoundError(f"no migrations in {_FOLDER}")
    return head
