"""What an application brings that must stay out of Temporal: contact, organisation, CSR, operators' notes."""

from collections.abc import Callable
from datetime import datetime

from sqlalchemy import bindparam, delete, select, union
from sqlalchemy.ext.asyncio import AsyncConnection

from certloom.storage.records import Draft
from certloom.storage.rows import changed, insert_once, one
from certloom.storage.tables import drafts, issuances, review_notes

_ONE = select(drafts).where(drafts.c.id == bindparam("the_id"))


class SqlDraftTable:
    """DraftTable on one connection; `on_erase` is told when bytes were dropped that no file may keep."""

    def __init__(self, connection: AsyncConnection, on_erase: Callable[[], None]) -> None:
        self._connection = connection
        self._on_erase = on_erase

    async def put(self, draft: Draft) -> None:
        """Insert; the same id again is left as it is."""
        await insert_once(self._connection, drafts, dict(draft))

    async def get(self, draft_id: str) -> Draft | None:
        """Return it."""
        return await one(self._connection, _ONE, Draft, {"the_id": draft_id})

    async def destroy(self, certificate_id: str) -> int:
        """Delete every form, CSR and note of a certificate; return how many drafts there were."""
        self._on_erase()
        forms = select(drafts.c.id).where(drafts.c.certificate_id == certificate_id)
        signed = select(issuances.c.application_id).where(issuances.c.certificate_id == certificate_id)
        notes = review_notes.c.application_id.in_(union(forms, signed))
        await self._connection.execute(delete(review_notes).where(notes))
        return await changed(self._connection, delete(drafts).where(drafts.c.certificate_id == certificate_id))

    async def add_note(self, *, application_id: str, note: str, actor: str, at: datetime) -> None:
        """Keep a note; the same actor's at the same moment is the same note, sent again."""
        row = {"application_id": application_id, "at": at, "actor": actor, "note": note}
        await insert_once(self._connection, review_notes, row)
