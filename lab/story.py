"""One certificate's whole life as its customer sees it, over HTTP only, step by step."""

from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from typing import Final

from cryptography import x509
from cryptography.x509.oid import NameOID
from rich.panel import Panel
from rich.table import Table
from rich.text import Text

from certloom.domain.money import Money
from lab.customer import JSON, Customer, DemoFailed, Refused
from lab.relying_party import Chain, CrlView, crl_url, read_chain, read_crl, require_fitting_key, require_trust, unpack
from lab.story_deploy import DeployStory
from lab.telling import Teller

PRODUCT: Final = "dv-single"
NAME: Final = "www.shop.lab.test"
REASON: Final = "cessation_of_operation"
ILLEGAL: Final = "illegal_state"


class Story:
    """Tell the chapters in their order, each once. Raises DemoFailed where life does not go as promised."""

    def __init__(self, teller: Teller, customer: Customer, servers: DeployStory) -> None:
        self._teller = teller
        self._customer = customer
        self._servers = servers
        self.before = self.after = Money(amount=0, currency="XXX")
        self.view: JSON = {}
        self.events: list[JSON] = []
        self.serials: list[str] = []
        self.deployments: list[JSON] = []

    @property
    def certificate_id(self) -> str:
        """The certificate that this story is about."""
        return str(self.view["id"])

    def tell(self) -> None:
        """Tell everything from the catalogue to the tombstone."""
        chapters = (
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
        for title, chapter in chapters:
            with self._teller.step(title):
                chapter()

    def _browse(self) -> None:
        table = Table(
            "product", "what", "price", "plan", "full refund within", box=None, header_style="dim", pad_edge=False
        )
        for item in self._customer.get("/v1/products")["items"]:
            days = (f"{item['plan_days']} days", f"{item['refund']['days']} days")
            style = "bold" if item["id"] == PRODUCT else ""
            table.add_row(item["id"], item["title"], str(_money(item["price"])), *days, style=style)
        self._teller.show(table)
        self.before = self._balance()
        self._teller.fact("balance", self.before)

    def _buy(self) -> None:
        form = {"product": PRODUCT, "label": "demo", "payment": {"method": "balance"}}
        with self._teller.waiting("the charge and the start of its workflow"):
            self.view = self._customer.post("/v1/certificates", form)
            self._until("it is paid", lambda view: view["status"] == "paid")
        self._tell_status()
        self._teller.fact("certificate", self.certificate_id)
        self._teller.fact("charged", _money(self.view["payment"]["amount"]))
        self._teller.fact("balance", self._balance())
        self._teller.fact("allowed now", _words(self.view["allowed_actions"]))

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
        self._teller.fact("open until", _moment(self.view["application"]["deadline"]))

    def _look(self) -> None:
        with self._teller.waiting("the validator's first look"):
            self._until("it was looked for", lambda view: _challenge(view)["error"])
        challenge = self._challenge
        self._teller.fact("seen instead", challenge["seen"], style="yellow")
        self._teller.fact("advice", challenge["error"])
        self._teller.fact("next look", _moment(challenge["next_look_at"]))

    def _publish(self) -> None:
        published = self._customer.post("/v1/lab/proofs", {"certificate_id": self.certificate_id})
        self._teller.good(f"Published: {published['items'][0]['record_name']}; in real life this is your own DNS.")

    def _check_now(self) -> None:
        with self._teller.waiting("proof, signature and storage"):
            self._ask_for_look()
            self._until("it is issued", lambda view: view["status"] == "issued")
        self._tell_status()
        self._servers.begin(self.certificate_id)
        leaf, chain = self.view["issuance"], read_chain(self._customer.fetch(f"{self._path}/chain.pem"))
        self._teller.fact("serial", leaf["serial"], style="bold")
        self._teller.fact("valid", f"{_moment(leaf['not_before'])} to {_moment(leaf['not_after'])}")
        self._teller.fact("key", leaf["key_type"])
        self._teller.fact("signed by", " < ".join(_common_name(one.subject) for one in chain.issuers))
        self._teller.fact("trust anchor", _common_name(chain.issuers[-1].issuer))
        self._teller.fact("renewal", f"by itself at {_moment(self.view['renewal']['next_at'])}, within the plan")

    def _ask_for_look(self) -> None:
        try:
            self._customer.post(f"{self._path}/application/check")
        except Refused as refusal:
            if refusal.kind != ILLEGAL:  # else the look that was due anyway came first
                raise

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

    def _ask_quote(self) -> None:
        quote = self._customer.get(f"{self._path}/refund-quote")
        if not quote["due"]:
            raise DemoFailed(f"Nothing would be paid back: {_words([quote['why']])}.")
        self._teller.fact("refund", _money(quote["amount"]), style="bold")
        self._teller.fact("if revoked", f"until {_moment(quote['until'])}; after that, nothing")

    def _be_refused(self) -> None:
        self._servers.refuse_revocation({"reason": REASON})

    def _revoke(self) -> None:
        with self._teller.waiting("the issuer's confirmation, and then the refund"):
            self.view = self._customer.post(f"{self._path}/revocation", {"reason": REASON})
            self._until("it is refunded", lambda view: view["refund"]["state"] == "done" and view["phase"] == "idle")
        self._tell_status()
        self._teller.fact("reason", _words([self.view["revocation"]["reason"]]))
        self._teller.fact("refunded", _money(self.view["refund"]["amount"]), style="bold")
        self.after = self._balance()
        self._teller.fact("balance", self.after)

    def _check_crl(self) -> None:
        chain = read_chain(self._customer.fetch(f"{self._path}/chain.pem"))
        leaves = self._customer.get(f"{self._path}/issuances")["items"]
        self.serials = [leaf["serial"] for leaf in reversed(leaves)]
        crl = self._crl(chain)
        if missing := set(self.serials) - set(crl.revoked):
            raise DemoFailed(f"The CRL does not list {_words(sorted(missing))}, which is revoked.")
        self._teller.fact("from", crl_url(chain.leaf))
        for serial in self.serials:
            self._teller.fact("lists", f"{serial}, revoked {crl.revoked[serial]:%Y-%m-%d %H:%M:%S} UTC")
        self._teller.good(f"CRL number {crl.number} is signed by the issuer; entries: {len(crl.revoked)}.")

    def _delete(self) -> None:
        with self._teller.waiting("the destruction of the private key"):
            self._customer.delete(self._path)
            self._until("it is deleted", lambda view: view["status"] == "deleted")
        self._tell_status()
        kept = f"{_words(self.view['names'])}, {len(self.serials)} leaves, payment, refund, deployments, timeline"
        self._teller.fact("tombstone", kept)
        self._teller.fact("allowed now", _words(self.view["allowed_actions"]) or "nothing")
        try:
            self._customer.download(self.certificate_id, {"format": "nginx"})
        except Refused as refusal:
            self._teller.good(f"A download now answers {refusal.status} {refusal.kind}: {refusal}")
        else:
            raise DemoFailed("A deleted certificate could still be downloaded.")

    def _recall(self) -> None:
        page = self._customer.get(f"{self._path}/events?limit=200")
        self.events = list(reversed(page["items"]))
        self.deployments = self._customer.deployments(self.certificate_id)
        table = Table("time, UTC", "who", "what happened", box=None, header_style="dim", pad_edge=False)
        for event in self.events:
            at = datetime.fromisoformat(event["at"])
            who = "you" if event["who"] == self._customer.key_id else event["who"]
            words = Text(self._servers.call(event["sentence"]))
            if event["why"]:
                words.append(f" {event['why']}", "dim")
            table.add_row(Text(f"{at:%H:%M:%S}.{at.microsecond // 1000:03}", "dim"), who, words)
        self._teller.show(table)

    @property
    def _path(self) -> str:
        return f"/v1/certificates/{self.certificate_id}"

    @property
    def _challenge(self) -> JSON:
        return _challenge(self.view)

    def _until(self, what: str, holds: Callable[[JSON], bool]) -> None:
        self.view = self._customer.until(self.certificate_id, what, holds)

    def _balance(self) -> Money:
        return _money(self._customer.get("/v1/account")["balance"])

    def _crl(self, chain: Chain) -> CrlView:
        return read_crl(self._customer.fetch(crl_url(chain.leaf)), chain)

    def _tell_status(self) -> None:
        self._teller.fact("status", self.view["status"], style="bold green")


def _challenge(view: JSON) -> JSON:
    found: JSON = view["application"]["challenges"][0]
    return found


def _money(value: JSON) -> Money:
    return Money.model_validate(value)


def _moment(text: str | None) -> str:
    return f"{datetime.fromisoformat(text):%Y-%m-%d %H:%M:%S} UTC" if text else "never"


def _words(codes: Sequence[str]) -> str:
    return ", ".join(code.replace("_", " ") for code in codes)


def _common_name(name: x509.Name) -> str:
    return str(name.get_attributes_for_oid(NameOID.COMMON_NAME)[0].value)
