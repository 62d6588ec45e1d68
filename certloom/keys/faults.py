"""How this room says no: one fault per field, and one net for all that parsers of hostile bytes may raise."""

from collections.abc import Iterator
from contextlib import contextmanager

from cryptography import x509
from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.utils import CryptographyDeprecationWarning

from certloom.domain.errors import FieldFault, InvalidInput

_PARSING = (
    ValueError,
    TypeError,
    OverflowError,
    InvalidSignature,
    UnsupportedAlgorithm,
    x509.DuplicateExtension,
    x509.InvalidVersion,
    x509.UnsupportedGeneralNameType,
    CryptographyDeprecationWarning,  # bytes that a later parser will refuse; raised where warnings are errors
)


def invalid(pointer: str, code: str, detail: str) -> InvalidInput:
    """Return the error for one bad field."""
    return InvalidInput([FieldFault(pointer=pointer, code=code, detail=detail)])


@contextmanager
def unreadable_as(pointer: str, code: str, detail: str) -> Iterator[None]:
    """Turn whatever a parser raises for bad bytes into this one fault; an InvalidInput passes as it is."""
    try:
        yield
    except _PARSING:
        raise invalid(pointer, code, detail) from None


def shorten(text: str, limit: int = 80) -> str:
    """Return text from a stranger's certificate in one printable line of at most *limit* characters."""
    line = "".join(sign if sign.isprintable() else "\ufffd" for sign in text)
    return line if len(line) <= limit else f"{line[: limit - 3]}..."
