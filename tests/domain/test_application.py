"""Which method proves which kind of name."""

import pytest

from certloom.domain.application import ValidationMethod, method_fault

DNS, HTTP = ValidationMethod.DNS_01, ValidationMethod.HTTP_01
NAME, STAR, V4, V6 = "www.example.com", "*.example.com", "1.1.1.1", "2606:4700::1111"


@pytest.mark.parametrize(
    ("names", "method", "code"),
    [
        ((NAME,), DNS, None),
        ((NAME,), HTTP, None),
        ((STAR, NAME), DNS, None),
        ((NAME, STAR), HTTP, "wildcard_needs_dns"),
        ((NAME, V4, V6), HTTP, None),
        ((NAME, V4), DNS, "address_needs_http"),
        ((V6,), DNS, "address_needs_http"),
        ((STAR, V4), DNS, "no_method_for_all"),
        ((V6, STAR), HTTP, "no_method_for_all"),
    ],
)
def test_methods(names: tuple[str, ...], method: ValidationMethod, code: str | None) -> None:
    """A wildcard is proven by a record only, an address by a file only, and any other name by either."""
    fault = method_fault(names, method)
    assert (fault and fault.code) == code
    assert fault is None or fault.pointer == "/validation"
