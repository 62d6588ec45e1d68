"""Everything the API works with, given to it once: nothing here is a module's global."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Final, Protocol

from temporalio.converter import PayloadCodec

from api.throttle import Throttle
from certloom.dns.interface import DnsProviders
from certloom.domain import command as c
from certloom.domain.address import IPNetwork
from certloom.domain.application import Challenge
from certloom.domain.fact import Uploaded
from certloom.domain.look import Tried
from certloom.domain.product import Catalogue
from certloom.domain.state import CertificateState
from certloom.domain.target import MEMBER_KINDS, TargetKind
from certloom.issuers.interface import PublishedFiles
from certloom.keys.interface import Bundler, Credentials, Sealer
from certloom.payments.interface import Balances
from certloom.storage.interface import Storage

ANSWER_WITHIN: Final = timedelta(seconds=10)  # DESIGN 6: then the answer is 202 or 503


class Commands(Protocol):
    """What the API asks of certificates' workflows; workflows.client.CertificateClient is it."""

    async def buy(self, state: CertificateState, pay: c.Pay) -> c.Accepted:
        """Start a purchase; raises PaymentRefused, OutcomeUnknown."""
        ...

    async def admit(self, state: CertificateState, uploaded: Uploaded) -> None:
        """Start an upload's life; raises OutcomeUnknown."""
        ...

    async def send(self, certificate_id: str, command: c.Command) -> c.Accepted:
        """Send a command; raises refusals, OutcomeUnknown, and NotFound when no workflow runs."""
        ...

    async def try_target(self, target_id: str, *, host: str | None, request_id: str) -> Tried:
        """Have a target tried where it can be driven; raises NotFound, and Outage when that takes too long."""
        ...

    def name_of(self, subject_id: str) -> str:
        """Return the id of a certificate's or a deployment's workflow, for a link into Temporal's UI."""
        ...

    async def running(self, certificate_id: str) -> bool:
        """Whether a workflow runs; raises Outage when Temporal does not answer."""
        ...


class Lab(Protocol):
    """Where proofs are published under `make run`."""

    async def publish(self, challenges: Sequence[Challenge]) -> None:
        """Publish them; may be repeated. Raises Outage."""
        ...


@dataclass(frozen=True)
class CodecAccess:
    """Who may have payloads decoded: one origin (scheme, host and port), one namespace."""

    codec: PayloadCodec
    origin: str
    namespace: str


@dataclass(frozen=True)
class Services:
    """The parts and the few settings that the API needs. `hosts` are the Host names that are answered."""

    storage: Storage
    client: Commands
    sealer: Sealer  # customers' secrets
    credentials: Credentials
    bundler: Bundler
    balances: Balances
    files: PublishedFiles
    catalogue: Catalogue
    clock: Callable[[], datetime]
    hosts: frozenset[str]
    public_url: str
    member_kinds: frozenset[TargetKind] = MEMBER_KINDS
    payment_methods: frozenset[str] = frozenset({"balance"})
    temporal_ui_url: str | None = None
    temporal_namespace: str = "default"
    internal_suffixes: frozenset[str] = frozenset()
    internal_networks: frozenset[IPNetwork] = frozenset()
    dns: DnsProviders | None = None
    delegation_zone: str | None = None
    lab: Lab | None = None
    codec: CodecAccess | None = None
    answer_within: timedelta = ANSWER_WITHIN
    throttle: Throttle = field(default_factory=Throttle)
