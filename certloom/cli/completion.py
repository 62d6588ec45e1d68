"""What a shell offers while somebody types: names and ids from the service, or nothing when it is slow or silent."""

import os
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import Final

from certloom.cli.access import find_access
from certloom.cli.faults import JSON, Failure
from certloom.cli.service import Service, Tell
from certloom.cli.words import clean

_WITHIN: Final = 1.0  # seconds; a shell that hangs is worse than one that offers nothing
_MOST: Final = 200


def certificates(incomplete: str) -> list[str]:
    """Offer names, labels and ids of certificates."""
    return _fitting(incomplete, (text for one in _items("/v1/certificates", incomplete) for text in _known_as(one)))


def targets(incomplete: str) -> list[str]:
    """Offer names and ids of targets."""
    return _fitting(incomplete, (str(one[field]) for one in _items("/v1/targets") for field in ("name", "id")))


def zones(incomplete: str) -> list[str]:
    """Offer names and ids of DNS zones."""
    return _fitting(incomplete, (str(one[field]) for one in _items("/v1/zones") for field in ("zone", "id")))


def products(incomplete: str) -> list[str]:
    """Offer ids of products."""
    return _fitting(incomplete, (str(one["id"]) for one in _items("/v1/products")))


def _known_as(view: JSON) -> Iterator[str]:
    yield from view["names"]
    yield from filter(None, (view["label"], view["id"]))


def _items(path: str, query: str | None = None) -> list[JSON]:
    paged = {} if path.endswith("products") else {"limit": _MOST}
    try:
        with _service() as service:
            found: list[JSON] = service.get(path, timeout=_WITHIN, query=query or None, **paged)["items"]
    except (Failure, KeyError):
        return []
    return found


@contextmanager
def _service() -> Iterator[Service]:
    service = Service(find_access(os.environ), key=None, patience=0, waiting=_nobody)
    try:
        yield service
    finally:
        service.close()


@contextmanager
def _nobody() -> Iterator[Tell]:
    yield lambda _: None


def _fitting(incomplete: str, texts: Iterable[str]) -> list[str]:
    return [text for text in dict.fromkeys(texts) if text.startswith(incomplete) and clean(text) == text]
