"""Certificate profiles of the embedded CA: the root and its two issuing authorities (Baseline Requirements 7.1.2).

pkilint has nothing to say about them, down to NOTICE; leaves and CRLs have their profiles beside this one.
"""

from datetime import datetime, timedelta
from typing import Final, NamedTuple
from urllib.parse import urlsplit

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.x509.oid import AuthorityInformationAccessOID, ExtendedKeyUsageOID, NameOID, ObjectIdentifier

from certloom.domain.key import KeyFamily
from certloom.issuers.signing import AuthorityKey, sign_certificate

ROOT: Final = "root"
ISSUING: Final = tuple(family.value for family in KeyFamily)  # an issuing authority's id is the family it signs

ROOT_LIFETIME: Final = timedelta(days=20 * 365)  # BR 7.1.2.1.1 allows 2,922 to 9,132 days
ISSUING_LIFETIME: Final = timedelta(days=10 * 365)  # half of the root's, so that a successor overlaps

ANY_POLICY: Final = ObjectIdentifier("2.5.29.32.0")
SECOND: Final = timedelta(seconds=1)


class AuthorityName(NamedTuple):
    """Who stands in the authorities' subjects (BR 7.1.2.10.2 demands all three parts)."""

    country: str
    organisation: str


def crl_address(public_url: str, authority_id: str) -> str:
    """Return where an authority's CRL is published."""
    return f"{_plain_base(public_url)}/pki/{authority_id}.crl"


def certificate_address(public_url: str, authority_id: str) -> str:
    """Return where an authority's certificate is published."""
    return f"{_plain_base(public_url)}/pki/{authority_id}.crt"


def _plain_base(public_url: str) -> str:
    # BR 7.1.2.11.2: these addresses are http. The port of an https address means nothing there.
    parts = urlsplit(public_url)
    place = parts.netloc.lower()
    if parts.scheme == "https" and parts.port is not None:
        place = place.rpartition(":")[0]
    return f"http://{place}{parts.path.rstrip('/')}"


def build_root(key: AuthorityKey, *, name: AuthorityName, now: datetime) -> x509.Certificate:
    """Sign the root with its own key."""
    subject = _subject(name, "Root")
    public = _public(key)
    builder = _authority(subject, public, path_length=None).issuer_name(subject)
    builder = _living(builder, now, ROOT_LIFETIME)
    return sign_certificate(builder.add_extension(_aki(_ski(public)), critical=False), key)


def build_issuing(
    family: KeyFamily,
    public: ec.EllipticCurvePublicKey | rsa.RSAPublicKey,
    *,
    parent: x509.Certificate,
    parent_key: AuthorityKey,
    name: AuthorityName,
    public_url: str,
    now: datetime,
) -> x509.Certificate:
    """Sign an issuing authority with the root's key.

    anyPolicy, because one authority signs DV, OV and EV, and BR 7.1.2.10.5 allows a single reserved policy or this.
    """
    builder = _authority(_subject(name, family.value.upper()), public, path_length=0).issuer_name(parent.subject)
    builder = _living(builder, now, ISSUING_LIFETIME)
    builder = builder.add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH]), critical=False)
    builder = builder.add_extension(policies(ANY_POLICY), critical=False)
    builder = pointers(builder, parent=parent, parent_id=ROOT, public_url=public_url)
    return sign_certificate(builder, parent_key)


def pointers(
    builder: x509.CertificateBuilder, *, parent: x509.Certificate, parent_id: str, public_url: str
) -> x509.CertificateBuilder:
    """Add what leads from a certificate to its issuer: AKI, CRL distribution point and caIssuers."""
    uri = x509.UniformResourceIdentifier(crl_address(public_url, parent_id))
    crl = x509.DistributionPoint(full_name=[uri], relative_name=None, reasons=None, crl_issuer=None)
    location = x509.UniformResourceIdentifier(certificate_address(public_url, parent_id))
    access = x509.AccessDescription(AuthorityInformationAccessOID.CA_ISSUERS, location)
    builder = builder.add_extension(aki_of(parent), critical=False)
    builder = builder.add_extension(x509.CRLDistributionPoints([crl]), critical=False)
    return builder.add_extension(x509.AuthorityInformationAccess([access]), critical=False)


def policies(identifier: ObjectIdentifier) -> x509.CertificatePolicies:
    """Return a policy extension of one identifier without qualifiers, which the BR advise against."""
    return x509.CertificatePolicies([x509.PolicyInformation(identifier, None)])


def key_usage(*, authority: bool) -> x509.KeyUsage:
    """Return digitalSignature, and for an authority keyCertSign and cRLSign with it."""
    return x509.KeyUsage(
        digital_signature=True,
        key_cert_sign=authority,
        crl_sign=authority,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        encipher_only=False,
        decipher_only=False,
    )


def aki_of(authority: x509.Certificate) -> x509.AuthorityKeyIdentifier:
    """Return the authority key identifier that points at an authority."""
    return _aki(authority.extensions.get_extension_for_class(x509.SubjectKeyIdentifier).value)


def _authority(
    subject: x509.Name, public: ec.EllipticCurvePublicKey | rsa.RSAPublicKey, *, path_length: int | None
) -> x509.CertificateBuilder:
    builder = x509.CertificateBuilder().subject_name(subject).public_key(public)
    builder = builder.serial_number(x509.random_serial_number())
    builder = builder.add_extension(x509.BasicConstraints(ca=True, path_length=path_length), critical=True)
    builder = builder.add_extension(key_usage(authority=True), critical=True)
    return builder.add_extension(_ski(public), critical=False)


def _living(builder: x509.CertificateBuilder, now: datetime, lifetime: timedelta) -> x509.CertificateBuilder:
    start = now.replace(microsecond=0)
    # The last second counts as part of the validity (RFC 5280 4.1.2.5).
    return builder.not_valid_before(start).not_valid_after(start + lifetime - SECOND)


def _subject(name: AuthorityName, role: str) -> x509.Name:
    return x509.Name(
        [
            x509.NameAttribute(NameOID.COUNTRY_NAME, name.country),
            x509.NameAttribute(NameOID.ORGANIZATION_NAME, name.organisation),
            x509.NameAttribute(NameOID.COMMON_NAME, f"{name.organisation} {role}"),
        ]
    )


def _public(key: AuthorityKey) -> ec.EllipticCurvePublicKey | rsa.RSAPublicKey:
    return key.public_key()


def _ski(public: ec.EllipticCurvePublicKey | rsa.RSAPublicKey) -> x509.SubjectKeyIdentifier:
    return x509.SubjectKeyIdentifier.from_public_key(public)


def _aki(ski: x509.SubjectKeyIdentifier) -> x509.AuthorityKeyIdentifier:
    return x509.AuthorityKeyIdentifier.from_issuer_subject_key_identifier(ski)
