"""Endpoints as people write them: one on each line, with port and the name to ask for only where they need saying."""

from collections.abc import Iterable, Iterator
from typing import Any, Final

from certloom.domain.errors import FieldFault

_USUAL_PORT: Final = 443
_MOST: Final = 65_535
_SHOWN: Final = 60  # characters of a line
_STANDS_IN: Final = {"host": "in.its.place"}


def read_endpoints(text: str) -> tuple[tuple[dict[str, Any], ...], tuple[FieldFault, ...]]:
    """Return `host`, `host:port` and `host:port name` as the API takes them, and a fault for each other line.

    In the place of such a line stands something that the API takes, so that its own faults count the same lines.
    """
    read = [_endpoint(line.split()) for line in _lines(text)]
    faults = tuple(_fault(index) for index, endpoint in enumerate(read) if endpoint is None)
    return tuple(endpoint or _STANDS_IN for endpoint in read), faults


def by_line(faults: Iterable[FieldFault], text: str) -> Iterator[FieldFault]:
    """Begin each fault of an endpoint with the line that it is about."""
    lines = _lines(text)
    for fault in faults:
        top, _, rest = fault.pointer.strip("/").partition("/")
        index = rest.partition("/")[0]
        known = top == "endpoints" and index.isdecimal() and int(index) < len(lines)
        line = f"{lines[int(index)][:_SHOWN]}: " if known else ""
        yield fault.model_copy(update={"detail": line + fault.detail})


def _lines(text: str) -> list[str]:
    return [words for line in text.splitlines() if (words := " ".join(line.split()))]


def _endpoint(words: list[str]) -> dict[str, Any] | None:
    host, port = _parted(words[0])
    number = port or str(_USUAL_PORT)
    good = number.isascii() and number.isdecimal() and len(number) < 6 and 0 < int(number) <= _MOST
    if len(words) > 2 or not host or not good:
        return None
    name = {"server_name": words[1]} if len(words) == 2 else {}
    return {"host": host, "port": int(number), **name}


def _parted(word: str) -> tuple[str, str]:
    if word.startswith("["):  # RFC 3986 3.2.2: an IPv6 address stands in brackets before a port
        host, _, rest = word[1:].partition("]")
        return host, rest.removeprefix(":")
    host, _, port = word.partition(":")
    return (word, "") if ":" in port else (host, port)


def _fault(index: int) -> FieldFault:
    detail = "Write host, host:port (1 to 65535), or host:port and behind a space the name to ask for."
    return FieldFault(pointer=f"/endpoints/{index}", code="endpoint_unreadable", detail=detail)
