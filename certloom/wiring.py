"""The one file that names concrete adapters: every process builds here what it runs on.

Imports stand inside the functions, so that a process loads only what it uses: the API neither the lint rules of the
CA nor its key.
"""

from collections.abc import Mapping, Sequence
from datetime import datetime
from ipaddress import ip_network
from pathlib import Path
from typing import TYPE_CHECKING, Final, Literal, get_args

from certloom.catalogue import read_catalogue
from certloom.domain.product import Catalogue
from certloom.issuers.interface import Issuer, PublishedFiles
from certloom.keys.interface import Bundler, Credentials, KeyMaker, Sealer
from certloom.keys.keyring import FileKeyring, Keyring, parse_keyring
from certloom.payments.interface import Balances, PaymentMethod
from certloom.settings import PREFIX, BadSetting, Settings
from certloom.storage.interface import Storage
from certloom.targets.interface import Prover, TargetRefused, Targets
from certloom.validation.interface import Validator

if TYPE_CHECKING:
    from temporalio.client import Client
    from temporalio.converter import DataConverter, PayloadCodec

    from certloom.dns.interface import Authorities, DelegationZone, DnsProviders
    from certloom.net.interface import Dialer, Resolver, ZoneResolver
    from certloom.targets.allowed import AllowedTargets

PRIVATE: Final = "private"  # our own CA, by the name that products use
KeyKind = Literal["customer", "issuer", "payload"]


def key_file(settings: Settings, kind: KeyKind) -> Path | None:
    """Return the file of one of the service's three keys; None when the environment itself holds it, or nothing does.

    Raises BadSetting when both do.
    """
    path: Path | None = getattr(settings, f"{kind}_key_file")
    if path is not None and getattr(settings, f"{kind}_key") is not None:
        name = f"{PREFIX}{kind.upper()}_KEY"
        raise BadSetting(f"{name} and {name}_FILE are both set: keep one.")
    return path


def keyring(settings: Settings, kind: KeyKind) -> Keyring:
    """Return one of the service's three keys; raises BadSetting when it is not set, for none has a default.

    Raises KeyringInvalid when what is there is no key.
    """
    if path := key_file(settings, kind):
        return FileKeyring(path)
    if text := getattr(settings, f"{kind}_key"):
        return parse_keyring(text.get_secret_value())
    raise BadSetting(
        f"{PREFIX}{kind.upper()}_KEY_FILE is not set, and there is no default key: name a file with one line from "
        f"`openssl rand -base64 32` and mode 0600. (`make run` makes its own.)"
    )


def customer_sealer(settings: Settings) -> Sealer:
    """Seal customers' private keys and other secrets."""
    return _sealer(keyring(settings, "customer"))


def issuer_sealer(settings: Settings) -> Sealer:
    """Seal the CA's keys; for workers, init and rotation, never for the API."""
    return _sealer(keyring(settings, "issuer"))


def check(settings: Settings) -> None:
    """Read everything that a bad setting can break, before anything is changed.

    Raises BadSetting, KeyringInvalid or InvalidInput, each with a sentence.
    """
    for kind in get_args(KeyKind):
        keyring(settings, kind)
    catalogue(settings)
    validator(settings)
    delegation_zone(settings)


def storage(settings: Settings) -> Storage:
    """Return the database; nothing is connected yet."""
    from certloom.storage.engine import SqlStorage

    return SqlStorage(settings.database())


async def migrate(settings: Settings) -> None:
    """Bring the schema up to date; several processes may try at once."""
    from certloom.storage.migrate import migrate as run

    await run(settings.database())


def catalogue(settings: Settings) -> Catalogue:
    """Return what is on sale; raises BadSetting."""
    return read_catalogue(settings.catalogue_file, issuers=issuer_names(settings))


def issuer_names(settings: Settings) -> Sequence[str]:
    """Return what products may name; needs none of the issuers' secrets. Raises BadSetting."""
    if settings.issuers_file is None:
        return (PRIVATE,)
    from certloom.issuers.acme_config import IssuersInvalid, read_names

    try:
        return (PRIVATE, *read_names(settings.issuers_file))
    except IssuersInvalid as fault:
        raise BadSetting(fault.detail) from fault


