"""Pre-issuance lint (BR 4.3.1.2): the leaf is signed with a throwaway key, checked, and only then signed for good.

pkilint's ERROR and FATAL block, and so do the rules of lint_rules.py; WARNING and below do not.
"""

from collections.abc import Collection, Sequence
from datetime import UTC, datetime, timedelta
from functools import cache
from ipaddress import ip_address
from typing import Any, Final, NamedTuple
from urllib.parse import urlsplit

from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding
from pkilint import finding_filter, loader
from pkilint.cabf import serverauth
from pkilint.cabf.cabf_name import VALIDATION_INTERNAL_DOMAIN_NAME, VALIDATION_INTERNAL_IP_ADDRESS
from pkilint.cabf.serverauth.serverauth_constants import CertificateType
from pkilint.pkix import certificate as pkix_certificate
from pkilint.validation import ValidationFindingSeverity

from certloom.domain.address import IPNetwork
from certloom.domain.errors import IssuerRefused
from certloom.domain.key import FAMILIES, KeyFamily
from certloom.domain.product import Level
from certloom.issuers.leaves import LeafPlan, Parent, leaf_builder
from certloom.issuers.lint_rules import Case, own_faults
from certloom.issuers.signing import AuthorityKey, make_key, sign_certificate

TYPES: Final = {
    Level.DV: CertificateType.DV_FINAL_CERTIFICATE,
    Level.OV: CertificateType.OV_FINAL_CERTIFICATE,
    Level.EV: CertificateType.EV_FINAL_CERTIFICATE,
}

MOST_SHOWN: Final = 5


class Finding(NamedTuple):
    """What pkilint says, where in the certificate, and about which text there."""

    severity: ValidationFindingSeverity
    code: str
    message: str
    path: str
    text: str

    @property
    def blocks(self) -> bool:
        """Whether it forbids signing: in pkilint's scale the smaller number is the worse."""
        return int(self.severity) <= int(ValidationFindingSeverity.ERROR)


class Linter:
    """Decides whether a leaf may be signed; safe to share between threads."""

    def __init__(
        self,
        *,
        public_url: str,
        internal_suffixes: Collection[str] = (),
        internal_networks: Collection[IPNetwork] = (),
    ) -> None:
        self._host = (urlsplit(public_url).hostname or "").lower()
        self._networks = tuple(internal_networks)
        self._suffixes = tuple(suffix.strip(".").lower() for suffix in internal_suffixes if suffix.strip("."))

    def check(self, plan: LeafPlan, parent: Parent) -> None:
        """Return when the leaf may be signed; raises IssuerRefused (lint) with what forbids it.

        5 to 10 ms of work in the caller's thread, and 0.3 s for the first of each level.
        """
        leaf = sign_certificate(leaf_builder(plan, parent), _throwaway_key(FAMILIES[plan.key_type]))
        faults = own_faults(Case(leaf, plan, parent.certificate, self._suffixes, self._networks))
        faults += [_sentence(found) for found in findings(leaf, plan.level) if self._forbids(found)]
        if faults:
            shown = " ".join(faults[:MOST_SHOWN])
            raise IssuerRefused(f"The certificate would break the rules and was not signed. {shown}", reason="lint")

    def _forbids(self, found: Finding) -> bool:
        return found.blocks and not self._waived(found)

    def _waived(self, found: Finding) -> bool:
        if found.code == VALIDATION_INTERNAL_DOMAIN_NAME.code:
            return self._is_inner_name(found)
        return found.code == VALIDATION_INTERNAL_IP_ADDRESS.code and self._is_inner_address(found)

    def _is_inner_address(self, found: Finding) -> bool:
        """Whether an internal IP address lies in a network that the operator opened."""
        address = ip_address(found.text.encode("latin-1"))  # as pkilint shows octets
        return ".subjectAltName." in found.path and any(address in network for network in self._networks)

    def _is_inner_name(self, found: Finding) -> bool:
        """Whether an internal name is ours: PUBLIC_URL's host in an address, or below an internal suffix as a SAN."""
        if found.path.endswith(".uniformResourceIdentifier"):
            return (urlsplit(found.text).hostname or "").lower() == self._host
        inside = ".subjectAltName." in found.path and found.path.endswith(".dNSName")
        return inside and any(found.text.endswith(f".{suffix}") for suffix in self._suffixes)


def findings(leaf: x509.Certificate, level: Level) -> Sequence[Finding]:
    """Return all that pkilint says about a leaf of that level, waived or not."""
    return lint(leaf, TYPES[level])


def lint(subject: x509.Certificate, kind: CertificateType) -> Sequence[Finding]:
    """Return all that pkilint says about a certificate of that kind."""
    document = loader.RFC5280CertificateDocumentLoader().load_der_document(subject.public_bytes(Encoding.DER), "leaf")
    results = _validators(kind).validate(document.root)
    kept, _ = finding_filter.filter_results(serverauth.create_serverauth_finding_filters(kind), results)
    return [_finding(result.node, told) for result in kept for told in result.finding_descriptions]


def warm_up() -> None:
    """Build and run every validator once, so that the first order need not wait 0.3 s; may be called twice."""
    now = datetime(2026, 1, 1, tzinfo=UTC)
    key = _throwaway_key(KeyFamily.ECDSA)
    name = x509.Name([])
    builder = x509.CertificateBuilder().subject_name(name).issuer_name(name).public_key(key.public_key())
    builder = builder.not_valid_before(now).not_valid_after(now + timedelta(days=1))
    leaf = sign_certificate(builder.serial_number(x509.random_serial_number()), key)
    for level in Level:
        findings(leaf, level)


@cache
def _validators(kind: CertificateType) -> Any:
    return pkix_certificate.create_pkix_certificate_validator_container(
        serverauth.create_decoding_validators(), serverauth.create_validators(kind)
    )


@cache
def _throwaway_key(family: KeyFamily) -> AuthorityKey:
    return make_key(family)


def _finding(node: Any, told: Any) -> Finding:
    text = str(node.pdu) if not node.children else ""
    return Finding(told.finding.severity, told.finding.code, told.message or "", node.path, text)


def _sentence(found: Finding) -> str:
    return f"{found.code}: {found.message}." if found.message else f"{found.code}."
