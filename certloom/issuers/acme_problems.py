"""An ACME CA's noes in words that a customer can act on: which name, what the CA saw, what to do.

Whatever passes is an Outage; a limit or a pause that the CA named is `Later`; the rest is a refusal.
"""

from collections.abc import Iterable, Mapping
from datetime import datetime, timedelta
from typing import Final, NamedTuple

from certloom.domain.errors import CertloomError, IssuerRefused, Later, Outage
from certloom.issuers.acme_replies import Authorization, Problem, Reply, shown

LIMIT_PAUSE: Final = timedelta(hours=1)  # when a CA names a limit but no time
MOST_TOLD: Final = 10  # names of one order; the rest fails alike
ACCOUNT_REFUSED: Final = "accountRefused"  # a reason of ours: the CA's word for it means a proof elsewhere
PASSING: Final = frozenset({"serverInternal", "badNonce"})


class Words(NamedTuple):
    """What a type of problem means, with {name} in it, and what to do."""

    means: str
    help: str


WORDS: Final[Mapping[str, Words]] = {
    "rejectedIdentifier": Words(
        "The CA does not issue certificates for {name}",
        "Ask for another name, or choose a product of another issuer.",
    ),
    "unsupportedIdentifier": Words(
        "The CA does not certify this kind of name: {name}",
        "Ask for a DNS name, or choose a product of another issuer.",
    ),
    "caa": Words(
        "A CAA record forbids this CA to issue for {name}",
        "Add the CA to the domain's CAA records, or remove them, and apply again.",
    ),
    "dns": Words(
        "The CA could not look up {name} in DNS",
        "Check that all name servers of the domain answer, and that the record is there; then apply again.",
    ),
    "dnssec": Words(
        "The DNSSEC signatures of {name} did not hold when the CA looked",
        "Repair or remove the domain's DNSSEC (DS and DNSKEY records), and apply again.",
    ),
    "connection": Words(
        "The CA could not connect to {name}",
        "Open port 80 to the whole Internet, over IPv6 too if the name has an AAAA record; then apply again.",
    ),
    "tls": Words(
        "The CA met a TLS fault at {name}",
        "Check the redirect from http to https there, and apply again.",
    ),
    "unauthorized": Words(
        "The CA does not let our account do this for {name}",
        "An operator checks the issuer's account.",
    ),
    "incorrectResponse": Words(
        "The CA found something else than the proof for {name}",
        "Publish the record or file exactly as shown, at every name server or web server, and apply again.",
    ),
    "rateLimited": Words(
        "A limit of the CA is used up for {name}",
        "Wait until the time that the CA names, or choose a product of another issuer.",
    ),
    "badCSR": Words(
        "The CA does not accept the signing request for {name}",
        "Make a new one with a key of 2048-bit RSA, P-256 or P-384 and just the names applied for.",
    ),
    "badPublicKey": Words(
        "The CA does not accept the key for {name}",
        "Use a new key: 2048-bit RSA, P-256 or P-384.",
    ),
    "externalAccountRequired": Words(
        "The CA wants our account bound to one of its customers",
        "An operator sets eab_key_id and eab_key_file in the issuers file.",
    ),
    "userActionRequired": Words(
        "The CA wants its terms of service agreed to",
        "An operator reads them and sets terms_agreed in the issuers file.",
    ),
    "invalidProfile": Words(
        "The CA does not offer the profile that is configured here",
        "An operator corrects `profile` in the issuers file.",
    ),
    "invalidContact": Words(
        "The CA does not accept our contact address",
        "An operator corrects `contact` in the issuers file.",
    ),
    "unsupportedContact": Words(
        "The CA does not accept our kind of contact address",
        "An operator corrects `contact` in the issuers file.",
    ),
    "accountDoesNotExist": Words(
        "The CA does not know our account any more",
        "An operator checks the issuer's account.",
    ),
}
_NOT_FOUND: Final = Words(
    "The CA did not find the proof for {name}",
    "Publish the record or file exactly as shown, at every name server or web server, and apply again.",
)
PROOF_WORDS: Final[Mapping[str, Words]] = {
    **WORDS,
    # The same types, where a proof was looked for; step-ca's for one that is not as it should be is the second.
    "unauthorized": _NOT_FOUND,
    "rejectedIdentifier": _NOT_FOUND,
}
FAILED: Final = Words(
    "The CA looked for the proof of {name}, and it failed",
    "Check that the record or file can be seen from everywhere, and apply again.",
)
ENDED: Final = frozenset({"expired", "deactivated", "revoked"})
"""Statuses of an authorization (RFC 8555 section 7.1.6) that was good once."""

