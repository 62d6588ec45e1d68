"""Every artefact of the embedded CA passes pkilint without a word, down to NOTICE."""

from datetime import timedelta

import pytest
from cryptography import x509
from pkilint import loader, pkix
from pkilint.cabf import cabf_crl
from pkilint.cabf.serverauth.serverauth_constants import CertificateType
from pkilint.pkix import crl, extension, name
from pkilint.validation import ValidationFindingSeverity

from certloom.domain.errors import IssuerRefused
from certloom.domain.issuance import RevocationReason
from certloom.domain.key import FAMILIES, KeyType
from certloom.domain.product import Level
from certloom.domain.validity import not_after
from certloom.issuers.interface import SignedLeaf
from certloom.issuers.lint import TYPES, lint
from certloom.issuers.private_ca import PrivateCa
from certloom.issuers.profiles import ISSUING, ROOT, certificate_address, crl_address
from certloom.storage.interface import Storage
from tests.issuers.orders import NOW, ORGANIZATION, order, read, signed, to_revoke
from tests.issuers.ready import authority_in


def loud_codes(certificate: x509.Certificate, kind: CertificateType) -> list[str]:
    return [found.code for found in lint(certificate, kind) if found.severity <= ValidationFindingSeverity.NOTICE]


def loud_crl_codes(der: bytes, kind: crl.CertificateRevocationListType) -> list[str]:
    validators = crl.create_pkix_crl_validator_container(
        [
            pkix.create_attribute_decoder(name.ATTRIBUTE_TYPE_MAPPINGS),
            pkix.create_extension_decoder(extension.EXTENSION_MAPPINGS),
        ],
        [
            crl.create_issuer_validator_container([]),
            crl.create_validity_validator_container([cabf_crl.create_validity_period_validator(kind)]),
            crl.create_extensions_validator_container([]),
            cabf_crl.CabfCrlReasonCodeAllowlistValidator(kind),
        ],
    )
    document = loader.RFC5280CertificateListDocumentLoader().load_der_document(der, "crl")
    told = [found for result in validators.validate(document.root) for found in result.finding_descriptions]
    return [item.finding.code for item in told if item.finding.severity <= ValidationFindingSeverity.NOTICE]


async def test_pkilint_has_nothing_to_say_about_the_root(storage: Storage) -> None:
    """The root gives no finding."""
    root = x509.load_der_x509_certificate((await authority_in(storage, ROOT)).certificate)
    assert loud_codes(root, CertificateType.ROOT_CA) == []


@pytest.mark.parametrize("authority_id", ISSUING)
async def test_pkilint_has_nothing_to_say_about_the_issuing_authorities(storage: Storage, authority_id: str) -> None:
    """Neither issuing authority gives a finding."""
    issuing = x509.load_der_x509_certificate((await authority_in(storage, authority_id)).certificate)
    assert loud_codes(issuing, CertificateType.INTERNAL_UNCONSTRAINED_TLS_CA) == []


@pytest.mark.parametrize("level", Level)
@pytest.mark.parametrize("key_type", KeyType)
async def test_pkilint_has_nothing_to_say_about_leaves(private_ca: PrivateCa, level: Level, key_type: KeyType) -> None:
    """A leaf of any level and key type, as long as it may live, gives no finding."""
    request = order("www.example.com", "example.com", level=level, key_type=key_type, organization=ORGANIZATION)
    leaf = await signed(private_ca, request, not_after=not_after(NOW, NOW + timedelta(days=365)))
    assert loud_codes(read(leaf), TYPES[level]) == []


@pytest.mark.parametrize("authority_id", [ROOT, *ISSUING])
async def test_pkilint_has_nothing_to_say_about_empty_crls(storage: Storage, authority_id: str) -> None:
    """The first CRL of each authority gives no finding."""
    kinds = crl.CertificateRevocationListType
    der = (await authority_in(storage, authority_id)).crl
    assert der is not None
    assert loud_crl_codes(der, kinds.ARL if authority_id == ROOT else kinds.CRL) == []


@pytest.mark.parametrize("key_type", [KeyType.ECDSA_P256, KeyType.RSA_2048])
async def test_pkilint_has_nothing_to_say_about_crls_with_every_reason(
    storage: Storage, private_ca: PrivateCa, key_type: KeyType
) -> None:
    """A CRL that holds an entry of each reason gives no finding."""
    for reason in RevocationReason:
        leaf = await signed(private_ca, order(key=f"order for {reason}", key_type=key_type))
        await private_ca.revoke(to_revoke(leaf, reason), now=NOW + timedelta(hours=2))
    der = (await authority_in(storage, FAMILIES[key_type].value)).crl
    assert der is not None
    assert loud_crl_codes(der, crl.CertificateRevocationListType.CRL) == []


