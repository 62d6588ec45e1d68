"""What views tell of proofs beside the state: what the last looks found, and what the service publishes by itself."""

from collections import defaultdict
from collections.abc import Iterable, Sequence

from api.schemas.application import Key, Proofs, key_of, waits_for_proof
from certloom.domain.state import CertificateState
from certloom.domain.zone import DnsZone, closest
from certloom.storage.interface import Transaction
from certloom.storage.records import LookRecord


async def proofs_of(tables: Transaction, *states: CertificateState) -> Sequence[Proofs]:
    """Return what is known of each one's proofs, with three statements however many there are.

    Nothing is asked for those that nobody applied for, and who publishes is told only while somebody waits for it.
    """
    applied = [state.certificate_id for state in states if state.application]
    waiting = [state for state in states if waits_for_proof(state)]
    looks = await tables.looks.list(*applied) if applied else ()
    zones = await tables.zones.of_accounts({state.account_id for state in waiting}) if waiting else ()
    rows = await tables.published.standing([state.certificate_id for state in waiting]) if waiting else ()
    standing = {(row.certificate_id, row.record_name, row.value) for row in rows}
    ours = {state.certificate_id: frozenset(_ours(state, zones, standing)) for state in waiting}
    seen: dict[str, list[LookRecord]] = defaultdict(list)
    for look in looks:
        seen[look.certificate_id].append(look)
    return [Proofs.of(seen[state.certificate_id], ours.get(state.certificate_id)) for state in states]


async def proof_of(tables: Transaction, state: CertificateState) -> Proofs:
    """Return what is known of one's proofs."""
    (known,) = await proofs_of(tables, state)
    return known


def _ours(state: CertificateState, zones: Sequence[DnsZone], standing: set[tuple[str, str, str]]) -> Iterable[Key]:
    """Yield the challenges of which the record lies in a zone that we write, or was seen to lead to where it stands."""
    mine = [zone for zone in zones if zone.account_id == state.account_id]
    for one in state.application.challenges if state.application else ():
        zone = closest(mine, one.record_name or "")
        led = (state.certificate_id, one.record_name, one.record_value) in standing
        if zone.is_written if zone else led:
            yield key_of(one)
