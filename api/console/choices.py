"""What a form offers to choose from, each with the lines that explain it."""

from collections.abc import Mapping
from typing import Final, NamedTuple

from certloom.domain.application import ValidationMethod
from certloom.domain.key import KeyType
from certloom.keys.interface import BundleFormat


class Choice(NamedTuple):
    """Something to choose: its name, what it is, and what one does with it."""

    name: str
    what: str
    then: str


FORMATS: Final[Mapping[BundleFormat, Choice]] = {
    BundleFormat.NGINX: Choice(
        "nginx",
        "Leaf and chain in one .pem file, and the private key in a .key file.",
        "Name them in ssl_certificate and ssl_certificate_key, then reload.",
    ),
    BundleFormat.APACHE: Choice(
        "Apache",
        "Leaf, chain and private key in three files.",
        "For SSLCertificateFile, SSLCertificateChainFile and SSLCertificateKeyFile.",
    ),
    BundleFormat.HAPROXY: Choice(
        "HAProxy",
        "Leaf, chain and private key in one .pem file.",
        "Name it, or its folder, after crt in the bind line.",
    ),
    BundleFormat.IIS: Choice(
        "IIS",
        "A .pfx file that old Windows reads too, and its password in a file beside it.",
        "Import it in the server certificates of IIS Manager.",
    ),
    BundleFormat.TOMCAT: Choice(
        "Tomcat",
        "A .pfx file with strong encryption, and its password in a file beside it.",
        "Name it in certificateKeystoreFile, with the type PKCS12.",
    ),
    BundleFormat.JKS: Choice(
        "Java keystore",
        "A .jks file for old Tomcat and Jetty, and its password in a file beside it.",
        "Newer Java reads the Tomcat format; prefer that one.",
    ),
    BundleFormat.PEM: Choice(
        "PEM",
        "Leaf, chain and private key in three files, the key in its oldest form.",
        "For appliances and whatever else asks for PEM.",
    ),
    BundleFormat.PKCS8: Choice(
        "PEM with PKCS#8",
        "The same with the key as PKCS#8, as clouds want it.",
        "For load balancers, CDNs and Go, Java and .NET programs.",
    ),
}
KEY_TYPES: Final[Mapping[KeyType, str]] = {
    KeyType.ECDSA_P256: "ECDSA P-256: small and fast, read by every client since 2014",
    KeyType.ECDSA_P384: "ECDSA P-384: where a rule asks for it",
    KeyType.RSA_2048: "RSA 2048: for very old clients",
    KeyType.RSA_3072: "RSA 3072",
    KeyType.RSA_4096: "RSA 4096: slow handshakes, where a rule asks for it",
}
PROOFS: Final[Mapping[ValidationMethod, Choice]] = {
    ValidationMethod.DNS_01: Choice(
        "DNS record",
        "A TXT record at your DNS provider, once per name.",
        "Works for every name; the only way for wildcards.",
    ),
    ValidationMethod.HTTP_01: Choice(
        "File on the web server",
        "A small file, fetched over plain HTTP on port 80.",
        "Not for wildcards, nor for names without a web server.",
    ),
}
