"""What handshakes saw, compared with what they should have seen, in sentences for whoever runs the target."""

from collections.abc import Iterator, Mapping, Sequence

from certloom.domain.look import Look, Sight

_SHOWN = 3  # faults in a sentence; the rest is counted


def missing(looks: Sequence[Look], expected: str, known: Mapping[str, str]) -> str | None:
    """Say where anything but *expected* was seen; None when every address of every endpoint served it.

    *known* are other leaves by fingerprint, in words such as "the one from before".
    """
    if not looks:
        return "The target names no endpoint, so nothing can be proven."
    return _sentence([_fault(look, known) for look in looks if look.fingerprint_sha256 != expected])


def not_back(looks: Sequence[Look], before: Sequence[Look], unwanted: str | None) -> str | None:
    """Say where it is not as before; None when every endpoint serves again what it served then.

    An endpoint that served nothing then only has to be free of *unwanted*.
    """
    return _sentence(list(_differences(looks, before, unwanted)))


def served(looks: Sequence[Look], ours: Mapping[str, str]) -> Iterator[str]:
    """Yield one sentence per address that serves one of *ours*, leaves by fingerprint."""
    for look in looks:
        if named := ours.get(look.fingerprint_sha256 or ""):
            yield f"{_where(look)} serves {named}."


def _differences(looks: Sequence[Look], before: Sequence[Look], unwanted: str | None) -> Iterator[str]:
    for look in looks:
        then = {old.fingerprint_sha256 for old in before if old.endpoint == look.endpoint and old.fingerprint_sha256}
        if then and look.fingerprint_sha256 not in then:
            yield _fault(look, {unwanted: "still the new certificate"} if unwanted else {})
        elif not then and unwanted and look.fingerprint_sha256 == unwanted:
            yield f"{_where(look)} served the new certificate, where there was none before"


def _fault(look: Look, known: Mapping[str, str]) -> str:
    where = _where(look)
    match look.sight:
        case Sight.SERVED:
            which = known.get(look.fingerprint_sha256 or "", "another certificate")
            names = ", ".join(look.names[:3]) or "no name"
            return f"{where} served {which} (for {names}; serial {look.serial or 'unreadable'})"
        case Sight.NO_CERTIFICATE:
            return f"{where} gave no certificate: {_clause(look.detail)}"
        case Sight.UNREACHABLE:
            return f"{where} was not reached: {_clause(look.detail)}"
        case Sight.REFUSED:
            return f"{where} is not asked: {_clause(look.detail)}"


def _where(look: Look) -> str:
    named = str(look.endpoint)
    return named if look.address in (None, look.endpoint.host) else f"{named} ({look.address})"


def _clause(detail: str) -> str:
    return detail.rstrip(".") or "no reason was given"


def _sentence(faults: Sequence[str]) -> str | None:
    if not faults:
        return None
    more = len(faults) - _SHOWN
    tail = f"; and {more} more" if more > 0 else ""
    return f"{'; '.join(faults[:_SHOWN])}{tail}."