def issuers(settings: Settings, store: Storage) -> Mapping[str, Issuer]:
    """Return the CAs by the name that products use; for workers. Raises BadSetting and KeyringInvalid."""
    from certloom.issuers.private_ca import PrivateCa

    private = PrivateCa(
        store,
        issuer_sealer(settings),
        public_url=settings.base_url,
        internal_suffixes=settings.internal_suffixes,
        internal_networks=settings.allow_networks,
        caa_identities=settings.issuer_domains,
    )
    return {PRIVATE: private, **_acme_issuers(settings, store)}


def _acme_issuers(settings: Settings, store: Storage) -> Mapping[str, Issuer]:
    """Build those of the issuers file; the library for ACME is loaded only when there are any."""
    if settings.issuers_file is None:
        return {}
    from certloom.issuers.acme import AcmeIssuer
    from certloom.issuers.acme_config import IssuersInvalid, read_issuers

    try:
        configs = read_issuers(settings.issuers_file)
    except IssuersInvalid as fault:
        raise BadSetting(fault.detail) from fault
    sealer, way_out = issuer_sealer(settings), dialer(settings)
    return {name: AcmeIssuer(store, sealer, config, way_out) for name, config in configs.items()}


async def create_authorities(settings: Settings, store: Storage, *, now: datetime) -> bool:
    """Make the private CA unless it exists; True when this call made it."""
    from certloom.issuers.authorities import create_authorities as create

    return await create(store, issuer_sealer(settings), public_url=settings.base_url, now=now)


async def refresh_crls(store: Storage, sealer: Sealer, *, now: datetime) -> Sequence[str]:
    """Sign anew the CRLs that grew old, and return whose; see certloom.issuers.revocation_lists."""
    from certloom.issuers.revocation_lists import refresh_crls as refresh

    return await refresh(store, sealer, now=now)


def published_files(store: Storage) -> PublishedFiles:
    """Return what the private CA publishes under /pki/; needs no key."""
    from certloom.issuers.published import StoredFiles

    return StoredFiles(store)


def payment_methods(store: Storage) -> Mapping[str, PaymentMethod]:
    """Return the ways to pay, by name."""
    from certloom.payments.balance import BalancePayments

    return {"balance": BalancePayments(store)}


def balances(store: Storage) -> Balances:
    """Return prepaid balances as the API shows and fills them."""
    from certloom.payments.balance import BalancePayments

    return BalancePayments(store)


def validator(settings: Settings) -> Validator:
    """Return who looks for proofs, from this machine; raises InvalidInput for name servers that are none."""
    from certloom.net.http import GuardedHttp
    from certloom.net.memory import RememberingResolver
    from certloom.net.redirects import Ports
    from certloom.validation.validator import NetworkValidator

    resolver = _resolver(settings)
    http = GuardedHttp(_dialer(settings, resolver), ports=Ports(http=settings.http01_port))
    return NetworkValidator(resolver, http, above=RememberingResolver(resolver))


def dialer(settings: Settings) -> "Dialer":
    """Return the one way out to hosts that tenants name; raises InvalidInput for name servers that are none."""
    return _dialer(settings, _resolver(settings))


def prover(settings: Settings) -> Prover:
    """Return who shakes hands with endpoints, from this machine."""
    from certloom.targets.prover import HandshakeProver

    return HandshakeProver(dialer(settings))


def authorities(settings: Settings) -> "Authorities":
    """Return who asks authoritative name servers, from this machine."""
    from certloom.dns.authorities import NetworkAuthorities

    resolver = _remembering(settings)
    return NetworkAuthorities(resolver, _dialer(settings, resolver), port=settings.authority_port)


def dns_providers(settings: Settings) -> "DnsProviders":
    """Return who opens the zones of customers."""
    from certloom.dns.opener import ProviderOpener

    return ProviderOpener(_dialer(settings, _remembering(settings)))


