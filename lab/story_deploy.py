"""The middle of the story: on servers, proven there by handshakes, renewed, broken, mended, and not to be revoked."""

import time
from collections.abc import Callable, Collection, Sequence
from typing import Final

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from rich.table import Table

from lab.customer import JSON, PATIENCE, Customer, DemoFailed, Refused
from lab.places import Place, Places
from lab.progress import Stand
from lab.relying_party import shake_hands
from lab.telling import Teller

LOOK_EVERY: Final = 0.05  # seconds between two looks at how far deployments are
KEY: Final = {"type": "ecdsa-p256"}


class DeployStory:
    """Tell what becomes of one certificate on the demo's servers; `chapters` in their order, each once.

    The operator describes the places on this machine, the customer does the rest. Raises DemoFailed as Story does.
    """

    def __init__(self, teller: Teller, customer: Customer, operator: Customer, places: Places) -> None:
        self._teller = teller
        self._customer = customer
        self._operator = operator
        self._places = places
        self._targets: dict[str, Place] = {}
        self._certificate_id = ""
        self._root = b""
        self._view: JSON = {}

    def begin(self, certificate_id: str) -> None:
        """Say which certificate it is, once it is issued."""
        self._certificate_id = certificate_id
        self._root = self._customer.fetch("/pki/root.crt")

    def chapters(self) -> Sequence[tuple[str, Callable[[], None]]]:
        """Return titles and chapters."""
        return (
            ("Deploying to three servers", self._deploy),
            ("The proof: what a client gets now", self._prove),
            ("Renewing: everywhere by itself", self._renew),
            ("Replacing, while one endpoint is broken", self._break),
            ("Mending it, and deploying there again", self._mend),
        )

    def refuse_revocation(self, form: JSON) -> None:
        """Ask for a revocation that is refused, since the certificate is served; then stop the servers."""
        try:
            self._customer.post(f"{self._path}/revocation", form)
        except Refused as refusal:
            if refusal.kind != "in_use":
                raise
            self._teller.fact("answer", f"{refusal.status} {refusal.kind}", style="yellow")
            self._teller.fact("because", refusal)
        else:
            raise DemoFailed("A certificate that is served could be revoked without force.")
        self._places.shut()
        self._teller.good("Now the shop closes: all its servers stop. What is served no more can be revoked.")

    def call(self, sentence: str) -> str:
        """Say a place's name instead of its target's id."""
        for target_id, place in self._targets.items():
            sentence = sentence.replace(f"the target {target_id}", place.title)
        return sentence

    def _deploy(self) -> None:
        table = _table("server", "kind", "asked at", "serves so far")
        with self._teller.waiting("the places to be added and tried, without changing anything"):
            for place in self._places.all:
                table.add_row(place.title, place.kind, _where(place), self._added(place))
        self._teller.show(table)
        self._follow_request(list(self._targets))
        self._teller.good("Each is deployed only now: every endpoint returned the new leaf, three times in a row.")

    def _added(self, place: Place) -> str:
        """Describe a place to the service, have it tried, and return what it serves until now."""
        who = self._operator if place.on_host else self._customer
        account_id = self._customer.get("/v1/account")["id"]
        target = who.post("/v1/targets", place.form(self._places.name, account_id))
        tried = who.post(target["links"]["test"])
        if not tried["works"]:
            bad = [finding["detail"] for finding in tried["findings"] if not finding["works"]]
            raise DemoFailed(f"{place.title} does not work: {' '.join(bad)}")
        self._targets[target["id"]] = place
        before = shake_hands(place.ports[0], name=self._places.name, root_der=None)
        return "self-signed" if before.issuer == before.subject else before.issuer.rfc4514_string()

    def _prove(self) -> None:
        self._look_at_certificate("it is proven everywhere", lambda view: self._all_proven(view, 1))
        self._show_served({place.title: self._view["issuance"] for place in self._places.all})
        self._teller.fact("SHA-256", self._view["issuance"]["fingerprint_sha256"])
        self._teller.good("A client that trusts the root alone got exactly this from each endpoint, by its name.")

    def _renew(self) -> None:
        old = self._view["issuance"]
        with self._teller.waiting("the new certificate"):
            self._customer.post(f"{self._path}/renewal")
            self._look_at_certificate("it is renewed", lambda view: view["issuance"]["number"] == old["number"] + 1)
        self._follow(len(self._targets), lambda one: one["issuance"] == old["number"] + 1)
        self._look_at_certificate("it is proven", lambda view: self._all_proven(view, old["number"] + 1))
        self._show_served({place.title: self._view["issuance"] for place in self._places.all})
        self._teller.good(f"{old['serial']} is served nowhere any more.")

    def _break(self) -> None:
        old, broken = self._view["issuance"], self._places.edge
        self._places.break_edge()
        self._teller.say(f"From now on {_last(broken)} goes on serving what it serves, whatever its server is told.")
        form = {"reason": "superseded", "key": KEY}
        with self._teller.waiting("a new key and certificate"):
            self._customer.post(f"{self._path}/replacement", form)
            self._look_at_certificate("it is replaced", lambda view: view["issuance"]["number"] == old["number"] + 1)
        ends = self._follow(
            len(self._targets), lambda one: one["issuance"] == old["number"] + 1, rolled_back={broken.title}
        )
        why = next(one["why"] for one in ends if one["target_name"] == broken.title)
        self._teller.fact("why", why, style="yellow")
        new = self._view["issuance"]
        self._show_served({place.title: old if place is broken else new for place in self._places.all})
        if self._revoked():
            raise DemoFailed("A certificate was revoked while a target still serves it.")
        self._teller.good("The old certificates are not revoked yet: one of them is still served.")

    def _mend(self) -> None:
        self._places.mend_edge()
        edge = [target_id for target_id, place in self._targets.items() if place is self._places.edge]
        self._follow_request(edge)
        with self._teller.waiting("the revocation of the old ones, which nothing serves any more"):
            self._look_at_certificate("the old ones are revoked", lambda view: view["phase"] == "idle")
        self._show_served({place.title: self._view["issuance"] for place in self._places.all})
        for serial in self._revoked():
            self._teller.good(f"{serial} is revoked.")

    def _show_served(self, wanted: dict[str, JSON]) -> None:
        """Shake hands with every endpoint and show what came; raises DemoFailed when it is not what is wanted there."""
        table = _table("server", "asked at", "name", "serial")
        for place in self._places.all:
            for port in place.ports:
                leaf = shake_hands(port, name=self._places.name, root_der=self._root)
                if leaf.fingerprint(hashes.SHA256()).hex() != wanted[place.title]["fingerprint_sha256"]:
                    raise DemoFailed(f"127.0.0.1:{port} of {place.title} serves {leaf.serial_number:x} instead.")
                table.add_row(place.title, f"127.0.0.1:{port}", _names(leaf), f"{leaf.serial_number:x}")
        self._teller.show(table)

    def _follow_request(self, target_ids: Sequence[str]) -> None:
        begun = self._customer.post(f"{self._path}/deployments", {"targets": target_ids})["items"]
        ids = {one["id"] for one in begun}
        self._follow(len(ids), lambda one: one["id"] in ids)

    def _follow(self, count: int, ours: Callable[[JSON], bool], *, rolled_back: Collection[str] = ()) -> Sequence[JSON]:
        """Tell how far deployments are until so many have ended, as they should; raises DemoFailed otherwise."""
        until = time.monotonic() + PATIENCE
        with self._teller.following() as take:
            while True:
                found = [one for one in reversed(self._customer.deployments(self._certificate_id)) if ours(one)]
                take([Stand(one["target_name"], one["state"], _good(one)) for one in found])
                if len(found) == count and all(one["ended_at"] for one in found):
                    break
                if time.monotonic() > until:
                    raise DemoFailed(f"The deployments did not end within {PATIENCE:.0f} s.")
                time.sleep(LOOK_EVERY)
        for one in found:
            wanted = "rolled_back" if one["target_name"] in rolled_back else "deployed"
            if one["state"] != wanted:
                why = one["why"] or "Nothing says why."
                raise DemoFailed(f"{one['target_name']} is {one['state']} instead of {wanted}. {why}")
        return found

    def _all_proven(self, view: JSON, number: int) -> bool:
        return [one["proven"] for one in view["placements"]] == [number] * len(self._targets)

    def _revoked(self) -> Sequence[str]:
        leaves = self._customer.get(f"{self._path}/issuances")["items"]
        return [leaf["serial"] for leaf in reversed(leaves) if leaf["state"] == "revoked"]

    def _look_at_certificate(self, what: str, holds: Callable[[JSON], bool]) -> None:
        self._view = self._customer.until(self._certificate_id, what, holds)

    @property
    def _path(self) -> str:
        return f"/v1/certificates/{self._certificate_id}"


def _table(*columns: str) -> Table:
    return Table(*columns, box=None, header_style="dim", pad_edge=False)


def _names(leaf: x509.Certificate) -> str:
    names = leaf.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    return ", ".join(names.get_values_for_type(x509.DNSName))


def _where(place: Place) -> str:
    return "127.0.0.1" + " and ".join(f":{port}" for port in place.ports)


def _last(place: Place) -> str:
    return f"127.0.0.1:{place.ports[-1]}"


def _good(deployment: JSON) -> bool | None:
    return deployment["state"] == "deployed" if deployment["ended_at"] else None
