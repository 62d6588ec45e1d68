"""Which issuers the owner of a name permits: CAA by RFC 8659, its parameters by RFC 8657.

Judging is a pure function; only the climb asks DNS.
"""

import re
from collections.abc import Collection, Sequence
from dataclasses import dataclass

from certloom.domain.address import is_address
from certloom.net.interface import CaaRecord, Resolver
from certloom.validation.interface import CaaVerdict
from certloom.validation.shown import show_text

# Properties we know: for us the last four say nothing about certificates for servers (RFC 9495, BR appendix A).
_KNOWN = frozenset({"issue", "issuewild", "iodef", "issuemail", "contactemail", "contactphone"})
_WSP = " \t"
_LABEL = r"[A-Za-z0-9](?:-*[A-Za-z0-9])*"
_ISSUER = re.compile(rf"{_LABEL}(?:\.{_LABEL})*\Z")
_PARAMETER = re.compile(rf"({_LABEL})[ \t]*=[ \t]*([\x21-\x3a\x3c-\x7e]*)\Z")


@dataclass(frozen=True, slots=True)
class IssueProperty:
    """The value of one issue or issuewild property; an empty issuer permits nobody. Tags are in lower case."""

    issuer: str
    parameters: tuple[tuple[str, str], ...] = ()

    def values(self, tag: str) -> Sequence[str]:
        """Every value given for one parameter."""
        return [value for name, value in self.parameters if name == tag]


def read_issue(value: bytes) -> IssueProperty:
    """Read a value by the grammar of RFC 8659 section 4.2; a malformed one permits nobody, as that section says."""
    nobody = IssueProperty("")
    issuer, *rest = (part.strip(_WSP) for part in value.decode("latin-1").split(";"))
    if issuer and not _ISSUER.match(issuer):
        return nobody
    parameters: list[tuple[str, str]] = []
    for part in [] if rest == [""] else rest:
        match = _PARAMETER.match(part)
        if match is None:
            return nobody
        parameters.append((match[1].lower(), match[2]))
    return IssueProperty(issuer.lower(), tuple(parameters))


def why_forbidden(
    records: Sequence[CaaRecord],
    *,
    wildcard: bool,
    method: str,
    identities: Collection[str],
    account: str | None = None,
) -> str | None:
    """Judge one relevant record set: None when it permits us, else the reason as half a sentence.

    `account` is the URI of the account that orders (RFC 8657 section 3); None where none is known.
    """
    if unknown := _unknown(records):
        return f"its critical property {show_text(unknown.tag)} is unknown to us"
    applicable = _applicable(records, wildcard=wildcard)
    if not applicable:
        return None
    reasons = [_why_not(read_issue(record.value), method, identities, account) for record in applicable]
    if None in reasons:
        return None
    told = next((reason for reason in reasons if reason != _NOT_US), None)
    listed = ", ".join(f"{record.tag} {show_text(record.value.decode('latin-1'))}" for record in applicable[:5])
    return told or f"it permits only others: {listed}"


_NOT_US = "it does not name us"


def _unknown(records: Sequence[CaaRecord]) -> CaaRecord | None:
    return next((record for record in records if record.critical and record.tag.lower() not in _KNOWN), None)


def _applicable(records: Sequence[CaaRecord], *, wildcard: bool) -> list[CaaRecord]:
    """RFC 8659 section 4.3: for a wildcard, issuewild properties, when there are any, replace the issue ones."""
    wild = [record for record in records if record.tag.lower() == "issuewild"]
    plain = [record for record in records if record.tag.lower() == "issue"]
    return wild if wildcard and wild else plain


def _why_not(issue: IssueProperty, method: str, identities: Collection[str], account: str | None) -> str | None:
    if issue.issuer not in {identity.lower() for identity in identities}:
        return _NOT_US
    accounts = issue.values("accounturi")
    if accounts and accounts != [account]:  # two of them permit nobody (RFC 8657 section 3)
        ours = f", and ours is {show_text(account)}" if account else ""
        return f"it permits only the account that its accounturi names{ours}"
    methods = issue.values("validationmethods")
    if len(methods) > 1:
        return "it lists validationmethods twice"
    if methods and method not in methods[0].split(","):
        return f"its validationmethods do not list {method}"
    return None


class CaaClimb:
    """One check of several names; names under the same parents share what was already asked.

    `above` is asked about what stands above a name, and may remember for a while that there is nothing; about the name
    itself `resolver` is.
    """

    def __init__(
        self, resolver: Resolver, identities: Collection[str], *, above: Resolver, account: str | None = None
    ) -> None:
        self._resolver = resolver
        self._above = above
        self._account = account
        self._identities = tuple(identities)
        self._at: dict[str, tuple[CaaRecord, ...]] = {}
        self._over: dict[str, tuple[CaaRecord, ...]] = {}

    async def check(self, name: str, *, method: str) -> CaaVerdict:
        """Return the verdict for one name; raises Outage when a lookup on the way up fails.

        CAA is about domain names: no record speaks of an address (RFC 8659 section 3).
        """
        if is_address(name):
            return CaaVerdict(name=name, permitted=True)
        base = name.removeprefix("*.")
        where, records = await self._relevant(base)
        wildcard = base != name
        reason = why_forbidden(
            records, wildcard=wildcard, method=method, identities=self._identities, account=self._account
        )
        if reason is None:
            return CaaVerdict(name=name, permitted=True)
        advice = self._advice(where, records, wildcard=wildcard)
        detail = f"The CAA record at {where} forbids us to issue for {name}: {reason}.{advice}"
        return CaaVerdict(name=name, permitted=False, detail=detail)

    async def _relevant(self, name: str) -> tuple[str, tuple[CaaRecord, ...]]:
        """RFC 8659 section 3: the first non-empty set between the name and its top label; never an alias's parents."""
        where = name.rstrip(".").lower()
        records = await _once(self._at, where, self._resolver)
        while not records and "." in where:
            where = where.partition(".")[2]
            known = self._at if where in self._at else self._over
            records = await _once(known, where, self._above)
        return where if records else name, records

    def _advice(self, where: str, records: Sequence[CaaRecord], *, wildcard: bool) -> str:
        """Say which line permits the issuer; beside an unknown critical property none does."""
        applicable = _applicable(records, wildcard=wildcard)
        if not self._identities or _unknown(records) or not applicable:
            return ""
        return f' To permit us, add there: {where}. CAA 0 {applicable[0].tag.lower()} "{self._identities[0]}"'


async def _once(asked: dict[str, tuple[CaaRecord, ...]], where: str, resolver: Resolver) -> tuple[CaaRecord, ...]:
    if where not in asked:
        asked[where] = (await resolver.caa(where)).records
    return asked[where]
