"""Making and revoking API keys: what account.py and accounts.py share about them."""

from starlette.responses import Response

from api.auth import Caller, make_key
from api.case import say
from api.idempotency import Once
from api.schemas.account import KeyForm, OwnKeyForm, new_key_view
from api.services import Services
from certloom.domain.errors import FieldFault, InvalidInput, NotFound
from certloom.storage.records import ApiKey


async def issue_key(
    services: Services, caller: Caller, once: Once, form: KeyForm | OwnKeyForm, *, account_id: str | None
) -> Response:
    """Make a key and show its secret this once; a repetition shows the same key with `secret: null`."""
    now = services.clock()
    if form.expires_at and form.expires_at <= now:
        detail = "The key would have expired already."
        raise InvalidInput([FieldFault(pointer="/expires_at", code="in_the_past", detail=detail)])
    key_id = f"key{once.token}"
    made = make_key(key_id)
    key = ApiKey(
        id=key_id,
        account_id=account_id,
        role=form.role,
        label=form.label,
        hash=made.hash,
        created_at=now,
        expires_at=form.expires_at,
    )
    async with services.storage.begin() as tables:
        earlier = await tables.accounts.get_key(key_id)
        if earlier is None:
            await tables.accounts.add_key(key)
            await tables.audit.add(
                at=now, actor=caller.key_id, action="key.create", account_id=account_id, subject=key_id
            )
    once.kept = new_key_view(earlier or key, None).model_dump_json()
    return say(new_key_view(earlier or key, None if earlier else made.token), 201)


async def end_key(services: Services, caller: Caller, key_id: str, *, account_id: str | None) -> Response:
    """Revoke a key of that account (None: an operator's); raises NotFound for any other's."""
    now = services.clock()
    async with services.storage.begin() as tables:
        key = await tables.accounts.get_key(key_id) if key_id.isalnum() else None
        if key is None or key.account_id != account_id:
            raise NotFound("There is no such key.")
        if await tables.accounts.revoke_key(key_id, now):
            await tables.audit.add(
                at=now, actor=caller.key_id, action="key.revoke", account_id=account_id, subject=key_id
            )
    return Response(status_code=204)
