"""One certificate's whole life as its customer sees it, over HTTP only, step by step."""

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Final

from rich.panel import Panel
from rich.table import Table
from rich.text import Text

from lab.customer import JSON, Customer, DemoFailed
from lab.relying_party import Chain, CrlView, crl_url, read_chain, read_crl, require_fitting_key, require_trust, unpack
from lab.story_deploy import DeployStory
from lab.story_life import REASON, Chapter, LifeStory, moment, words
from lab.telling import Teller

PRODUCT: Final = "dv-single"
NAME: Final = "www.shop.lab.test"


class Story(LifeStory):
    """A certificate of the private CA, and what becomes of it on servers."""

    def __init__(self, teller: Teller, customer: Customer, servers: DeployStory) -> None:
        super().__init__(teller, customer, PRODUCT)
        self._servers = servers

    def chapters(self) -> Sequence[Chapter]:
        """See LifeStory."""
        return (
            ("What is on sale", self._browse),
            (f"Buying {PRODUCT}", self._buy),
            (f"Applying for {NAME}", self._apply),
            ("The first look for the proof", self._look),
            ("Publishing the proof in the lab", self._publish),
            ("Looking again, now", self._check_now),
            ("Downloading for nginx, and checking everything", self._download),
            *self._servers.chapters(),
            ("What a revocation would pay back", self._ask_quote),
            ("Revoking is refused while it is served", self._be_refused),
            ("Revoking", self._revoke),
            ("The CRL", self._check_crl),
            ("Deleting", self._delete),
            ("All of it, in the service's own words", self._recall),
        )

    def require_good_end(self) -> None:
        """Raise DemoFailed also unless one deployment was rolled back, and the others were proven."""
        super().require_good_end()
        states = {one["state"] for one in self.deployments}
        if states != {"deployed", "rolled_back"}:
            raise DemoFailed(f"The deployments ended as {', '.join(sorted(states))}: one had to be rolled back.")

    def _apply(self) -> None:
        form = {"names": [NAME], "validation": "dns-01", "key": {"type": "ecdsa-p256"}}
        with self._teller.waiting("key, order and challenge"):
            self.view = self._customer.post(f"{self._path}/application", form)
            self._until("it has a challenge", lambda view: view["phase"] not in ("idle", "preparing"))
        self._tell_status()
        record = self._challenge["record"]
        self._teller.say("To show that the name is yours, publish this DNS record:")
        rows = Table.grid(padding=(0, 2))
        for label, value in (("name", record["name"]), ("type", record["type"]), ("value", record["value"])):
            rows.add_row(Text(label, "dim"), Text(value, "bold"))
        self._teller.show(Panel.fit(rows, border_style="cyan"))
        self._teller.fact("open until", moment(self.view["application"]["deadline"]))

    def _look(self) -> None:
        with self._teller.waiting("the validator's first look"):
            self._until("it was looked for", lambda view: _challenge(view)["error"])
        challenge = self._challenge
        self._teller.fact("seen instead", challenge["seen"], style="yellow")
        self._teller.fact("advice", challenge["error"])
        self._teller.fact("next look", moment(challenge["next_look_at"]))

    def _publish(self) -> None:
        published = self._customer.post("/v1/lab/proofs", {"certificate_id": self.certificate_id})
        self._teller.good(f"Published: {published['items'][0]['record_name']}; in real life this is your own DNS.")

    def _check_now(self) -> None:
        with self._teller.waiting("proof, signature and storage"):
            self._until("it is issued", lambda view: view["status"] == "issued")
        self._tell_status()
        self._servers.begin(self.certificate_id)
        self._tell_issuance()

    def _download(self) -> None:
        files = unpack(self._customer.download(self.certificate_id, {"format": "nginx"}))
        self._teller.fact("files", ", ".join(f"{name} ({len(content):,} bytes)" for name, content in files.items()))
        chain = read_chain(files[f"{NAME}.pem"])
        require_fitting_key(chain.leaf, files[f"{NAME}.key"])
        self._teller.good("The private key fits the certificate.")
        require_trust(chain, self._customer.fetch("/pki/root.crt"), name=NAME, now=datetime.now(UTC))
        self._teller.good(f"The chain leads to the root of /pki/root.crt, for a server at {NAME}.")
        crl = self._crl(chain)
        if crl.revoked:
            raise DemoFailed("The CRL lists a certificate that nobody revoked.")
        self._teller.good(f"CRL number {crl.number} is signed by the issuer and does not list it.")

    def _be_refused(self) -> None:
        self._servers.refuse_revocation({"reason": REASON})

    def _check_crl(self) -> None:
        chain = read_chain(self._customer.fetch(f"{self._path}/chain.pem"))
        crl = self._crl(chain)
        if missing := set(self.serials) - set(crl.revoked):
            raise DemoFailed(f"The CRL does not list {words(sorted(missing))}, which is revoked.")
        self._teller.fact("from", crl_url(chain.leaf))
        for serial in self.serials:
            self._teller.fact("lists", f"{serial}, revoked {crl.revoked[serial]:%Y-%m-%d %H:%M:%S} UTC")
        self._teller.good(f"CRL number {crl.number} is signed by the issuer; entries: {len(crl.revoked)}.")

    def _named(self, sentence: str) -> str:
        return self._servers.call(sentence)

    @property
    def _challenge(self) -> JSON:
        return _challenge(self.view)

    def _crl(self, chain: Chain) -> CrlView:
        return read_crl(self._customer.fetch(crl_url(chain.leaf)), chain)


def _challenge(view: JSON) -> JSON:
    found: JSON = view["application"]["challenges"][0]
    return found