def delegation_zone(settings: Settings) -> "DelegationZone | None":
    """Return the operator's own zone for proofs, if there is one; raises BadSetting for a file that is not right.

    Its name server may be an inside one: it is the operator's own choice.
    """
    if settings.delegation_file is None:
        return None
    from certloom.dns.delegation import open_delegation
    from certloom.dns.interface import DnsRefused
    from certloom.net.dialer import GuardedDialer

    everywhere = (ip_network("0.0.0.0/0"), ip_network("::/0"))
    try:
        return open_delegation(
            settings.delegation_file, GuardedDialer(_remembering(settings), allow_networks=everywhere)
        )
    except DnsRefused as refusal:
        raise BadSetting(refusal.detail) from refusal


def allowed_targets(settings: Settings) -> "AllowedTargets":
    """Return what the targets worker of this machine may touch; raises BadSetting when no file says so."""
    from certloom.targets.allowed import read_allowed

    if settings.targets_file is None:
        raise BadSetting(
            f"{PREFIX}TARGETS_FILE is not set: name the TOML file that says which sockets, folders and commands of "
            f"this machine the targets worker may use (docs/targets.md)."
        )
    try:
        return read_allowed(settings.targets_file)
    except TargetRefused as refusal:
        raise BadSetting(refusal.detail) from refusal


def targets(settings: Settings, allowed: "AllowedTargets | None" = None) -> Targets:
    """Return what opens targets; host kinds only with *allowed*."""
    from certloom.targets.alibaba_api import AlibabaEndpoints
    from certloom.targets.opener import TargetOpener

    endpoints = AlibabaEndpoints(
        cdn=settings.alibaba_cdn_endpoint, slb=settings.alibaba_slb_endpoint, cas=settings.alibaba_cas_endpoint
    )
    return TargetOpener(dialer(settings), allowed=allowed, alibaba=endpoints)


def key_maker() -> KeyMaker:
    """Return the maker of leaves' private keys."""
    from certloom.keys.generation import KeyGeneration

    return KeyGeneration()


def credentials() -> Credentials:
    """Return the reader of CSRs and uploads."""
    from certloom.keys.credentials import PemCredentials

    return PemCredentials()


def bundler() -> Bundler:
    """Return the packer of downloads."""
    from certloom.keys.bundle import ZipBundler

    return ZipBundler()


def payload_codec(settings: Settings) -> "PayloadCodec":
    """Return what encrypts Temporal payloads under the payload key."""
    from certloom.keys.payload import SealedPayloadCodec

    return SealedPayloadCodec(keyring(settings, "payload"))


def data_converter(settings: Settings) -> "DataConverter":
    """Return how payloads are written for Temporal."""
    from certloom.keys.payload import make_data_converter

    return make_data_converter(payload_codec(settings))


async def connect(settings: Settings, *, lazy: bool = False) -> "Client":
    """Connect to Temporal; raises RuntimeError when it does not answer. A lazy client connects at its first call."""
    from temporalio.client import Client

    return await Client.connect(
        settings.temporal,
        namespace=settings.temporal_namespace,
        data_converter=data_converter(settings),
        lazy=lazy,
    )


def _sealer(ring: Keyring) -> Sealer:
    from certloom.keys.sealing import AesGcmSealer

    return AesGcmSealer(ring)


def _resolver(settings: Settings) -> "ZoneResolver":
    from certloom.net.nameservers import read_nameservers
    from certloom.net.resolver import DnsResolver

    return DnsResolver(read_nameservers(settings.dns_servers))


def _remembering(settings: Settings) -> "ZoneResolver":
    """For finding name servers alone: what customers may prove is asked each time."""
    from certloom.net.memory import RememberingResolver

    return RememberingResolver(_resolver(settings))


def _dialer(settings: Settings, resolver: "Resolver") -> "Dialer":
    from certloom.net.dialer import GuardedDialer

    return GuardedDialer(resolver, allow_networks=settings.allow_networks)
