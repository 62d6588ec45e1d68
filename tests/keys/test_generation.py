"""Private keys of every type."""

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import load_der_private_key, load_der_public_key

from certloom.domain.key import FAMILIES, KeyFamily, KeyType
from certloom.keys.generation import KeyGeneration, build_csr, key_type_of, load_private, private_der
from tests.keys.authority import key_of, small_rsa


@pytest.mark.parametrize("key_type", KeyType)
def test_type_and_form(key_type: KeyType) -> None:
    """Every key type is made as unencrypted PKCS#8 of exactly that type."""
    key = load_der_private_key(private_der(key_of(key_type)), None)
    assert isinstance(key, ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey)
    assert isinstance(key, rsa.RSAPrivateKey) == (FAMILIES[key_type] is KeyFamily.RSA)
    assert key_type_of(key.public_key()) is key_type


def test_each_key_is_new() -> None:
    """No two calls return one key."""
    maker = KeyGeneration()
    assert maker.make(KeyType.ECDSA_P256) != maker.make(KeyType.ECDSA_P256)


def test_public_key() -> None:
    """The public key belongs to the private one."""
    private = KeyGeneration().make(KeyType.ECDSA_P384)
    public = load_der_public_key(KeyGeneration().public_key(private))
    assert public == load_private(private).public_key()


@pytest.mark.parametrize("other", [ec.SECP521R1(), ec.SECP256K1()], ids=lambda curve: curve.name)
def test_other_curves_have_no_type(other: ec.EllipticCurve) -> None:
    """Curves that we do not issue for are not taken for one that we do."""
    assert key_type_of(ec.generate_private_key(other).public_key()) is None


def test_weak_rsa_has_no_type() -> None:
    """A short modulus or a small exponent is no type of ours."""
    assert key_type_of(small_rsa().public_key()) is None
    assert key_type_of(rsa.generate_private_key(3, 2048).public_key()) is None


def test_csr_for_names() -> None:
    """A CSR that we make asks for all names as SANs, with an empty subject, and is well signed."""
    names = ("example.com", "*.example.com")
    csr = x509.load_pem_x509_csr(build_csr(private_der(key_of()), names).encode())
    sans = csr.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    assert tuple(sans.get_values_for_type(x509.DNSName)) == names
    assert list(csr.subject) == []
    assert csr.is_signature_valid
