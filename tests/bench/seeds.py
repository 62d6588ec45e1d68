"""Certificates put straight into storage, in the mixture of a shop, for an account of their own."""

import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Final

from certloom.domain import fact as f
from certloom.domain.application import Application
from certloom.domain.fact import Entry
from certloom.domain.product import Level
from certloom.domain.role import Role
from certloom.domain.state import CertificateState
from certloom.domain.target import PROVE_WITHIN, Endpoint, NginxSettings, Target, TargetKind
from certloom.storage.interface import Storage
from certloom.storage.records import Account
from tests.lives import issued, paid, product, proving, uploaded
from workers.seed import api_key_row, new_api_key

ACCOUNT: Final = "acct_shop"
TARGETS: Final = 100
REVIEWING: Final = "reviewing"
_REVIEW_EVERY: Final = 400  # certificates
BATCH: Final = 500  # rows per transaction
_MIXTURE: Final = (*["issued"] * 16, "paid", "proving", "uploaded", "uploaded")


async def open_shop(storage: Storage) -> tuple[str, str]:
    """Make the account with its targets; return an API key of it, and an operator's."""
    now = datetime.now(UTC)
    member, operator = (new_api_key()[1] for _ in range(2))
    async with storage.begin() as tables:
        await tables.accounts.add(Account(id=ACCOUNT, name="Shop", currency="EUR", created_at=now))
        for token, account_id, role in ((member, ACCOUNT, Role.MEMBER), (operator, None, Role.OPERATOR)):
            key = api_key_row(token, account_id=account_id, role=role, label="bench", now=now)
            await tables.accounts.add_key(key)
        for number in range(TARGETS):
            await tables.targets.add(_target(number, now))
    return member, operator


async def fill_shop(storage: Storage, count: int, tell: Callable[[int], None]) -> float:
    """Write *count* certificates; return the seconds it took. *tell* hears how many there are."""
    began = time.perf_counter()
    now = datetime.now(UTC)
    stages = _stages(now)
    for start in range(0, count, BATCH):
        end = min(start + BATCH, count)
        async with storage.begin() as tables:
            for number in range(start, end):
                kinds = stages[REVIEWING if number % _REVIEW_EVERY == 0 else _MIXTURE[number % len(_MIXTURE)]]
                state = _named(
                    kinds[number // len(_MIXTURE) % len(kinds)], number, now - timedelta(seconds=count - number)
                )
                await tables.certificates.write(state, _entries(state))
        tell(end)
    return time.perf_counter() - began


def _stages(now: datetime) -> dict[str, list[CertificateState]]:
    """Return states by kind; issued ones end from today on, as those of a shop do."""
    begun = [now - timedelta(days=days) for days in range(0, 190, 5)]
    reviewed = product(level=Level.OV)
    return {
        "issued": [issued(at=at) for at in begun],
        "paid": [paid(at=now)],
        "proving": [proving(at=now)],
        "uploaded": [uploaded(at=at) for at in begun],
        REVIEWING: [proving(of=reviewed, at=now)],
    }


def _entries(state: CertificateState) -> list[Entry]:
    """Return what the timeline has of it: its newest leaf, which the overview counts."""
    leaf = state.issuances[-1] if state.issuances else None
    if leaf is None or state.product is None:
        return []
    fact = f.Issued(at=leaf.not_before, issuance=leaf, plan_days=state.product.plan_days)
    return [Entry(version=state.version, fact=fact)]


def _target(number: int, at: datetime) -> Target:
    settings = NginxSettings(host="bench", folder=f"/etc/nginx/tls/{number}")
    return Target(
        id=target_id(number),
        account_id=ACCOUNT,
        name=f"Web server {number}",
        settings=settings,
        endpoints=(Endpoint(host=domain(number)),),
        prove_within=PROVE_WITHIN[TargetKind.NGINX],
        created_at=at,
    )


def target_id(number: int) -> str:
    return f"tgt_shop{number}"


def certificate_id(number: int) -> str:
    return f"cert_shop{number}"


def domain(number: int) -> str:
    return f"www{number}.shop.example.com"


def _named(stage: CertificateState, number: int, at: datetime) -> CertificateState:
    names = (domain(number),)
    application = _applied(stage.application, names) if stage.application else None
    changes = {
        "certificate_id": certificate_id(number),
        "account_id": ACCOUNT,
        "created_at": at,
        "label": f"shop {number}",
        "application": application,
        "uploaded_names": names if stage.uploaded_names else (),
    }
    return stage.model_copy(update=changes)


def _applied(application: Application, names: tuple[str, ...]) -> Application:
    """Write it for other names, with challenges as an issuer gives them."""
    record = {"name": names[0], "record_name": f"_acme-challenge.{names[0]}", "record_value": "v" * 43}
    challenges = tuple(one.model_copy(update=record) for one in application.challenges)
    return application.model_copy(update={"names": names, "challenges": challenges})
