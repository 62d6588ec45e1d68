"""What the catalogue sells. A certificate keeps the product as it was on the day of purchase."""

from collections.abc import Sequence
from datetime import timedelta
from enum import StrEnum
from typing import Annotated

from pydantic import Field

from certloom.domain.address import is_address
from certloom.domain.errors import FieldFault
from certloom.domain.model import Model
from certloom.domain.money import Money


class Level(StrEnum):
    """How much about the subject is verified (CA/B Forum)."""

    DV = "DV"
    OV = "OV"
    EV = "EV"


class NameMode(StrEnum):
    """How many names, and which kind, one certificate may hold."""

    SINGLE = "single"
    WILDCARD = "wildcard"  # *.name, with or without the name itself
    MULTI_DOMAIN = "multi_domain"


class RefundClock(StrEnum):
    """What starts the refund window."""

    ISSUANCE = "issuance"
    PAYMENT = "payment"


class RefundPolicy(Model):
    """Full refund within `days` (of 86 400 s) after the clock's start, nothing after; 0 days means never."""

    days: Annotated[int, Field(ge=0, le=366)] = 30
    clock: RefundClock = RefundClock.ISSUANCE

    @property
    def window(self) -> timedelta:
        """The refund window as a duration."""
        return timedelta(days=self.days)


class Product(Model):
    """One line of the catalogue."""

    id: Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9-]{0,62}$")]
    title: Annotated[str, Field(min_length=1, max_length=100)]
    level: Level
    name_mode: NameMode
    max_names: Annotated[int, Field(ge=1, le=200)] = 1
    wildcards: bool = False
    addresses: bool = False  # IP addresses beside DNS names (RFC 8738), where the issuer signs them
    issuer: str = "private"
    plan_days: Annotated[int, Field(ge=1, le=1825)] = 365
    price: Money
    refund: RefundPolicy = RefundPolicy()

    @property
    def plan_length(self) -> timedelta:
        """How long the plan runs, from the first issuance."""
        return timedelta(days=self.plan_days)

    @property
    def reviewed(self) -> bool:
        """Whether an operator must approve the organisation."""
        return self.level is not Level.DV


class Catalogue(Model):
    """All products on sale; ids are unique."""

    items: tuple[Product, ...]

    def find(self, product_id: str) -> Product | None:
        """Return the product, or None if it is not on sale."""
        return next((item for item in self.items if item.id == product_id), None)


def name_faults(product: Product, names: Sequence[str]) -> list[FieldFault]:
    """Check well-formed names against what the product covers; empty when all is well."""
    faults = [fault for index, name in enumerate(names) if (fault := _kind_fault(product, index, name))]
    if not names:
        faults.append(_fault("/names", "names_missing", "Give at least one name."))
    if len(set(names)) != len(names):
        faults.append(_fault("/names", "names_repeated", "A name is given twice; give each once."))
    return faults + _count_faults(product, names)


def _kind_fault(product: Product, index: int, name: str) -> FieldFault | None:
    if is_address(name) and not product.addresses:
        detail = f"{product.title} does not cover IP addresses such as {name}; buy a DV product that says it does."
        return _fault(f"/names/{index}", "address_not_covered", detail)
    wants = name.startswith("*.")
    if wants and product.name_mode is not NameMode.WILDCARD and not product.wildcards:
        detail = f"{product.title} does not cover wildcard names such as {name}; buy a wildcard product."
        return _fault(f"/names/{index}", "wildcard_not_covered", detail)
    return None


def _count_faults(product: Product, names: Sequence[str]) -> list[FieldFault]:
    if product.name_mode is NameMode.WILDCARD:
        stars = [name for name in names if name.startswith("*.")]
        rest = [name for name in names if not name.startswith("*.")]
        if len(stars) != 1 or rest not in ([], [stars[0][2:]]):
            detail = f"{product.title} covers one wildcard name and, if wanted, the name under its star."
            return [_fault("/names", "names_not_covered", detail)]
    elif len(names) > product.max_names:
        detail = f"{product.title} covers {product.max_names} name(s), and {len(names)} were given."
        return [_fault("/names", "too_many_names", detail)]
    return []


def _fault(pointer: str, code: str, detail: str) -> FieldFault:
    return FieldFault(pointer=pointer, code=code, detail=detail)
