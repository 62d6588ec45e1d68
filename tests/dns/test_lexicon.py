"""Vendors' APIs: what may be given, what is shown of a failure, and that a vendor who hangs holds up nobody."""

import asyncio
import importlib
import inspect
import re
import socket

import pytest

from certloom.dns.interface import DnsBusy, DnsOutage, DnsRefused
from certloom.dns.lexicon import MOST_CALLS, LexiconProvider
from certloom.dns.opener import ProviderOpener
from certloom.domain.zone import VENDOR_OPTIONS, DnsZone, LexiconCredentials, LexiconSettings, Vendor
from certloom.net.dialer import GuardedDialer
from certloom.net.resolver import DnsResolver
from tests.dns.powerdns import KEY, serving
from tests.dns.powerdns import Vendor as Api
from tests.lives import NOW

pytest.importorskip("lexicon")
ZONE, NAME = "one.test", "_acme-challenge.www.one.test"
# What would send a request, or a secret, to an address or file of somebody's own choice.
LEADING_ELSEWHERE = re.compile(r"endpoint|server|url|host|file|path|socket|proxy|protocol|plugin")


def credentials(**options: str) -> LexiconCredentials:
    return LexiconCredentials.model_validate({"options": options})


def provider(api: Api, zone: str = ZONE, *, deadline: float = 5.0) -> LexiconProvider:
    return LexiconProvider(zone, "powerdns", credentials(pdns_server=api.url, auth_token=KEY), deadline=deadline)


@pytest.mark.parametrize("vendor", Vendor)
def test_every_vendor_is_there_with_its_options(vendor: Vendor) -> None:
    """The package has the module, and the module asks for the options that we take."""
    module = importlib.import_module(f"lexicon._private.providers.{vendor}")
    source = inspect.getsource(module)
    options = VENDOR_OPTIONS[vendor]

    for name in (*options.needed, *options.optional):
        assert re.search(rf"[\"']{name}[\"']|--{name.replace('_', '-')}", source)
        assert not LEADING_ELSEWHERE.search(name)


@pytest.mark.parametrize("vendor", Vendor)
def test_every_vendor_has_one_public_address(vendor: Vendor) -> None:
    """Each module names its API by a fixed address with TLS."""
    source = inspect.getsource(importlib.import_module(f"lexicon._private.providers.{vendor}"))

    assert re.search(r'"https://[a-z0-9.-]+\.[a-z]+', source)


@pytest.mark.parametrize("option", ["api_endpoint", "pdns_server", "auth_entrypoint", "provider_name", "domain"])
def test_other_options_are_refused_when_a_zone_is_opened(option: str) -> None:
    """Even what came past the API, or from an older version of it, is not handed on."""
    settings = LexiconSettings(provider=Vendor.NETCUP)
    zone = DnsZone(id="zone_1", account_id="a", zone=ZONE, settings=settings, created_at=NOW)
    opener = ProviderOpener(GuardedDialer(DnsResolver()))

    with pytest.raises(DnsRefused, match="not allowed"):
        opener.open(zone, credentials(**{option: "http://127.0.0.1/"}))


async def test_nothing_is_fetched_to_guess_the_zone(monkeypatch: pytest.MonkeyPatch) -> None:
    """The only connections are those to the vendor: no list of suffixes, no name server."""
    with serving(ZONE) as api:
        reached: list[tuple[str, int]] = []
        connect = socket.socket.connect

        def watched(self: socket.socket, address: tuple[str, int]) -> None:
            reached.append(address)
            connect(self, address)

        monkeypatch.setattr(socket.socket, "connect", watched)
        await provider(api).present(NAME, "v")

    assert {f"http://{host}:{port}" for host, port in reached} == {api.url}


async def test_the_environment_says_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    """Options come from the zone alone, never from variables of the process."""
    monkeypatch.setenv("LEXICON_POWERDNS_AUTH_TOKEN", "another")
    with serving(ZONE) as api:
        await provider(api).present(NAME, "v")

        assert api.texts(NAME) == {"v"}


@pytest.mark.parametrize(
    ("status", "kind"),
    [(401, DnsRefused), (403, DnsRefused), (404, DnsRefused), (422, DnsRefused), (429, DnsOutage), (500, DnsOutage)],
)
async def test_a_status_is_final_or_passing(status: int, kind: type[Exception]) -> None:
    """Only what a person can change is final; and no key is in the sentence."""
    with serving(ZONE) as api:
        api.status = status
        with pytest.raises(kind) as failure:
            await provider(api).present(NAME, "v")

    assert KEY not in str(failure.value)
    assert api.url not in str(failure.value)


async def test_a_vendor_that_hangs_is_given_up() -> None:
    """The call ends in time; too many that hang are refused instead of piling up, until their threads have ended."""
    zones = [f"z{number}.test" for number in range(MOST_CALLS + 2)]
    with serving(ZONE) as api:
        api.hanging.clear()
        hung = await asyncio.gather(
            *(provider(api, zone, deadline=0.3).present(f"_acme-challenge.{zone}", "v") for zone in zones),
            return_exceptions=True,
        )
        api.hanging.set()
        await provider(api).present(NAME, "v")

    assert [type(one) for one in hung].count(DnsBusy) == 2
    assert [type(one) for one in hung].count(DnsOutage) == MOST_CALLS
    assert api.texts(NAME) == {"v"}


async def test_changes_of_one_zone_follow_each_other() -> None:
    """Vendors who replace record sets as wholes lose none of two values that come and go at the same time."""
    with serving(ZONE) as api:
        for _ in range(3):
            await asyncio.gather(*(provider(api).present(NAME, value) for value in "abcd"))
            assert api.texts(NAME) == set("abcd")
            await asyncio.gather(*(provider(api).clean_up(NAME, value) for value in "abcd"))
            assert api.texts(NAME) == set()


async def test_no_request_goes_without_a_time_limit(monkeypatch: pytest.MonkeyPatch) -> None:
    """The package's modules set none; what hangs ends its thread, too, and gives its place back."""
    monkeypatch.setattr("certloom.dns.lexicon.TIME_LIMIT", 0.2)
    with serving(ZONE) as api:
        api.hanging.clear()
        with pytest.raises(DnsOutage, match="Timeout"):
            await provider(api).present(NAME, "v")


async def test_nothing_outside_the_zone_is_sent() -> None:
    """A name beside the zone is refused before anybody is asked."""
    with serving(ZONE) as api:
        with pytest.raises(DnsRefused):
            await provider(api).present("_acme-challenge.two.test", "v")

        assert api.asked == []