OTHER: Final = Words("The CA refuses {name}", "Ask an operator, who can tell from what the CA said.")


class ProblemRefused(IssuerRefused):
    """A problem document as a refusal; whoever knows better what to do looks at `problem`."""

    def __init__(
        self,
        problem: Problem,
        *,
        status: int,
        location: str | None = None,
        names: Iterable[str] = (),
        words: Mapping[str, Words] = WORDS,
    ) -> None:
        super().__init__(sentences(problem, names, words), reason=_leading(problem).code)
        self.problem = problem
        self.status = status
        self.location = location


def sentences(
    problem: Problem, names: Iterable[str] = (), words: Mapping[str, Words] = WORDS, other: Words = OTHER
) -> str:
    """Return a problem in words, one sentence for each identifier that a compound problem names."""
    parts = problem.subproblems[:MOST_TOLD] or (problem,)
    return " ".join(_sentence(part, tuple(names), words.get(part.code, other)) for part in parts)


def _sentence(problem: Problem, names: tuple[str, ...], words: Words) -> str:
    named = (problem.identifier.value,) if problem.identifier else names
    means = words.means.format(name=shown(_listed(named)))
    said = shown(problem.detail)
    return f"{means}; it says: “{said}”. {words.help}" if said else f"{means}. {words.help}"


def _listed(names: tuple[str, ...]) -> str:
    if not names:
        return "this order"
    return names[0] if len(names) == 1 else f"{names[0]} and {len(names) - 1} more"


def _leading(problem: Problem) -> Problem:
    """A compound problem is filed under its first part."""
    return problem.subproblems[0] if problem.subproblems else problem


def failed(authorizations: Iterable[Authorization]) -> IssuerRefused | None:
    """Return the refusal that failed authorisations amount to, if any failed: why, for each name.

    A look that failed, for whatever reason, is told from a proof that the CA held once and holds no more.
    """
    found = [item for item in authorizations if item.status not in {"pending", "valid", "processing"}]
    if not found:
        return None
    told = " ".join(map(_why_failed, found[:MOST_TOLD]))
    first = _error_of(found[0])
    code = _leading(first).code if first else ""
    reason = code if code in WORDS else "authorization_ended" if _has_ended(found[0]) else "validation_failed"
    return IssuerRefused(told, reason=reason, names=[item.name for item in found])


def _error_of(item: Authorization) -> Problem | None:
    return next((one.error for one in item.challenges if one.error), None)


def _has_ended(item: Authorization) -> bool:
    return item.status in ENDED and _error_of(item) is None


def _why_failed(item: Authorization) -> str:
    if _has_ended(item):
        return f"The CA does not hold {item.name} as proven any more (it says: {shown(item.status)}); apply again."
    return sentences(_error_of(item) or Problem(), (item.name,), PROOF_WORDS, FAILED)


def refusal_of(reply: Reply, *, now: datetime, names: Iterable[str] = ()) -> CertloomError:
    """Return what an answer that is not ok amounts to."""
    if reply.status < 400:
        return Outage(f"The CA answered {reply.status}; redirects are not followed.")
    problem = reply.problem()
    until = reply.come_again(now)
    if until is not None and until <= now:  # "at once" is no answer to a limit
        until = None
    limited = problem is not None and problem.code == "rateLimited"
    if limited or (until and reply.status in {429, 503}):
        detail = sentences(problem, names) if problem else "The CA wants to be left in peace for a while."
        return Later(detail, until=until or now + LIMIT_PAUSE, limit=limited)
    if problem is None or reply.status >= 500 or reply.status in {408, 425, 429} or problem.code in PASSING:
        said = shown(problem.detail) if problem else ""
        return Outage(f"The CA answered {reply.status}{f': “{said}”' if said else ''}.")
    return ProblemRefused(problem, status=reply.status, location=reply.location, names=names)
