"""A CDN domain: what is set, put back and removed, and what the certificate store holds afterwards."""

import dataclasses

import pytest

from certloom.domain.errors import Outage
from certloom.targets.alibaba_cas import name_of
from certloom.targets.alibaba_forms import pair_of
from certloom.targets.interface import Material, TargetRefused
from tests.targets.alibaba.cloud import Domain
from tests.targets.alibaba.endpoint import Trouble
from tests.targets.alibaba.world import World
from tests.targets.pairs import mismatched, pair

NAME = "www.example.com"
ONE, TWO = pair(NAME, 1), pair(NAME, 2)


async def _installed(world: World, material: Material, domain: str = NAME) -> None:
    target = world.cdn(domain)
    await target.install(material, before=await target.examine())


async def test_a_pair_is_stored_and_set(world: World) -> None:
    """After install the domain serves the pair's leaf, under a name made of its fingerprint."""
    await _installed(world, ONE)
    assert world.cloud.served(NAME) == ONE.fingerprint_sha256
    assert [one.name for one in world.cloud.store.values()] == [f"certloom-{ONE.fingerprint_sha256[:40]}"]


async def test_installing_twice_stores_and_sets_once(world: World) -> None:
    """The second install finds the pair set and changes nothing."""
    await _installed(world, ONE)
    await _installed(world, ONE)
    assert len(world.cloud.store) == 1
    assert world.endpoint.asked.count("SetCdnDomainSSLCertificate") == 1


async def test_examine_tells_id_name_and_fingerprint(world: World) -> None:
    """What is set is told with all that the way back needs, and the same each time."""
    await _installed(world, ONE)
    seen = await world.cdn().examine()
    stored = next(iter(world.cloud.store.values()))
    assert seen.fingerprint_sha256 == ONE.fingerprint_sha256
    assert seen.facts == {"cert_id": stored.id, "cert_name": stored.name, "cert_region": "cn-hangzhou", "ssl": "on"}
    assert await world.cdn().examine() == seen


async def test_a_domain_without_https_has_no_fingerprint(world: World) -> None:
    """A domain on which HTTPS is off is an empty slot."""
    seen = await world.cdn().examine()
    assert seen.fingerprint_sha256 is None
    assert seen.facts["ssl"] == "off"


async def test_rolling_back_twice_sets_the_certificate_before(world: World) -> None:
    """A certificate from elsewhere is served again by its id, also when asked for twice."""
    world.cloud.domains[NAME] = Domain(is_on=True, certificate=world.cloud.put_aside(pair(NAME, 9).leaf_pem))
    target = world.cdn()
    before = await target.examine()
    await target.install(ONE, before=before)
    for _ in range(2):
        await target.roll_back(before, installed=ONE, known=None)
        assert world.cloud.served(NAME) == pair(NAME, 9).fingerprint_sha256


async def test_rolling_back_to_nothing_switches_https_off(world: World) -> None:
    """A domain that had HTTPS off has it off again, also when asked for twice."""
    target = world.cdn()
    before = await target.examine()
    await target.install(ONE, before=before)
    for _ in range(2):
        await target.roll_back(before, installed=ONE, known=None)
        assert world.cloud.served(NAME) is None
    assert world.endpoint.asked.count("SetCdnDomainSSLCertificate") == 2


async def test_rolling_back_what_never_arrived_changes_nothing(world: World) -> None:
    """Without an install the way back finds everything in place."""
    await _installed(world, ONE)
    target = world.cdn()
    await target.roll_back(await target.examine(), installed=TWO, known=None)
    assert world.endpoint.asked.count("SetCdnDomainSSLCertificate") == 1


async def test_a_certificate_that_left_the_store_is_uploaded_for_the_way_back(world: World) -> None:
    """When the id before is gone, the pair that we know is stored and set in its place."""
    await _installed(world, ONE)
    target = world.cdn()
    before = await target.examine()
    await target.install(TWO, before=before)
    del world.cloud.store[before.facts["cert_id"]]
    await target.roll_back(before, installed=TWO, known=ONE)
    assert world.cloud.served(NAME) == ONE.fingerprint_sha256


async def test_no_way_back_without_id_and_pair(world: World) -> None:
    """A certificate without an id in the store that is not one of ours is refused with what to do."""
    target = world.cdn()
    before = await target.examine()
    elsewhere = before.model_copy(update={"facts": {"ssl": "on", "cert_id": "", "cert_name": "x"}})
    await target.install(ONE, before=before)
    with pytest.raises(TargetRefused, match="console"):
        await target.roll_back(elsewhere, installed=ONE, known=None)


