"""How long the console takes to show its pages: a browser without a screen per role, one request at a time, in turn."""

import re
import time
from collections.abc import Mapping, Sequence
from typing import Final, NamedTuple

import httpx

from certloom.domain.errors import Outage
from tests.bench.reading import Path
from tests.bench.seeds import ACCOUNT, certificate_id, domain, target_id

WARM_UP: Final = 3  # requests of each page that do not count
BUDGET: Final = 0.150  # seconds, 95 of 100 requests
_STEP: Final = 7919  # a prime, so that requests wander over all rows
_FIELDS: Final = re.compile(r'name="(csrf|code)"[^>]*value="([^"]+)"')
_OLDER: Final = re.compile(r'href="([^"]+)" rel="next"')


class Timed(NamedTuple):
    """Seconds per request of one page."""

    page: str
    seconds: Sequence[float]


def customers(count: int) -> Mapping[str, Path]:
    """Return a customer's pages by name."""

    def one(number: int) -> str:
        return certificate_id(number * _STEP % count)

    return {
        "certificates, cards": lambda _: "/certificates?layout=cards",
        "certificates, list": lambda _: "/certificates?layout=list",
        "certificates, by name": lambda _: "/certificates?sort=name",
        "certificates, ending first": lambda _: "/certificates?group=issued&sort=expiry",
        "certificates, ending soon": lambda _: "/certificates?soon=yes",
        "certificates, one name": lambda n: f"/certificates?query={domain(n * _STEP % count)}",
        "certificates, 1 in 10": lambda n: f"/certificates?query=www{n % 9 + 1}",
        "certificates, nothing fits": lambda n: f"/certificates?query=nothing{n}",
        "certificate": lambda n: f"/certificates/{one(n)}",
        "certificate, revoke": lambda n: f"/certificates/{one(n)}?do=revoke",
        "certificate, deploy": lambda n: f"/certificates/{one(n)}?do=deploy",
        "overview": lambda _: "/overview",
        "purchase": lambda _: "/purchase",
        "purchase, confirm": lambda _: "/purchase?product=dv-single",
        "upload": lambda _: "/upload",
        "targets": lambda _: "/targets",
        "target": lambda n: f"/targets/{target_id(n % 100)}",
        "target, add": lambda _: "/targets/new?kind=alibaba_cdn",
        "account": lambda _: "/account",
    }


def operators(count: int) -> Mapping[str, Path]:
    """Return an operator's pages by name."""
    return {
        "overview": lambda _: "/overview",
        "reviews": lambda _: "/reviews",
        "certificates": lambda _: "/certificates?layout=list",
        "by name": lambda _: "/certificates?sort=name",
        "one name": lambda n: f"/certificates?query={domain(n * _STEP % count)}",
        "certificate": lambda n: f"/certificates/{certificate_id(n * _STEP % count)}",
        "targets": lambda _: "/targets",
        "accounts": lambda _: "/accounts",
        "account": lambda _: f"/accounts/{ACCOUNT}",
        "issuers": lambda _: "/issuers",
        "keys": lambda _: "/account",
    }


async def visit(api_url: str, tokens: tuple[str, str], *, count: int, requests: int) -> Sequence[Timed]:
    """Time the pages of a customer and of an operator, whose keys are *tokens*; raises when one is not shown."""
    member, operator = tokens
    return [
        *await _as_one(api_url, member, customers(count), requests),
        *await _as_one(api_url, operator, operators(count), requests, prefix="operator: "),
    ]


async def _as_one(
    api_url: str, token: str, pages: Mapping[str, Path], requests: int, *, prefix: str = ""
) -> list[Timed]:
    seconds: dict[str, list[float]] = {}
    async with httpx.AsyncClient(base_url=api_url, timeout=60, trust_env=False) as http:
        await _sign_in(http, token)
        last = await _older(http)
        pages = {**pages, "certificates, sixth page": lambda _: last}
        for number in range(WARM_UP + requests):
            for name, path in pages.items():
                began = time.perf_counter()
                answer = await http.get(path(number))
                took = time.perf_counter() - began
                if answer.status_code != httpx.codes.OK:
                    raise Outage(f"{path(number)} answered {answer.status_code}.")
                if number >= WARM_UP:
                    seconds.setdefault(name, []).append(took)
    return [Timed(prefix + name, taken) for name, taken in seconds.items()]


async def _sign_in(http: httpx.AsyncClient, token: str) -> None:
    """Follow a link as a browser does; the cookie stays in *http*."""
    made = await http.post("/v1/account/sign-in-codes", headers={"Authorization": f"Bearer {token}"})
    page = await http.get(f"/signin?code={made.raise_for_status().json()['code']}")
    answer = await http.post("/signin", data=dict(_FIELDS.findall(page.text)))
    if not answer.has_redirect_location:
        raise Outage(f"Signing in answered {answer.status_code}.")


async def _older(http: httpx.AsyncClient) -> str:
    """Turn some pages of the list, and return the address reached."""
    here = "/certificates?sort=name"
    for _ in range(5):
        found = _OLDER.search((await http.get(here)).text)
        here = found[1].replace("&amp;", "&") if found else here
    return here
