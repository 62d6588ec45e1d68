"""A classic load balancer's listener: its default certificate, and the extension of one SNI domain."""

import pytest

from certloom.domain.errors import Outage
from certloom.targets.interface import Material, Standing, TargetRefused
from tests.targets.alibaba.endpoint import Trouble
from tests.targets.alibaba.world import BALANCER, World
from tests.targets.pairs import mismatched, pair

NAME = "www.example.com"
FOREIGN, ONE, TWO = pair(NAME, 990), pair(NAME, 1), pair(NAME, 2)
PLACES = pytest.mark.parametrize("domain", [None, NAME], ids=["default", "extension"])


async def _installed(world: World, material: Material, domain: str | None = None) -> Standing:
    target = world.slb(domain)
    before = await target.examine()
    await target.install(material, before=before)
    return before


def _served(world: World, domain: str | None = None) -> str | None:
    return world.cloud.balancers.served(BALANCER, 443, domain)


def _uploads(world: World) -> list[str]:
    return [one.sha256 for one in world.cloud.balancers.certificates.values() if one.name.startswith("certloom-")]


@PLACES
async def test_a_pair_is_uploaded_and_set(balanced: World, domain: str | None) -> None:
    """After install the place holds the pair's leaf, under a name made of its fingerprint."""
    await _installed(balanced, ONE, domain)
    assert _served(balanced, domain) == ONE.fingerprint_sha256
    names = {one.name for one in balanced.cloud.balancers.certificates.values()}
    assert names == {"from-elsewhere", f"certloom-{ONE.fingerprint_sha256}"}


@PLACES
@pytest.mark.parametrize("sha1_only", [False, True])
async def test_installing_twice_uploads_once(balanced: World, domain: str | None, *, sha1_only: bool) -> None:
    """The second install finds the upload by its digest, of whichever kind the cloud tells, and sets nothing."""
    balanced.cloud.balancers.sha1_only = sha1_only
    await _installed(balanced, ONE, domain)
    asked = len(balanced.endpoint.asked)
    await _installed(balanced, ONE, domain)
    assert _uploads(balanced) == [ONE.fingerprint_sha256]
    assert all(action.startswith("Describe") for action in balanced.endpoint.asked[asked:])


async def test_an_extension_leaves_the_default_alone(balanced: World) -> None:
    """A pair for one domain changes neither the default certificate nor another domain's."""
    other = pair("api.example.com", 1)
    await _installed(balanced, other, "api.example.com")
    await _installed(balanced, ONE, NAME)
    await _installed(balanced, TWO, NAME)
    assert _served(balanced, NAME) == TWO.fingerprint_sha256
    assert _served(balanced, "api.example.com") == other.fingerprint_sha256
    assert _served(balanced) == FOREIGN.fingerprint_sha256


async def test_examine_tells_ids_and_fingerprint(balanced: World) -> None:
    """The ids that the way back needs are told, and the same each time."""
    await _installed(balanced, ONE, NAME)
    seen = await balanced.slb(NAME).examine()
    assert seen.fingerprint_sha256 == ONE.fingerprint_sha256
    assert set(seen.facts) == {"server_certificate_id", "server_certificate_name", "domain_extension_id"}
    assert await balanced.slb(NAME).examine() == seen


async def test_the_fingerprint_of_ours_is_known_where_sha1_is_told(balanced: World) -> None:
    """Where the cloud tells SHA-1 only, ours are known by their names, and those from elsewhere are not told."""
    balanced.cloud.balancers.sha1_only = True
    assert (await _installed(balanced, ONE)).fingerprint_sha256 is None
    assert (await balanced.slb().examine()).fingerprint_sha256 == ONE.fingerprint_sha256


@PLACES
async def test_rolling_back_twice_holds_what_was_before(balanced: World, domain: str | None) -> None:
    """The place holds the certificate before again, also when asked for twice."""
    await _installed(balanced, ONE, domain)
    before = await _installed(balanced, TWO, domain)
    for _ in range(2):
        await balanced.slb(domain).roll_back(before, installed=TWO, known=ONE)
        assert _served(balanced, domain) == ONE.fingerprint_sha256
    assert len(_uploads(balanced)) == 2


async def test_a_default_from_elsewhere_is_put_back(balanced: World) -> None:
    """A certificate that is not ours is put back by its id."""
    before = await _installed(balanced, ONE)
    await balanced.slb().roll_back(before, installed=ONE, known=None)
    assert _served(balanced) == FOREIGN.fingerprint_sha256


