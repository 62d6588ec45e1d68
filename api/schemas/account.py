"""Accounts, their money and their API keys."""

from typing import Annotated, Literal

from pydantic import Field

from api.schemas.model import Form, Moment, Title, View
from certloom.domain.model import Utc
from certloom.domain.money import INT64_MAX, Currency, Money
from certloom.domain.role import Role
from certloom.storage.records import Account, ApiKey, LedgerLine


class AccountView(View):
    """An account with its prepaid balance."""

    id: str
    name: str
    currency: str
    created_at: Utc
    balance: Money


class AccountPage(View):
    """One page, newest first."""

    items: tuple[AccountView, ...]
    next_cursor: str | None


class AccountForm(Form):
    """A new tenant; the currency stays for ever."""

    name: Title
    currency: Currency


class LineView(View):
    """One line of a statement; `amount` is signed, in minor units."""

    at: Utc
    kind: str
    reference: str
    amount: int
    balance_after: int
    currency: str


class StatementPage(View):
    """One page, newest first."""

    items: tuple[LineView, ...]
    next_cursor: str | None


class DepositForm(Form):
    """Money that came in elsewhere; `reference` says where."""

    amount: Annotated[int, Field(ge=1, le=INT64_MAX, strict=True)]
    currency: Currency
    reference: Title


class DepositView(View):
    """A booked deposit, and the balance after it."""

    id: str
    account_id: str
    amount: Money
    reference: str
    balance: Money


class KeyForm(Form):
    """A new API key of an account."""

    role: Literal[Role.VIEWER, Role.MEMBER]
    label: Title
    expires_at: Moment | None = None


class OwnKeyForm(Form):
    """A further key for oneself; an operator may make operators' keys."""

    role: Role
    label: Title
    expires_at: Moment | None = None


class KeyView(View):
    """An API key without its secret."""

    id: str
    account_id: str | None
    role: Role
    label: str
    created_at: Utc
    expires_at: Utc | None
    revoked_at: Utc | None
    last_used_at: Utc | None


class NewKeyView(KeyView):
    """A new key. `secret` is the whole token, shown in this answer only; a repeated request gets null."""

    secret: str | None


class KeyList(View):
    """Keys, as they were made."""

    items: tuple[KeyView, ...]


def account_view(account: Account, balance: Money) -> AccountView:
    """Show an account."""
    return AccountView(**account.model_dump(), balance=balance)


def key_view(key: ApiKey) -> KeyView:
    """Show a key."""
    return KeyView(**key.model_dump(exclude={"hash"}))


def new_key_view(key: ApiKey, secret: str | None) -> NewKeyView:
    """Show a key just made."""
    return NewKeyView(**key.model_dump(exclude={"hash"}), secret=secret)


def line_view(line: LedgerLine) -> LineView:
    """Show a line."""
    return LineView(**line.model_dump())