@pytest.mark.parametrize(
    ("public_url", "crl_url"),
    [
        ("http://127.0.0.1:8080", "http://127.0.0.1:8080/pki/ecdsa.crl"),
        ("https://certs.example.com", "http://certs.example.com/pki/ecdsa.crl"),
        ("https://certs.example.com:8443/x/", "http://certs.example.com/x/pki/ecdsa.crl"),
        ("https://[2001:db8::1]:8443", "http://[2001:db8::1]/pki/ecdsa.crl"),
    ],
)
def test_addresses_in_certificates_are_plain_http(public_url: str, crl_url: str) -> None:
    """Whatever PUBLIC_URL's scheme, certificates point to http, and an https port is not carried over."""
    assert crl_address(public_url, "ecdsa") == crl_url
    assert certificate_address(public_url, "ecdsa") == crl_url.replace(".crl", ".crt")


async def test_dv_subject_is_empty_and_its_names_critical(private_ca: PrivateCa) -> None:
    """A DV leaf names nobody, so its names are critical."""
    leaf = read(await signed(private_ca, order(organization=ORGANIZATION)))
    assert leaf.subject.rfc4514_string() == ""
    assert leaf.extensions.get_extension_for_class(x509.SubjectAlternativeName).critical


async def test_ev_subject_holds_organisation_and_registration(private_ca: PrivateCa) -> None:
    """An EV leaf names the organisation with its registration, in the order that the rules want."""
    leaf: SignedLeaf = await signed(private_ca, order(level=Level.EV, organization=ORGANIZATION))
    assert [attribute.value for attribute in read(leaf).subject] == [
        "Private Organization",
        "DE",
        "HRB 12345",
        "DE",
        "Köln",
        "Möller & Söhne GmbH",
    ]


@pytest.mark.parametrize(
    ("missing", "named"),
    [
        ("registration_number", "registration number"),
        ("jurisdiction_country", "jurisdiction country"),
        ("business_category", "business category"),
        ("locality", "state or locality"),
    ],
)
async def test_ev_order_without_a_required_field_is_refused_by_its_name(
    private_ca: PrivateCa, missing: str, named: str
) -> None:
    """An EV order that lacks a field is refused at once, and the sentence names the field."""
    lacking = ORGANIZATION.model_copy(update={missing: None})
    with pytest.raises(IssuerRefused, match=named) as refused:
        await private_ca.begin(order(level=Level.EV, organization=lacking), now=NOW)
    assert refused.value.reason == "organization_incomplete"


async def test_ov_order_without_an_organisation_is_refused(private_ca: PrivateCa) -> None:
    """An OV order without organisation is refused at once."""
    with pytest.raises(IssuerRefused) as refused:
        await private_ca.begin(order(level=Level.OV), now=NOW)
    assert refused.value.reason == "organization_missing"


async def test_ev_business_category_is_one_of_four(private_ca: PrivateCa) -> None:
    """An EV order of an unknown business category is refused with the four that exist."""
    strange = ORGANIZATION.model_copy(update={"business_category": "Club"})
    with pytest.raises(IssuerRefused, match="Government Entity"):
        await private_ca.begin(order(level=Level.EV, organization=strange), now=NOW)


@pytest.mark.parametrize("number", ["HRB 1ä", "12*3"])
async def test_ev_registration_number_must_be_printable(private_ca: PrivateCa, number: str) -> None:
    """A registration number that X.520 cannot write is refused with what may stand there."""
    strange = ORGANIZATION.model_copy(update={"registration_number": number})
    with pytest.raises(IssuerRefused, match="digits"):
        await private_ca.begin(order(level=Level.EV, organization=strange), now=NOW)


async def test_control_characters_in_an_organisation_are_refused(private_ca: PrivateCa) -> None:
    """A name with a hidden character, which could pass for another, is refused."""
    strange = ORGANIZATION.model_copy(update={"name": "Example\x00 Inc"})
    with pytest.raises(IssuerRefused, match="visible"):
        await private_ca.begin(order(level=Level.OV, organization=strange), now=NOW)
