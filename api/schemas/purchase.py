"""Buying a certificate, and naming it."""

from typing import Annotated

from pydantic import StringConstraints

from api.schemas.model import Form, Label


class PaymentForm(Form):
    """How to pay: `balance` is the prepaid one."""

    method: Annotated[str, StringConstraints(max_length=40)]


class PurchaseForm(Form):
    """One product of the catalogue."""

    product: Annotated[str, StringConstraints(max_length=63)]
    label: Label | None = None
    payment: PaymentForm


class LabelForm(Form):
    """The customer's own label; null takes it away."""

    label: Label | None
