"""An operator's command: puts a new key before the old ones, re-seals what they sealed, and retires them.

Two calls, because running processes seal with the key they started with:

    python -m workers.rotate_keys customer            add a key, re-seal everything
    (restart API and workers)
    python -m workers.rotate_keys customer --retire   re-seal the rest, then drop the old keys

Both may be repeated after a crash at any moment: a file with several keys is a rotation under way.
"""

import argparse
import asyncio
import sys
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Final, get_args

from temporalio.client import Client

from certloom import wiring
from certloom.domain.errors import CertloomError, Refusal
from certloom.issuers.signing import account_identity, key_identity
from certloom.keys.interface import Sealer
from certloom.keys.keyring import add_key, read_key_file, retire_old_keys
from certloom.process import leave
from certloom.settings import PREFIX, BadSetting, Settings, read_settings
from certloom.storage.interface import Storage
from workers.temporal import connect

BATCH: Final = 100
RESTARTED_WITHIN: Final = timedelta(days=1)  # the operator's time to restart what still encrypts with the old key


class RotationRefused(Refusal):
    """An old key is still needed; nothing was dropped."""

    code = "rotation_refused"


async def reseal_secrets(storage: Storage, sealer: Sealer) -> int:
    """Seal customers' secrets anew that an old key sealed, in batches; return how many. May be called again.

    A secret that changed or vanished meanwhile is left alone: whoever changed it sealed it with the newest key, or
    the next call finds it.
    """
    count, after = 0, None
    while True:
        async with storage.begin() as tx:
            page = await tx.secrets.list(after=after, limit=BATCH)
            for ref, sealed in page:
                if not sealer.is_current(sealed):
                    count += await tx.secrets.replace(ref, old=sealed, new=_again(sealer, sealed, ref))
        if len(page) < BATCH:
            return count
        after = page[-1][0]


async def reseal_authorities(storage: Storage, sealer: Sealer) -> int:
    """Do the same for the CA's keys."""
    count = 0
    async with storage.begin() as tx:
        for authority in await tx.authorities.list():
            old = authority.sealed_key
            if not sealer.is_current(old):
                new = _again(sealer, old, key_identity(authority.id))
                count += await tx.authorities.reseal(authority.id, old=old, new=new)
    return count


async def reseal_acme_accounts(storage: Storage, sealer: Sealer) -> int:
    """Do the same for the keys of our accounts at CAs from outside."""
    count = 0
    async with storage.begin() as tx:
        for account in await tx.acme.accounts():
            old, place = account.sealed_key, (account.issuer, account.directory)
            if not sealer.is_current(old):
                new = _again(sealer, old, account_identity(*place))
                count += await tx.acme.reseal_account(*place, old=old, new=new)
    return count


async def refuse_while_needed(temporal: Client, *, added_at: datetime, now: datetime) -> None:
    """Raise RotationRefused while Temporal keeps a run whose payloads an old payload key may have encrypted.

    Payloads cannot be re-sealed: they go when a run has ended, at the latest at its next renewal, and was kept for as
    long as the namespace keeps closed runs.
    """
    safe_at = added_at + RESTARTED_WITHIN
    if now < safe_at:
        raise RotationRefused(f"The new payload key is younger than a day; come back after {safe_at:%Y-%m-%d %H:%M}.")
    found = await temporal.count_workflows(f'StartTime < "{safe_at.isoformat()}"')
    if found.count:
        raise RotationRefused(
            f"{found.count} workflow run(s) from before {safe_at:%Y-%m-%d %H:%M} UTC still need the old payload key; "
            f"a run ends at its certificate's next renewal and is kept for a while after."
        )


async def rotate(settings: Settings, kind: wiring.KeyKind, *, retire: bool) -> str:
    """Take one step of a rotation and say what was done; raises BadSetting, KeyringInvalid, RotationRefused, Outage."""
    path = wiring.key_file(settings, kind)
    if path is None:
        raise BadSetting(f"{PREFIX}{kind.upper()}_KEY_FILE is not set; only a key in a file can be rotated.")
    if not retire and len(read_key_file(path)) == 1:
        add_key(path)
    count = await (_payloads(settings, path, retire=retire) if kind == "payload" else _reseal(settings, kind))
    if not retire:
        return f"{path} has a new key, and {count} secret(s) were sealed anew. Restart API and workers, then --retire."
    return f"{count} secret(s) were sealed anew, and {retire_old_keys(path)} old key(s) dropped from {path}."


async def _reseal(settings: Settings, kind: wiring.KeyKind) -> int:
    storage = wiring.storage(settings)
    try:
        if kind == "issuer":
            sealer = wiring.issuer_sealer(settings)
            return await reseal_authorities(storage, sealer) + await reseal_acme_accounts(storage, sealer)
        return await reseal_secrets(storage, wiring.customer_sealer(settings))
    finally:
        await storage.close()


async def _payloads(settings: Settings, path: Path, *, retire: bool) -> int:
    if retire and len(read_key_file(path)) > 1:
        await refuse_while_needed(await connect(settings), added_at=_changed_at(path), now=datetime.now(UTC))
    return 0


def _changed_at(path: Path) -> datetime:
    return datetime.fromtimestamp(path.stat().st_mtime, UTC)


def _again(sealer: Sealer, sealed: bytes, identity: str) -> bytes:
    return sealer.seal(sealer.unseal(sealed, identity=identity), identity=identity)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command; 1 with one sentence on stderr when nothing could be done."""
    parser = argparse.ArgumentParser(prog="python -m workers.rotate_keys", description="Rotate a sealing key.")
    parser.add_argument("kind", choices=get_args(wiring.KeyKind), help="whose secrets: customers', the CA's, payloads")
    parser.add_argument("--retire", action="store_true", help="drop the old keys, once everything was restarted")
    options = parser.parse_args(arguments)
    try:
        done = asyncio.run(rotate(read_settings(), options.kind, retire=options.retire))
    except CertloomError as error:
        sys.stderr.write(f"certloom rotate_keys: {error.detail}\n")
        return 1
    sys.stdout.write(done + "\n")
    return 0


if __name__ == "__main__":
    leave(main())
