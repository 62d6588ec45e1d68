"""Names as a certificate holds them: DNS names, and addresses as what they are (RFC 5280 4.2.1.6).

What is read compares with an order's names only when the kind is right as well.
"""

from cryptography import x509

from certloom.domain.address import is_address, read_address


def san_of(name: str) -> x509.GeneralName:
    """Return a name as a subjectAltName; raises ValueError for a DNS name that is not in ASCII."""
    address = read_address(name)
    return x509.DNSName(name) if address is None else x509.IPAddress(address)


def sans_in(extensions: x509.Extensions) -> tuple[str, ...]:
    """Return DNS names and addresses as orders have them, in order; other kinds of names are left out.

    An address that stands there as a DNS name names no host to anybody, so it comes as `DNS:` with its text.
    """
    try:
        found = extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    except x509.ExtensionNotFound:
        return ()
    return tuple(_text(san) for san in found if isinstance(san, x509.DNSName | x509.IPAddress))


def _text(san: x509.DNSName | x509.IPAddress) -> str:
    text = str(san.value)
    return f"DNS:{text}" if isinstance(san, x509.DNSName) and is_address(text) else text
