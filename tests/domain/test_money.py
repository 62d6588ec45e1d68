"""Amounts as people write them."""

import pytest

from certloom.domain.money import INT64_MAX, Money, minor_units


@pytest.mark.parametrize(
    ("text", "currency", "amount"),
    [
        ("1250", "EUR", 125_000),
        ("1250.5", "EUR", 125_050),
        ("0.29", "EUR", 29),
        ("007.10", "EUR", 710),
        ("900", "JPY", 900),
        ("1.234", "KWD", 1_234),
        ("1", "KWD", 1_000),
        ("0", "EUR", 0),
        ("92233720368547758.07", "EUR", INT64_MAX),
    ],
)
def test_is_read_exactly(text: str, currency: str, amount: int) -> None:
    """In the currency's own fraction, never by way of a float."""
    assert minor_units(text, currency) == amount


@pytest.mark.parametrize(
    "text", ["", " ", "1,250", "1.250,00", "1 250", "-1", "+1", "1.", ".5", "1e3", "0x1", "12.345", "٣", "1_0", "1\n"]
)
def test_is_refused_when_it_may_mean_something_else(text: str) -> None:
    """Separators differ from country to country, and nothing is guessed."""
    assert minor_units(text, "EUR") is None


@pytest.mark.parametrize(("text", "currency"), [("900.50", "JPY"), ("92233720368547758.08", "EUR"), ("9" * 30, "EUR")])
def test_is_refused_when_it_does_not_fit(text: str, currency: str) -> None:
    """Neither a fraction that the currency has not, nor a sum that no column holds."""
    assert minor_units(text, currency) is None


@pytest.mark.parametrize("currency", ["EUR", "JPY", "KWD"])
def test_is_read_back_as_it_is_shown(currency: str) -> None:
    """What we print, we read."""
    for amount in (0, 1, 99, 100, 123_456, INT64_MAX):
        shown = str(Money(amount=amount, currency=currency)).removesuffix(f" {currency}")
        assert minor_units(shown, currency) == amount
