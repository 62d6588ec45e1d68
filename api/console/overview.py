"""/overview: what is about to end, what was issued, what failed and what needs a person; for operators over all."""

from collections import Counter
from collections.abc import Mapping, Sequence
from datetime import date, timedelta
from itertools import pairwise
from typing import Final, NamedTuple

from fastapi import APIRouter, Request
from starlette.responses import Response

from api.auth import AnyCaller, Caller
from api.case import AnyServices, reader
from api.console.page import show
from api.console.plots import Columns, Row, columns, rows
from api.console.route import PageRoute
from api.console.words import called, plain
from api.schemas.application import Proofs
from api.schemas.certificate import CertificateView, certificate_view
from api.services import Services
from certloom.domain.certificate import CertificateStatus
from certloom.domain.deployment import DeploymentState
from certloom.domain.role import Role
from certloom.domain.tally import TallyKind
from certloom.storage.records import DayTally

router = APIRouter(route_class=PageRoute)

WEEKS: Final = 12
DAYS: Final = 30
MOST: Final = 20  # certificates in the list of those that need somebody
_OVER: Final = frozenset({CertificateStatus.CANCELLED, CertificateStatus.DELETED})

FAILURES: Final[Mapping[TallyKind, str]] = {
    TallyKind.PAYMENT_DECLINED: "Payment declined",
    TallyKind.REFUSED: "Application refused",
    TallyKind.NOT_PROVEN: "Not proven in time",
    TallyKind.RENEWAL_FAILED: "Renewal refused",
    TallyKind.DEPLOYMENT_FAILED: "Deployment failed",
}
_DETAILS: Final[Mapping[str, str]] = {
    DeploymentState.ROLLED_BACK: "what was there before was put back",
    DeploymentState.FAILED: "what was there before could not be proven either",
    "caa": "a CAA record forbids it",
    "rejected": "by an operator",
}


class Overview(NamedTuple):
    """All that the page shows; `reviews` is None for customers."""

    certificates: int
    reviews: int | None
    expiring: Columns
    issued: Columns
    failures: tuple[Row, ...]
    troubled: tuple[CertificateView, ...]
    more: bool


@router.get("/overview")
async def read_overview(request: Request, services: AnyServices, caller: AnyCaller) -> Response:
    """Show one's own, or all accounts' for operators."""
    return show(request, "overview.html", overview=await _count(services, caller), most=MOST)


async def _count(services: Services, caller: Caller) -> Overview:
    now, mine = services.clock(), caller.account_id
    moments = [now + timedelta(weeks=number) for number in range(WEEKS + 1)]
    since = now.date() - timedelta(days=DAYS - 1)
    async with services.storage.read() as tables:
        ask = tables.overview
        ends = await ask.expiring(mine, moments)
        tallies = await ask.tallies(mine, since=since)
        troubled = await ask.in_trouble(mine, limit=MOST + 1)
        reviews = await ask.reviews_waiting() if caller.role is Role.OPERATOR else None
        statuses = await tables.certificates.summary(mine)
    weeks = [_week(begin.date(), end.date()) for begin, end in pairwise(moments)]
    who = reader(services, caller)
    return Overview(
        certificates=sum(count for status, count in statuses.items() if status not in _OVER),
        reviews=reviews,
        expiring=columns(list(zip(weeks, ends, strict=True))),
        issued=columns(_issued(tallies, since)),
        failures=_failures(tallies),
        troubled=tuple(certificate_view(state, Proofs(), who) for state in troubled[:MOST]),
        more=len(troubled) > MOST,
    )


def _week(begin: date, end: date) -> str:
    return f"{_day(begin)} to {_day(end)}"


def _day(day: date) -> str:
    return f"{day.day} {day:%b}"


def _issued(tallies: Sequence[DayTally], since: date) -> list[tuple[str, int]]:
    """Count per day; days on which nothing was issued are there too."""
    found: Counter[date] = Counter()
    for one in tallies:
        if one.kind is TallyKind.ISSUED:
            found[one.day] += one.count
    days = (since + timedelta(days=number) for number in range(DAYS))
    return [(_day(day), found[day]) for day in days]


def _failures(tallies: Sequence[DayTally]) -> tuple[Row, ...]:
    found: Counter[tuple[TallyKind, str]] = Counter()
    for one in tallies:
        if one.kind in FAILURES:
            found[one.kind, one.cause] += one.count
    return rows([(FAILURES[kind], _detail(kind, cause), count) for (kind, cause), count in found.items()])


def _detail(kind: TallyKind, cause: str) -> str:
    words = _DETAILS.get(cause, plain(cause))
    return "" if words == kind or called(words) == FAILURES[kind] else words
