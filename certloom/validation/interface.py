"""How control of a name is looked for, and what was seen instead; also CAA (RFC 8659)."""

from collections.abc import Sequence
from typing import Protocol

from certloom.domain.application import Challenge
from certloom.domain.model import Model


class Look(Model):
    """What one look at one challenge found. `seen` and `error` are sentences or values a customer may read.

    A refused address is named in `error`, but nothing that it answered is ever in `seen`.
    """

    name: str
    type: str
    token: str = ""  # of the challenge: a name may have several
    proven: bool
    seen: str | None = None
    error: str | None = None


class CaaVerdict(Model):
    """Whether CAA lets an issuer sign for a name; `detail` says which record forbids it, and where it stands."""

    name: str
    permitted: bool
    detail: str | None = None


class Validator(Protocol):
    """Looks from here, once; waiting and repeating are the workflow's."""

    async def look(self, challenge: Challenge) -> Look:
        """Look once, within 10 s. Never raises for what the other side does: that is the Look's error.

        May be called any number of times.
        """
        ...

    async def check_caa(
        self, names: Sequence[str], *, method: str, identities: Sequence[str], account: str | None = None
    ) -> Sequence[CaaVerdict]:
        """Climb the tree for each name (`*.` means issuewild); one verdict per name, in order.

        Addresses are permitted without a question: CAA is about domain names.
        `identities` are the domains by which records name the issuer; with none, every issue property forbids.
        `account` is the URI of the account that orders there; a record for another one forbids (RFC 8657 section 3).
        A lookup that fails is never permission: raises Outage when a name server does not answer.
        """
        ...
