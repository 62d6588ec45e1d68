"""Names that several of our accounts want at somebody else's CA: each proves them with a token of its own, too.

To such a CA all our accounts are one customer. It may hold a name as proven, or share a challenge, because another
account of ours proved it; without a second proof that account's neighbour would get a certificate for its name.
"""

import secrets
from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Final

from certloom.domain.address import host_in_url
from certloom.domain.application import Challenge, ValidationMethod
from certloom.storage.interface import Transaction

REMEMBERED: Final = timedelta(days=400)  # longer than any CA holds a name as proven (BR 4.2.1)
RECORD_LABEL: Final = "_acme-challenge"  # where the CA's own proof stands: who may write that one may write this one
FILE_PATH: Final = "/.well-known/certloom-challenge"
TOKEN_BYTES: Final = 32


def bases(names: Sequence[str]) -> tuple[str, ...]:
    """Return the names without their stars, once each."""
    return tuple(dict.fromkeys(name.removeprefix("*.") for name in names))


async def want(tx: Transaction, issuer: str, account_id: str, names: Sequence[str], *, now: datetime) -> None:
    """Note who orders; to be committed before the CA hears of it, so that whoever comes later sees it."""
    await tx.contests.want(issuer, account_id, bases(names), now)


async def own_challenges(
    tx: Transaction, issuer: str, account_id: str, names: Sequence[str], method: ValidationMethod, *, now: datetime
) -> tuple[Challenge, ...]:
    """Return what this account has to publish besides, for the names that another one wants as well."""
    contested = await tx.contests.contested(issuer, account_id, bases(names), since=now - REMEMBERED)
    wanted = [name for name in bases(names) if name in contested]
    if not wanted:
        return ()
    tokens = await tx.tokens.keep(account_id, {name: secrets.token_urlsafe(TOKEN_BYTES) for name in wanted})
    return tuple(own_challenge(name, method, tokens[name]) for name in wanted)


async def lacking(
    tx: Transaction, issuer: str, account_id: str, names: Sequence[str], shown: Sequence[Challenge], *, now: datetime
) -> bool:
    """Whether somebody else has come to want a name since its challenges were made, so that it needs another one."""
    contested = await tx.contests.contested(issuer, account_id, bases(names), since=now - REMEMBERED)
    own = {challenge.name for challenge in shown if challenge.own}
    return not contested <= own


def own_challenge(name: str, method: ValidationMethod, token: str) -> Challenge:
    """Return the account's own challenge for one name."""
    if method is ValidationMethod.DNS_01:
        record = f"{RECORD_LABEL}.{name}"
        return Challenge(name=name, type=method, token=token, record_name=record, record_value=token, own=True)
    url = f"http://{host_in_url(name)}{FILE_PATH}/{token}"
    return Challenge(name=name, type=method, token=token, url=url, content=token, own=True)
