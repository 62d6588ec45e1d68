"""Certificate signing requests that customers bring: read, and held against the names asked for."""

from collections.abc import Sequence

from certloom.domain.errors import FieldFault, InvalidInput
from certloom.keys.interface import Credentials, SigningRequest


def read_request(credentials: Credentials, csr: str, *, names: Sequence[str]) -> SigningRequest:
    """Return what the CSR says; raises InvalidInput (/csr) when it is bad or names other names than *names*."""
    request = credentials.read_csr(csr)
    inside = {name.lower() for name in request.names}
    wanted = set(names)
    if inside != wanted:
        raise InvalidInput([FieldFault(pointer="/csr", code="csr_names_differ", detail=_difference(inside, wanted))])
    return request


def _difference(inside: set[str], wanted: set[str]) -> str:
    parts = []
    if missing := sorted(wanted - inside):
        parts.append(f"it lacks {_list(missing)}")
    if extra := sorted(inside - wanted):
        parts.append(f"it also names {_list(extra)}")
    return f"The CSR must hold exactly the names of the application: {', and '.join(parts)}."


def _list(names: Sequence[str]) -> str:
    return ", ".join(names[:5]) + (f" and {len(names) - 5} more" if len(names) > 5 else "")
