"""What customers are shown of foreign bytes: printable ASCII, short, and never able to forge a line of a log."""

from collections.abc import Iterable

MAX_VALUES = 5
MAX_LENGTH = 100


def show_text(text: str) -> str:
    """Return one value in double quotes, escaped and cut to MAX_LENGTH characters."""
    escaped = text.encode("unicode_escape").decode("ascii").replace('"', '\\"')
    cut = escaped if len(escaped) <= MAX_LENGTH else escaped[: MAX_LENGTH - 3] + "..."
    return f'"{cut}"'


def show_body(body: bytes) -> str:
    """Return the first bytes of a body as `show_text` does; bytes outside ASCII become backslash escapes."""
    return show_text(body.strip().decode("latin-1"))


def show_values(values: Iterable[str]) -> str:
    """Return at most MAX_VALUES values, and how many more there are."""
    shown = [show_text(value) for value in values]
    more = len(shown) - MAX_VALUES
    return ", ".join(shown[:MAX_VALUES]) + (f" and {more} more" if more > 0 else "")