async def test_forgetting_twice_deletes_what_we_replaced(world: World) -> None:
    """The certificate before is deleted from the store, and its absence is success."""
    await _installed(world, ONE)
    target = world.cdn()
    before = await target.examine()
    await target.install(TWO, before=before)
    for _ in range(2):
        await target.forget(before)
        assert [one.sha256 for one in world.cloud.store.values()] == [TWO.fingerprint_sha256]


async def test_what_is_active_is_not_forgotten(world: World) -> None:
    """The certificate that the domain serves stays in the store."""
    await _installed(world, ONE)
    await world.cdn().forget(await world.cdn().examine())
    assert len(world.cloud.store) == 1


async def test_what_others_uploaded_is_not_forgotten(world: World) -> None:
    """A certificate without our name stays in the store."""
    world.cloud.domains[NAME] = Domain(is_on=True, certificate=world.cloud.put_aside(pair(NAME, 9).leaf_pem))
    target = world.cdn()
    before = await target.examine()
    await target.install(ONE, before=before)
    await target.forget(before)
    assert len(world.cloud.store) == 2


async def test_what_another_domain_serves_is_not_forgotten(world: World) -> None:
    """A certificate that was replaced on one domain stays as long as another one has it."""
    both = pair("*.example.com", 1)
    await _installed(world, both)
    await _installed(world, both, "api.example.com")
    assert len(world.cloud.store) == 1
    target = world.cdn()
    before = await target.examine()
    await target.install(ONE, before=before)
    await target.forget(before)
    assert before.facts["cert_id"] in world.cloud.store


async def test_what_another_product_uses_is_not_forgotten(world: World) -> None:
    """A certificate that the store says is deployed elsewhere stays."""
    await _installed(world, ONE)
    target = world.cdn()
    before = await target.examine()
    await target.install(TWO, before=before)
    world.cloud.store[before.facts["cert_id"]].products = ("CDN", "ALB")
    await target.forget(before)
    assert before.facts["cert_id"] in world.cloud.store


async def test_a_user_on_the_second_page_counts(world: World) -> None:
    """All domains are looked at before a certificate is deleted, not only the first hundred."""
    both = pair("*.example.com", 1)
    other = Domain(is_on=True, certificate=world.cloud.put_aside(TWO.leaf_pem))
    world.cloud.domains |= {f"a{number}.example.com": other for number in range(110)}
    await _installed(world, both)
    world.cloud.domains["z.example.com"] = world.cloud.domains[NAME]
    world.cloud.domains[NAME] = Domain(is_on=True, certificate=world.cloud.domains[NAME].certificate)
    target = world.cdn()
    before = await target.examine()
    await target.install(ONE, before=before)
    await target.forget(before)
    assert before.facts["cert_id"] in world.cloud.store


async def test_a_missing_permission_to_delete_is_told(world: World) -> None:
    """A refusal for want of a permission is no sign of use, and names the permission."""
    await _installed(world, ONE)
    target = world.cdn()
    before = await target.examine()
    await target.install(TWO, before=before)
    world.endpoint.script("DeleteUserCertificate", Trouble("NoPermission", 403))
    with pytest.raises(TargetRefused, match="yundun-cert:DeleteUserCertificate"):
        await target.forget(before)


async def test_a_store_that_will_not_delete_is_no_failure(world: World) -> None:
    """A refusal to delete is taken as still in use."""
    await _installed(world, ONE)
    target = world.cdn()
    before = await target.examine()
    await target.install(TWO, before=before)
    world.endpoint.script("DeleteUserCertificate", Trouble("CertificateDeployed", message="It is in use."))
    await target.forget(before)
    assert len(world.cloud.store) == 2


@pytest.mark.parametrize("action", ["UploadUserCertificate", "SetCdnDomainSSLCertificate"])
async def test_an_answer_cut_off_leaves_one_certificate(world: World, action: str) -> None:
    """A crash after the cloud acted is an outage, and the next install ends with exactly one certificate."""
    world.endpoint.script(action, Trouble(cut_off=True))
    with pytest.raises(Outage):
        await _installed(world, ONE)
    await _installed(world, ONE)
    assert [one.sha256 for one in world.cloud.store.values()] == [ONE.fingerprint_sha256]
    assert world.cloud.served(NAME) == ONE.fingerprint_sha256
    assert world.endpoint.asked.count("UploadUserCertificate") == 1


