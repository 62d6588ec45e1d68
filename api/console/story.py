"""All that a certificate's page shows, read in one transaction; what is long is shown in pages of its own."""

from collections.abc import Mapping, Sequence
from typing import Any, Final, NamedTuple

from api.case import Seen, reader
from api.certificates import Cursor
from api.console.zone_proof import Way, ways
from api.deployed import Shelf
from api.proof import proof_of
from api.schemas.certificate import CertificateView, certificate_view
from api.schemas.deployment import DeploymentView, deployment_view
from api.schemas.event import EventView, event_view
from api.schemas.issuance import LeafView, leaf_view
from api.schemas.refund import RefundQuoteView, quote_view
from certloom.domain.certificate import Action
from certloom.domain.target import Target
from certloom.keys.interface import ChainLink
from certloom.storage.interface import Transaction
from certloom.storage.records import Page, TargetRecord, TimelineEntry

EVENTS: Final = 50
DEPLOYMENTS: Final = 20
TARGETS: Final = 200
_NOTHING: Final[Page[TargetRecord]] = Page(items=())


class Turned(NamedTuple):
    """Which page of each long part is shown; None is the first."""

    events: str | None = None
    deployments: str | None = None
    targets: str | None = None


class Story(NamedTuple):
    """One certificate with all around it. `choice` are the targets to deploy to, `targets` all that are named."""

    view: CertificateView
    ways: tuple[Way, ...]  # of its challenges, in their order
    quote: RefundQuoteView
    leaves: tuple[LeafView, ...]
    chain: tuple[ChainLink, ...]
    deployments: tuple[DeploymentView, ...]
    events: tuple[EventView, ...]
    choice: tuple[Target, ...]
    targets: Mapping[str, Target]
    keeps_key: bool  # the customer's own CSR: there is no private key here
    turned: Turned
    more: Turned  # where the next page of each part begins


def turned(events: Cursor = None, deployments: Cursor = None, targets: Cursor = None) -> Turned:
    """Read it from the address."""
    return Turned(events, deployments, targets)


async def tell(seen: Seen, at: Turned = Turned()) -> Story:  # noqa: B008 - a value
    """Read everything; raises InvalidInput for a cursor that was not handed out."""
    who = reader(seen.services, seen.caller)
    async with seen.services.storage.read() as tables:
        state = await tables.certificates.get(seen.id) or seen.state
        view = certificate_view(state, await proof_of(tables, state), who)
        records = await tables.issuances.list(seen.id)
        events = await tables.certificates.timeline(seen.id, limit=EVENTS, cursor=at.events)
        deployments = await tables.deployments.of_certificate(seen.id, limit=DEPLOYMENTS, cursor=at.deployments)
        shelf = Shelf(tables)
        told = [deployment_view(await shelf.tell(record), who) for record in deployments.items]
        choice = await _choice(tables, view, at.targets)
        targets = await _named(tables, view, choice.items, events.items)
        led = await ways(tables, view, delegation=seen.services.delegation_zone)
    return Story(
        view=view,
        ways=led,
        quote=quote_view(state, seen.now),
        leaves=tuple(leaf_view(record, seen.now) for record in reversed(records)),
        chain=seen.services.credentials.read_chain(records[-1].chain_pem) if records else (),
        deployments=tuple(told),
        events=tuple(_with_names(event_view(entry), targets) for entry in events.items),
        choice=tuple(record.target for record in choice.items),
        targets=targets,
        keeps_key=bool(state.application and state.application.csr),
        turned=at,
        more=Turned(events.next_cursor, deployments.next_cursor, choice.next_cursor),
    )


async def _choice(tables: Transaction, view: CertificateView, cursor: str | None) -> Page[TargetRecord]:
    if Action.DEPLOY not in view.allowed_actions:
        return _NOTHING
    return await tables.targets.list(account_id=view.account_id, limit=TARGETS, cursor=cursor)


async def _named(
    tables: Transaction, view: CertificateView, choice: Sequence[TargetRecord], entries: Sequence[TimelineEntry]
) -> dict[str, Target]:
    """Return every target that the page names, forgotten ones too."""
    found = {record.target.id: record.target for record in choice}
    facts: list[Any] = [entry.fact for entry in entries]
    wanted = [place.target_id for place in view.placements] + [getattr(fact, "target_id", None) for fact in facts]
    for target_id in dict.fromkeys(wanted):
        if target_id and target_id not in found and (record := await tables.targets.get(target_id)):
            found[target_id] = record.target
    return found


def _with_names(event: EventView, targets: Mapping[str, Target]) -> EventView:
    """Put the names of targets where the API's sentences have their ids."""
    sentence = event.sentence
    for target in targets.values():
        sentence = sentence.replace(target.id, target.name)
    return event.model_copy(update={"sentence": sentence})