async def test_rolling_back_a_new_extension_deletes_it(balanced: World) -> None:
    """A domain that had no extension has none again, also when asked for twice."""
    before = await _installed(balanced, ONE, NAME)
    for _ in range(2):
        await balanced.slb(NAME).roll_back(before, installed=ONE, known=None)
        assert balanced.cloud.balancers.extensions == {}


async def test_an_extension_that_another_changed_is_not_deleted(balanced: World) -> None:
    """An extension that holds what somebody else put there is refused and left alone."""
    before = await _installed(balanced, ONE, NAME)
    await _installed(balanced, TWO, NAME)
    with pytest.raises(TargetRefused, match="Somebody else"):
        await balanced.slb(NAME).roll_back(before, installed=ONE, known=None)
    assert _served(balanced, NAME) == TWO.fingerprint_sha256


@PLACES
async def test_a_deleted_certificate_is_uploaded_for_the_way_back(balanced: World, domain: str | None) -> None:
    """When the id before is gone, the pair that we know is uploaded; without it the cloud's refusal is told."""
    await _installed(balanced, ONE, domain)
    before = await _installed(balanced, TWO, domain)
    del balanced.cloud.balancers.certificates[before.facts["server_certificate_id"]]
    with pytest.raises(TargetRefused, match="ServerCertificateId"):
        await balanced.slb(domain).roll_back(before, installed=TWO, known=None)
    await balanced.slb(domain).roll_back(before, installed=TWO, known=ONE)
    assert _served(balanced, domain) == ONE.fingerprint_sha256


@PLACES
async def test_forgetting_twice_deletes_what_we_replaced(balanced: World, domain: str | None) -> None:
    """The upload before is deleted, and its absence is success."""
    await _installed(balanced, ONE, domain)
    before = await _installed(balanced, TWO, domain)
    for _ in range(2):
        await balanced.slb(domain).forget(before)
        assert _uploads(balanced) == [TWO.fingerprint_sha256]


@PLACES
async def test_what_is_held_is_not_forgotten(balanced: World, domain: str | None) -> None:
    """The certificate that the place holds stays, and is not even asked to be deleted."""
    await _installed(balanced, ONE, domain)
    await balanced.slb(domain).forget(await balanced.slb(domain).examine())
    assert "DeleteServerCertificate" not in balanced.endpoint.asked


async def test_what_others_uploaded_is_not_forgotten(balanced: World) -> None:
    """A certificate without our name stays."""
    before = await _installed(balanced, ONE)
    await balanced.slb().forget(before)
    assert len(balanced.cloud.balancers.certificates) == 2


async def test_what_another_place_refers_to_stays(balanced: World) -> None:
    """A certificate that an extension still refers to is refused by the cloud, which is no failure."""
    await _installed(balanced, ONE, NAME)
    await _installed(balanced, ONE)
    before = await _installed(balanced, TWO)
    await balanced.slb().forget(before)
    assert sorted(_uploads(balanced)) == sorted((ONE.fingerprint_sha256, TWO.fingerprint_sha256))


@pytest.mark.parametrize("action", ["UploadServerCertificate", "CreateDomainExtension"])
async def test_an_answer_cut_off_leaves_one_certificate(balanced: World, action: str) -> None:
    """A crash after the cloud acted is an outage, and the next install ends with one upload and one extension."""
    balanced.endpoint.script(action, Trouble(cut_off=True))
    with pytest.raises(Outage):
        await _installed(balanced, ONE, NAME)
    await _installed(balanced, ONE, NAME)
    assert _uploads(balanced) == [ONE.fingerprint_sha256]
    assert len(balanced.cloud.balancers.extensions) == 1


async def test_common_name_twins_are_told_apart(balanced: World) -> None:
    """An uploaded certificate with the same common name is another certificate."""
    balanced.cloud.balancers.put_aside(TWO.leaf_pem, NAME)
    await _installed(balanced, ONE)
    assert _served(balanced) == ONE.fingerprint_sha256


async def test_a_key_of_another_leaf_is_refused(balanced: World) -> None:
    """A pair that does not belong together is refused and never sent."""
    with pytest.raises(TargetRefused, match="does not belong"):
        await _installed(balanced, mismatched(NAME))
    assert "UploadServerCertificate" not in balanced.endpoint.asked


async def test_a_listener_that_is_not_there_is_refused_with_what_to_do(balanced: World) -> None:
    """A missing listener and a missing load balancer are named in the refusal."""
    with pytest.raises(TargetRefused, match=r"no HTTPS listener on port 8443 .* Add the listener"):
        await balanced.slb(port=8443).examine()
    balanced.cloud.balancers.listeners.clear()
    with pytest.raises(TargetRefused, match=f"load balancer {BALANCER}.*InvalidLoadBalancerId"):
        await balanced.slb(NAME).examine()