async def test_a_list_that_is_behind_does_not_store_twice(world: World) -> None:
    """When the search does not show the name yet that the upload says is taken, the whole list is read."""
    for _ in range(110):
        world.cloud.put_aside(TWO.leaf_pem)
    world.cloud.put_aside(pair_of(ONE).chain, name_of(pair_of(ONE)))
    world.cloud.list_is_behind = True
    await _installed(world, ONE)
    assert len(world.cloud.store) == 111
    assert world.cloud.served(NAME) == ONE.fingerprint_sha256


async def test_our_name_on_other_content_is_refused(world: World) -> None:
    """A stored certificate with our name and another leaf is not set; the sentence names what to rename."""
    stored = world.cloud.put_aside(TWO.leaf_pem, name_of(pair_of(ONE)))
    with pytest.raises(TargetRefused, match=f"Rename or delete it .id {stored.id}"):
        await _installed(world, ONE)
    assert world.cloud.served(NAME) is None


async def test_the_same_leaf_under_another_name_is_taken(world: World) -> None:
    """When the store says that a name is taken and does not show it, the padded serial and the content find it."""
    stored = world.cloud.put_aside(ONE.leaf_pem, "uploaded-by-hand")
    world.endpoint.script("UploadUserCertificate", Trouble("Repeat", message="名称重复"))
    await _installed(world, ONE)
    assert world.cloud.domains[NAME].certificate is stored


async def test_a_certificate_without_key_is_not_taken(world: World) -> None:
    """A leaf that is stored without its key cannot be served, so the pair is stored beside it."""
    world.cloud.put_aside(ONE.leaf_pem, f"leaf of {name_of(pair_of(ONE))}", has_key=False)
    await _installed(world, ONE)
    assert len(world.cloud.store) == 2
    assert world.cloud.served(NAME) == ONE.fingerprint_sha256


async def test_common_name_twins_are_told_apart(world: World) -> None:
    """A stored certificate with the same common name is another certificate."""
    world.cloud.put_aside(TWO.leaf_pem, NAME)
    await _installed(world, ONE)
    assert world.cloud.served(NAME) == ONE.fingerprint_sha256
    assert len(world.cloud.store) == 2


async def test_a_deleted_certificate_that_returns_is_stored_anew(world: World) -> None:
    """The client token of the first upload does not bring back the id that was deleted since."""
    for material in (ONE, TWO):
        target = world.cdn()
        before = await target.examine()
        await target.install(material, before=before)
        await target.forget(before)
    await _installed(world, ONE)
    assert world.cloud.served(NAME) == ONE.fingerprint_sha256


async def test_an_rsa_pair_with_a_chain_is_taken(world: World) -> None:
    """RSA keys go as PKCS#1 and the chain behind the leaf; the fake refuses all other forms."""
    rsa = pair(NAME, 5, is_rsa=True)
    chained = dataclasses.replace(rsa, chain_pem="\n" + pair("ca.example.com", 1).leaf_pem)
    await _installed(world, chained)
    assert world.cloud.served(NAME) == rsa.fingerprint_sha256


async def test_a_key_of_another_leaf_is_refused(world: World) -> None:
    """A pair that does not belong together is refused and never sent."""
    with pytest.raises(TargetRefused, match="does not belong"):
        await _installed(world, mismatched(NAME))
    assert "UploadUserCertificate" not in world.endpoint.asked


async def test_domains_do_not_disturb_each_other(world: World) -> None:
    """What is installed on one domain leaves the others as they are, wildcard domains too."""
    world.cloud.domains[".example.com"] = Domain()
    await _installed(world, ONE)
    await _installed(world, pair("*.example.com", 2), ".example.com")
    assert world.cloud.served(NAME) == ONE.fingerprint_sha256
    assert world.cloud.served(".example.com") == pair("*.example.com", 2).fingerprint_sha256
    assert world.cloud.served("api.example.com") is None


async def test_a_domain_that_is_not_there_is_refused_with_what_to_do(world: World) -> None:
    """A domain of nobody or of another account is named in the refusal."""
    with pytest.raises(TargetRefused, match=r"no CDN domain gone\.example\.com\. Add the domain"):
        await world.cdn("gone.example.com").examine()
