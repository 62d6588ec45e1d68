"""Asks the endpoints of a certificate's targets, each where it can be reached, whether they still serve it."""

import asyncio
from collections import defaultdict

from temporalio import workflow
from temporalio.exceptions import ActivityError

from activities.watch import ServedAnswer, ServedQuestion, WatchActivities
from certloom.domain.certificate import CertificateStatus
from certloom.domain.rights import not_now
from certloom.domain.state import CertificateState
from workflows import options
from workflows.names import queue_of


async def require_unused(state: CertificateState) -> None:
    """Raise NotAllowedNow while a handshake finds the certificate served (DESIGN 2); who is away does not count."""
    if state.status is not CertificateStatus.ISSUED or not state.placements:
        return
    if found := await _still_served(state):
        more = f" And {len(found) - 1} more." if len(found) > 1 else ""
        detail = f"It is still in use: {found[0]}{more} Deploy another certificate there first."
        raise not_now(state, detail, code="in_use")


async def _still_served(state: CertificateState) -> list[str]:
    """Return a sentence per address that does; a host whose worker is away has none."""
    hosts: dict[str, list[str]] = defaultdict(list)
    for one in state.placements:
        hosts[one.host or ""].append(one.target_id)
    answers = await asyncio.gather(*(_ask(state.certificate_id, host, ids) for host, ids in sorted(hosts.items())))
    return [sentence for found in answers for sentence in found]


async def _ask(certificate_id: str, host: str, target_ids: list[str]) -> tuple[str, ...]:
    question = ServedQuestion(certificate_id=certificate_id, target_ids=tuple(target_ids))
    try:
        answer: ServedAnswer = await workflow.execute_activity_method(
            WatchActivities.still_served, question, summary="in use?", task_queue=queue_of(host or None), **options.ASK
        )
    except ActivityError:
        return ()
    return answer.found
