"""What the list of certificates shows: which of them, in which order, and the addresses of its other faces."""

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Annotated, Any, Final, NamedTuple
from urllib.parse import urlencode

from fastapi import Query

from api.certificates import Search
from api.console.words import GROUPS, STATUSES
from certloom.domain.certificate import GROUPS as GROUP_OF
from certloom.domain.certificate import CertificateStatus, Group
from certloom.storage.records import Sort

SOON: Final = timedelta(days=30)
SORTS: Final[Mapping[Sort, str]] = {
    Sort.NEWEST: "Newest first",
    Sort.NAME: "By name",
    Sort.EXPIRY: "Ending first",
}
_PARTS: Final = (CertificateStatus.PAID, CertificateStatus.PENDING_VERIFICATION, CertificateStatus.REVOKED)  # of orders
_ORDER: Final = (Group.UNPAID, Group.ORDERED, Group.ISSUED, Group.EXPIRED, Group.CLOSED)


class Counts(NamedTuple):
    """How many certificates there are per status, and how many of those in force end soon."""

    statuses: Mapping[CertificateStatus, int]
    soon: int

    def of(self, group: Group) -> int:
        """How many are in a group."""
        return sum(count for status, count in self.statuses.items() if GROUP_OF[status] is group)


class Tab(NamedTuple):
    """One choice: its name and how many there are, where it is shown, and the finer choices below it."""

    name: str
    size: int
    address: str
    chosen: bool
    parts: tuple["Tab", ...] = ()


class Listing(NamedTuple):
    """What is asked for; `sort` None is the usual order of what is shown."""

    group: Group | None = None
    status: CertificateStatus | None = None
    soon: bool = False
    query: str = ""
    sort: Sort | None = None

    @property
    def order(self) -> Sort:
        """The order that counts; what ends soon is shown by its end."""
        return self.sort or (Sort.EXPIRY if self.soon else Sort.NEWEST)

    @property
    def narrowed(self) -> bool:
        """Whether anything is left out."""
        return bool(self.group or self.status or self.soon or self.query)

    def filters(self, now: datetime) -> dict[str, Any]:
        """Return what storage is asked for."""
        found: dict[str, Any] = {"group": self.group, "status": self.status, "query": self.query or None}
        if self.soon:
            found |= {"status": CertificateStatus.ISSUED, "expires_before": now + SOON}
        return {**found, "sort": self.order}

    def fields(self) -> dict[str, str]:
        """Return what an address carries; the search's form takes it along."""
        told = {"group": self.group, "status": self.status, "soon": "yes" if self.soon else "", "sort": self.sort}
        return {name: str(value) for name, value in told.items() if value}

    def address(self, **more: str | None) -> str:
        """Return where it is shown."""
        given = {**self.fields(), "query": self.query, **more}
        query = urlencode({name: value for name, value in given.items() if value})
        return f"/certificates?{query}" if query else "/certificates"

    def tabs(self, counts: Counts) -> list[Tab]:
        """Return the choices: all that is not deleted, each group, and what ends soon beside what is in force."""
        kept = sum(count for status, count in counts.statuses.items() if status is not CertificateStatus.DELETED)
        found = [self._tab("All", kept, Listing())]
        for group in _ORDER:
            found.append(self._tab(GROUPS[group], counts.of(group), Listing(group), self._parts(group, counts)))
            if group is Group.ISSUED:
                found.append(self._tab("Expiring soon", counts.soon, Listing(soon=True)))
        return found

    def _parts(self, group: Group, counts: Counts) -> tuple[Tab, ...]:
        shown = _PARTS if group is Group.ORDERED else ()
        return tuple(self._tab(STATUSES[one], counts.statuses[one], Listing(status=one)) for one in shown)

    def _tab(self, name: str, size: int, wanted: "Listing", parts: tuple[Tab, ...] = ()) -> Tab:
        chosen = wanted == self._replace(query="", sort=None)
        return Tab(name, size, wanted._replace(query=self.query, sort=self.sort).address(), chosen, parts)


def listing(
    *,
    group: Annotated[Group | None, Query()] = None,
    status: CertificateStatus | None = None,
    soon: bool = False,
    query: Search = None,
    sort: Sort | None = None,
) -> Listing:
    """Read it from the address."""
    return Listing(group, status, soon, query or "", sort)
