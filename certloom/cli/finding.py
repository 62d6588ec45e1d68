"""From what a person types to the one object that is meant: an id, the beginning of an id, a name, or a label.

Names and labels must fit whole, since the next command may revoke or delete what is found.
"""

import unicodedata
from collections.abc import Iterator, Sequence
from ipaddress import ip_address
from typing import Final

import idna

from certloom.cli.faults import JSON, Misunderstood, NotDone
from certloom.cli.session import Session
from certloom.cli.words import clean, listed, plain

_PAGE: Final = 200
_PAGES: Final = 10  # that many are looked through for a name that fits whole
_SHORTEST: Final = 6  # characters of an id behind its prefix from which its beginning is enough
_ID: Final = 30  # a whole id has so many characters at least
_SHOWN: Final = 10


def find_certificate(session: Session, typed: str) -> JSON:
    """Return the view; raises Misunderstood when several fit, NotDone when none does, Refused for an unknown id."""
    if typed.startswith("cert_") and len(typed) >= _ID:
        return session.service.get(f"/v1/certificates/{safe_id(typed)}")
    found = _search(session, typed)
    fitting = [view for view in found if _means(view, typed)]
    if not fitting:
        fitting = [view for view in _search(session, typed, status="deleted") if _means(view, typed)]
    if len(fitting) == 1:
        return session.service.get(f"/v1/certificates/{fitting[0]['id']}")
    if fitting:
        sentence = f"{clean(typed)} fits {len(fitting)} certificates; give the id of one:"
        raise Misunderstood(sentence, lines=_certificates(fitting))
    near = _certificates(found)
    sentence = f"There is no certificate {clean(typed)}" + ("; these begin so:" if near else ".")
    raise NotDone(sentence, lines=near, hint="certloom list")


def find_target(session: Session, typed: str) -> JSON:
    """Return the view; raises as find_certificate does."""
    if typed.startswith("tgt_") and len(typed) >= _ID:
        return session.service.get(f"/v1/targets/{safe_id(typed)}")
    fitting = [view for view in _pages(session, "/v1/targets") if view["name"] == typed or _begins(view, typed)]
    return _only(fitting, typed, what="target", name="name")


def find_zone(session: Session, typed: str) -> JSON:
    """Return the view of a DNS zone; raises as find_certificate does."""
    if typed.startswith("zone_") and len(typed) >= _ID:
        return session.service.get(f"/v1/zones/{safe_id(typed)}")
    name = (_ascii(typed) or typed).casefold().rstrip(".")
    fitting = [view for view in _pages(session, "/v1/zones") if view["zone"] == name or _begins(view, typed)]
    return _only(fitting, typed, what="zone", name="zone")


def _only(fitting: Sequence[JSON], typed: str, *, what: str, name: str) -> JSON:
    """Return the one that fits; operators may see several of one name."""
    if len(fitting) == 1:
        return fitting[0]
    lines = [f"{view['id']}  {view[name]}  {plain(view['kind'])}" for view in fitting[:_SHOWN]]
    if fitting:
        raise Misunderstood(f"{clean(typed)} fits {len(fitting)} {what}s; give the id of one:", lines=lines)
    raise NotDone(f"There is no {what} {clean(typed)}.", hint=f"certloom {what}s list")


def _search(session: Session, typed: str, *, status: str | None = None) -> list[JSON]:
    """Return what begins so; deleted ones only when they are asked for."""
    found = {
        view["id"]: view
        for term in _terms(typed)
        for view in _pages(session, "/v1/certificates", query=term, status=status)
    }
    return list(found.values())


def safe_id(typed: str) -> str:
    """Return an id as a part of an address; whatever else was typed would lead elsewhere."""
    if not all(sign.isascii() and (sign.isalnum() or sign in "_-") for sign in typed):
        raise Misunderstood(f"{clean(typed)} is no id.")
    return typed


def _terms(typed: str) -> Sequence[str]:
    """Return what to search for: as typed, and as certificates hold it."""
    held = _address(typed) or _ascii(typed)
    return [typed] if held in (None, typed) else [typed, str(held)]


def _address(typed: str) -> str | None:
    """Return an IP address as certificates hold it; None when it is none."""
    try:
        return str(ip_address(typed.strip("[]")))
    except ValueError:
        return None


def _ascii(typed: str) -> str | None:
    if typed.isascii():
        return None
    try:
        return idna.encode(unicodedata.normalize("NFC", typed), uts46=True).decode("ascii")
    except UnicodeError:
        return None


def _pages(session: Session, path: str, **query: str | None) -> Iterator[JSON]:
    cursor = None
    for _ in range(_PAGES):
        page = session.service.get(path, timeout=None, limit=_PAGE, cursor=cursor, **query)
        yield from page["items"]
        cursor = page["next_cursor"]
        if cursor is None:
            return


def _means(view: JSON, typed: str) -> bool:
    name = (_address(typed) or _ascii(typed) or typed).casefold()
    return typed == view["label"] or name in view["names"] or _begins(view, typed)


def _begins(view: JSON, typed: str) -> bool:
    prefix, _, rest = typed.partition("_")
    long_enough = bool(prefix) and len(rest) >= _SHORTEST
    return view["id"] == typed or (long_enough and str(view["id"]).startswith(typed))


def _certificates(views: Sequence[JSON]) -> list[str]:
    lines = [
        "  ".join(filter(None, (view["id"], plain(view["status"]), listed(view["names"]), clean(view["label"]))))
        for view in views[:_SHOWN]
    ]
    more = len(views) - _SHOWN
    return [*lines, *([f"and {more} more"] if more > 0 else [])]
