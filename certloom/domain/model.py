"""The one base of all messages, facts and states: frozen, strict about names, cheap to serialise."""

from datetime import UTC, datetime
from typing import Annotated

from pydantic import AfterValidator, AwareDatetime, BaseModel, ConfigDict


class Model(BaseModel):
    """A value: equal by content, changed only by copying, unknown fields refused."""

    model_config = ConfigDict(frozen=True, extra="forbid")


def _in_utc(moment: datetime) -> datetime:
    try:
        return moment.astimezone(UTC)
    except OverflowError as error:  # the first and last hours of the calendar, in some zones
        raise ValueError("this moment cannot be told in UTC") from error


Utc = Annotated[AwareDatetime, AfterValidator(_in_utc)]
"""A moment with a time zone, kept in UTC; naive datetimes are refused at the door."""
