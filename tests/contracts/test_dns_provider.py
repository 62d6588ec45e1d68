"""What every DnsProvider promises: the fake, dynamic updates to a real BIND, and a vendor's API through dns-lexicon."""

from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import NamedTuple

import pytest

from certloom.dns.fake import FakeDns
from certloom.dns.interface import DnsProvider, DnsRefused
from certloom.dns.lexicon import LexiconProvider
from certloom.domain.errors import Outage
from certloom.domain.zone import LexiconCredentials
from tests.dns.bind import NAMED, make_bind, make_provider, running
from tests.dns.powerdns import KEY, serving

ZONE = "one.test"
NAME = f"_acme-challenge.www.{ZONE}"


class Ground(NamedTuple):
    """A provider, what stands there, and how to make it fail for good or for a while."""

    provider: DnsProvider
    texts: Callable[[str], set[str]]
    refusing: DnsProvider
    away: DnsProvider


def lexicon(url: str, key: str) -> DnsProvider:
    options = {"pdns_server": url, "auth_token": key}
    return LexiconProvider(ZONE, "powerdns", LexiconCredentials.model_validate({"options": options}), deadline=5)


@pytest.fixture(params=["fake", "rfc2136", "lexicon"])
async def ground(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Ground]:
    if request.param == "fake":
        fake, refusing, away = FakeDns(), FakeDns(), FakeDns()
        refusing.broken, away.broken = DnsRefused("The fake refuses."), Outage("The fake is away.")
        yield Ground(fake, lambda name: fake.records[name], refusing, away)
    elif request.param == "lexicon":
        pytest.importorskip("lexicon")
        with serving(ZONE) as vendor, serving(ZONE) as broken:
            broken.status = 503
            yield Ground(lexicon(vendor.url, KEY), vendor.texts, lexicon(vendor.url, "x"), lexicon(broken.url, KEY))
    else:
        if NAMED is None:
            pytest.skip("BIND's named is not installed (Debian package bind9)")
        server = make_bind(tmp_path / "one", {ZONE: "@ NS ns1\nns1 A 127.0.0.1\n"})
        gone = make_bind(tmp_path / "gone", {})
        async with running(server):
            refusing_key = make_provider(server, ZONE, key_name="reader")
            yield Ground(make_provider(server, ZONE), server.texts, refusing_key, make_provider(gone, ZONE))


async def test_a_value_stands_there_once_however_often(ground: Ground) -> None:
    """Presenting again changes nothing."""
    for _ in range(3):
        await ground.provider.present(NAME, "a-value")

    assert ground.texts(NAME) == {"a-value"}


async def test_two_values_stand_under_one_label(ground: Ground) -> None:
    """A wildcard and the name under it are proven side by side."""
    for value in ("first", "second"):
        await ground.provider.present(NAME, value)

    assert ground.texts(NAME) == {"first", "second"}


async def test_a_clean_up_takes_one_value(ground: Ground) -> None:
    """Other values under the same label stay."""
    for value in ("first", "second"):
        await ground.provider.present(NAME, value)
    await ground.provider.clean_up(NAME, "first")

    assert ground.texts(NAME) == {"second"}


async def test_a_clean_up_of_nothing_is_silent(ground: Ground) -> None:
    """What is gone, or never was there, is no fault."""
    await ground.provider.clean_up(NAME, "never")
    await ground.provider.present(NAME, "a-value")
    for _ in range(2):
        await ground.provider.clean_up(NAME, "a-value")

    assert ground.texts(NAME) == set()


async def test_values_are_kept_to_the_letter(ground: Ground) -> None:
    """Case, hyphens and underscores of a digest arrive as they are, and differ from each other."""
    values = {"Aa-_9", "aa-_9"}
    for value in sorted(values):
        await ground.provider.present(NAME, value)
    await ground.provider.clean_up(NAME, "aa-_9")

    assert ground.texts(NAME) == {"Aa-_9"}


async def test_wrong_credentials_are_refused(ground: Ground) -> None:
    """A person has to act, and the sentence has no secret in it."""
    with pytest.raises(DnsRefused) as refused:
        await ground.refusing.present(NAME, "a-value")

    assert refused.value.detail.endswith(".")
    assert KEY not in refused.value.detail
    assert ground.texts(NAME) == set()


async def test_who_does_not_answer_is_an_outage(ground: Ground) -> None:
    """The same call may succeed later."""
    for call in (ground.away.present, ground.away.clean_up):
        with pytest.raises(Outage):
            await call(NAME, "a-value")
