"""Opens what writes into zones of every kind: the one place that knows which adapter belongs to which settings."""

from typing import TypeVar, assert_never

from certloom.dns.interface import DnsProvider, DnsRefused
from certloom.dns.lexicon import LexiconProvider
from certloom.dns.manual import ManualProvider
from certloom.dns.rfc2136 import Rfc2136Provider
from certloom.domain.zone import (
    VENDOR_OPTIONS,
    DnsZone,
    LexiconCredentials,
    LexiconSettings,
    ManualSettings,
    Rfc2136Credentials,
    Rfc2136Settings,
    ZoneCredentials,
)
from certloom.net.interface import Dialer

_C = TypeVar("_C", Rfc2136Credentials, LexiconCredentials)


class ProviderOpener:
    """Implements DnsProviders; name servers that tenants name are reached through *dialer* alone."""

    def __init__(self, dialer: Dialer) -> None:
        self._dialer = dialer

    def open(self, zone: DnsZone, credentials: ZoneCredentials | None) -> DnsProvider:
        """See DnsProviders; credentials of a kind that needs none are not looked at."""
        match zone.settings:
            case ManualSettings():
                return ManualProvider()
            case Rfc2136Settings() as settings:
                key = _required(credentials, Rfc2136Credentials, zone.zone)
                return Rfc2136Provider(zone.zone, settings, key, self._dialer)
            case LexiconSettings() as settings:
                options = _required(credentials, LexiconCredentials, zone.zone)
                return LexiconProvider(zone.zone, settings.provider, _allowed(settings, options))
            case _:
                assert_never(zone.settings)


def _required(credentials: ZoneCredentials | None, kind: type[_C], zone: str) -> _C:
    if not isinstance(credentials, kind):
        raise DnsRefused(f"The zone {zone} has no credentials that its kind can use; delete it and add it again.")
    return credentials


def _allowed(settings: LexiconSettings, credentials: LexiconCredentials) -> LexiconCredentials:
    """Look again at what the API let in, because an option that names an address would lead round the guard."""
    listed = VENDOR_OPTIONS[settings.provider]
    if not set(credentials.options) <= {*listed.needed, *listed.optional}:
        raise DnsRefused(f"The credentials for {settings.provider} have options that are not allowed.")
    return credentials
