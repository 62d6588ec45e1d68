"""A zone that its owner writes by hand: nothing is done, and nothing is taken away."""


class ManualProvider:
    """Implements DnsProvider for a customer who publishes the records, and removes them when he likes."""

    async def present(self, record_name: str, value: str) -> None:
        """Leave it to the customer."""

    async def clean_up(self, record_name: str, value: str) -> None:
        """Leave it to the customer."""
