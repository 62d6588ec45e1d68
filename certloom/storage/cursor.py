"""Where the next page begins: opaque to callers, checked when it comes back.

Pages are cut by key, not by counting, so rows that arrive meanwhile cause no gap and no repeat.
"""

from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Callable, Sequence
from datetime import datetime
from typing import Annotated, Any, Final, Generic, TypeVar

from pydantic import Field, TypeAdapter

from certloom.domain.errors import FieldFault, InvalidInput
from certloom.domain.model import Utc
from certloom.domain.money import INT64_MAX
from certloom.storage.records import Page

P = TypeVar("P")
T = TypeVar("T")

_LONGEST: Final = 500  # characters; what we hand out is far shorter


class Cursor(Generic[P]):
    """Writes and reads one kind of position."""

    def __init__(self, kind: Any) -> None:
        self._adapter: TypeAdapter[P] = TypeAdapter(kind)

    def write(self, position: P) -> str:
        """Return the position as URL-safe text."""
        return urlsafe_b64encode(self._adapter.dump_json(position)).rstrip(b"=").decode()

    def read(self, cursor: str) -> P:
        """Return the position; raises InvalidInput at /cursor for anything that was not handed out."""
        try:
            return self._adapter.validate_json(_decoded(cursor))
        except (ValueError, ArithmeticError) as error:  # ArithmeticError: a moment that leaves the calendar in UTC
            raise _bad_cursor() from error

    def page(self, rows: Sequence[T], limit: int, position: Callable[[T], P]) -> Page[T]:
        """Cut *rows*, of which one more than *limit* was asked for."""
        kept = tuple(rows[:limit])
        more = len(rows) > limit
        return Page(items=kept, next_cursor=self.write(position(kept[-1])) if more else None)


def _decoded(cursor: str) -> bytes:
    if len(cursor) > _LONGEST:
        raise ValueError("too long")
    return urlsafe_b64decode(cursor.encode("ascii") + b"=" * (-len(cursor) % 4))


def _bad_cursor() -> InvalidInput:
    detail = "This cursor is not one that a list gave out; start again without a cursor."
    return InvalidInput([FieldFault(pointer="/cursor", code="cursor_invalid", detail=detail)])


BY_TIME: Final[Cursor[tuple[datetime, str]]] = Cursor(tuple[Utc, Annotated[str, Field(pattern=r"^[!-~]{1,100}$")]])
BY_NUMBER: Final[Cursor[int]] = Cursor(Annotated[int, Field(ge=0, le=INT64_MAX, strict=True)])
