"""The timeline of a certificate, in words."""

from api.schemas.model import View
from api.timeline import words
from certloom.domain.model import Utc
from certloom.storage.records import TimelineEntry


class EventView(View):
    """One version: when, who (`system`, `signal` or a key's id), what (a code), and the words."""

    version: int
    at: Utc
    who: str
    what: str
    sentence: str
    why: str | None
    next: str | None


class EventPage(View):
    """One page, newest first."""

    items: tuple[EventView, ...]
    next_cursor: str | None


def event_view(entry: TimelineEntry) -> EventView:
    """Put one recorded fact into words."""
    fact = entry.fact
    sentence, why, following = words(fact)
    return EventView(
        version=entry.version,
        at=fact.at,
        who=fact.actor,
        what=fact.kind,
        sentence=sentence,
        why=why,
        next=following,
    )
