"""The bases of what comes in and what goes out, and the kinds of text that people may type.

Forms refuse unknown fields, so that a misspelt one is told and not dropped.
"""

import unicodedata
from typing import Annotated, Final, TypeVar

from pydantic import AfterValidator, BaseModel, ConfigDict, StringConstraints
from pydantic_core import PydanticCustomError

from certloom.domain.model import Utc

T = TypeVar("T")

# Marks that turn the reading direction make a label read as something else (Unicode TR 36, 2.10).
_TURNS: Final = frozenset("\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069")
_LINES: Final = frozenset("\n\r\t")


class Form(BaseModel):
    """What a caller sends."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class View(BaseModel):
    """What a caller is shown."""

    model_config = ConfigDict(frozen=True)


def one_line(text: str) -> str:
    """Return *text*; raises a validation error for control characters and marks that turn the direction."""
    return _printable(text, allowed=frozenset())


def some_lines(text: str) -> str:
    """Return *text*, which may have line breaks and tabs; raises as `one_line` does."""
    return _printable(text, allowed=_LINES)


def some(items: tuple[T, ...]) -> tuple[T, ...]:
    """Return *items*; raises a validation error for none. A bad item alone is not told as a list that is too short."""
    if not items:
        raise PydanticCustomError("too_short", "Give at least one.")
    return items


def all_printable(form: BaseModel) -> BaseModel:
    """Hold every text of a domain value to `one_line`."""
    for value in dict(form).values():
        if isinstance(value, str):
            one_line(value)
    return form


def _printable(text: str, *, allowed: frozenset[str]) -> str:
    for sign in text:
        if sign not in allowed and (unicodedata.category(sign) in ("Cc", "Cs") or sign in _TURNS):
            raise PydanticCustomError("unprintable", "Leave out control characters.")
    return text


Label = Annotated[str, StringConstraints(max_length=200), AfterValidator(one_line)]
Title = Annotated[str, StringConstraints(min_length=1, max_length=100), AfterValidator(one_line)]
Note = Annotated[str, StringConstraints(min_length=1, max_length=2000), AfterValidator(some_lines)]
Pem = Annotated[str, StringConstraints(min_length=1, max_length=128 * 1024)]
Moment = Utc
