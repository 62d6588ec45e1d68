"""Looking for a proof on a web server: a file under /.well-known (RFC 8555 section 8.3)."""

import hmac

from certloom.domain.application import Challenge
from certloom.domain.errors import CertloomError
from certloom.net.interface import BODY_LIMIT, AddressRefused, Fetched, ProofHttp
from certloom.validation.interface import Look
from certloom.validation.shown import show_body, show_text


async def look_at_web(http: ProofHttp, challenge: Challenge) -> Look:
    """Look once for the file; blanks around its content do not matter, everything else does."""
    expected = challenge.content or ""
    try:
        fetched = await http.get(challenge.url or "")
    except AddressRefused as refusal:
        error = f"{challenge.name} leads to a place that we do not contact. {refusal.detail}"
        return Look(name=challenge.name, type=challenge.type, proven=False, error=error)
    except CertloomError as failure:
        return Look(name=challenge.name, type=challenge.type, proven=False, error=failure.detail)
    success = 200 <= fetched.status <= 299
    equal = not fetched.truncated and hmac.compare_digest(fetched.body.strip(), expected.encode())
    seen = show_body(fetched.body) if success else f"status {fetched.status}, {show_body(fetched.body)}"
    if success and equal and expected:
        return Look(name=challenge.name, type=challenge.type, proven=True, seen=seen)
    return Look(
        name=challenge.name, type=challenge.type, proven=False, seen=seen, error=_advice(fetched, success=success)
    )


def _advice(fetched: Fetched, *, success: bool) -> str:
    where = f"{show_text(fetched.url)[1:-1]} (at {fetched.address})"
    if not success:
        return (
            f"{where} answers with status {fetched.status} instead of 200; put the file there, readable for everybody."
        )
    if fetched.truncated:
        return f"{where} answers with more than {BODY_LIMIT} bytes; the file must hold the given content only."
    if not fetched.body.strip():
        return f"{where} answers with an empty file; it must hold the given content."
    return f"{where} answers with other content than the one to publish."
