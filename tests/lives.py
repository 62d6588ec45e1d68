"""Builders of certificates in every stage of life, for tests of rules and workflows."""

from datetime import UTC, datetime, timedelta

from certloom.domain import fact as f
from certloom.domain.application import Application, Challenge, ValidationMethod
from certloom.domain.certificate import CertificateStatus, Origin
from certloom.domain.evolve import evolve
from certloom.domain.issuance import Issuance
from certloom.domain.key import KeyType
from certloom.domain.money import Money
from certloom.domain.product import Level, NameMode, Product, RefundPolicy
from certloom.domain.state import CertificateState
from certloom.domain.validity import not_after

NOW = datetime(2026, 11, 23, 12, 0, tzinfo=UTC)
PRICE = Money(amount=900, currency="EUR")


def product(
    *,
    level: Level = Level.DV,
    name_mode: NameMode = NameMode.SINGLE,
    max_names: int = 1,
    wildcards: bool = False,
    plan_days: int = 365,
    refund: RefundPolicy | None = None,
    price: Money = PRICE,
    issuer: str = "private",
) -> Product:
    return Product(
        id="test",
        issuer=issuer,
        title="Test",
        level=level,
        name_mode=name_mode,
        max_names=max_names,
        wildcards=wildcards,
        plan_days=plan_days,
        price=price,
        refund=refund or RefundPolicy(),
    )


def ordered(*, of: Product | None = None, certificate_id: str = "cert_1", at: datetime = NOW) -> CertificateState:
    return CertificateState(
        certificate_id=certificate_id,
        account_id="acct_1",
        origin=Origin.PURCHASED,
        created_at=at,
        updated_at=at,
        product=of or product(),
    )


def paid(*, of: Product | None = None, at: datetime = NOW) -> CertificateState:
    state = evolve(ordered(of=of, at=at), f.Ordered(at=at, method="balance"))
    return evolve(state, f.Paid(at=at, amount=(of or product()).price))


def application(*, names: tuple[str, ...] = ("www.example.com",), at: datetime = NOW) -> Application:
    return Application(
        id="appl_1",
        number=1,
        names=names,
        validation=ValidationMethod.DNS_01,
        key_type=KeyType.ECDSA_P256,
        opened_at=at,
        deadline=at + timedelta(days=7),
    )


def applied(*, of: Product | None = None, at: datetime = NOW) -> CertificateState:
    return evolve(paid(of=of, at=at), f.Applied(at=at, application=application(at=at)))


def proving(*, of: Product | None = None, at: datetime = NOW) -> CertificateState:
    challenge = Challenge(name="www.example.com", type=ValidationMethod.DNS_01, token="t", record_name="r")
    return evolve(applied(of=of, at=at), f.Prepared(at=at, order_ref="order_1", challenges=(challenge,)))


def issuing(*, of: Product | None = None, at: datetime = NOW) -> CertificateState:
    return evolve(proving(of=of, at=at), f.Proven(at=at))


def leaf(*, number: int = 1, at: datetime = NOW, ends: datetime | None = None) -> Issuance:
    return Issuance(
        number=number,
        serial=f"{number:x}",
        fingerprint_sha256="00" * 32,
        issuer="ecdsa",
        key_type=KeyType.ECDSA_P256,
        not_before=at,
        not_after=ends or not_after(at, at + timedelta(days=365)),
        issued_at=at,
    )


def issued(*, of: Product | None = None, at: datetime = NOW) -> CertificateState:
    sold = of or product()
    return evolve(issuing(of=of, at=at), f.Issued(at=at, issuance=leaf(at=at), plan_days=sold.plan_days))


def uploaded(*, at: datetime = NOW) -> CertificateState:
    state = CertificateState(
        certificate_id="cert_2",
        account_id="acct_1",
        origin=Origin.UPLOADED,
        created_at=at,
        updated_at=at,
        status=CertificateStatus.ISSUED,
    )
    return evolve(state, f.Uploaded(at=at, names=("up.example.com",), issuance=leaf(at=at)))
