"""What every story of a certificate tells alike: buying, its issuance, revoking, deleting, and the look back."""

from collections.abc import Callable, Sequence
from datetime import datetime
from typing import Final

from cryptography import x509
from cryptography.x509.oid import NameOID
from rich.table import Table
from rich.text import Text

from certloom.domain.money import Money
from lab.customer import JSON, Customer, DemoFailed, Refused
from lab.relying_party import read_chain
from lab.telling import Teller

REASON: Final = "cessation_of_operation"

Chapter = tuple[str, Callable[[], None]]


class LifeStory:
    """The life of one certificate of *product*; `chapters` say in which order it is told.

    Raises DemoFailed where life does not go as promised.
    """

    def __init__(self, teller: Teller, customer: Customer, product: str) -> None:
        self._teller = teller
        self._customer = customer
        self._product = product
        self.before = self.after = Money(amount=0, currency="XXX")
        self.view: JSON = {}
        self.events: list[JSON] = []
        self.serials: list[str] = []
        self.deployments: list[JSON] = []

    @property
    def certificate_id(self) -> str:
        """The certificate that this story is about."""
        return str(self.view["id"])

    def chapters(self) -> Sequence[Chapter]:
        """Return titles and chapters."""
        raise NotImplementedError

    def tell(self) -> None:
        """Tell everything from the catalogue to the tombstone, each chapter once."""
        for title, chapter in self.chapters():
            with self._teller.step(title):
                chapter()

    def require_good_end(self) -> None:
        """Raise DemoFailed unless it is deleted and every cent is back."""
        if self.view["status"] != "deleted":
            raise DemoFailed(f"The certificate is {self.view['status']} instead of deleted.")
        if self.after != self.before:
            raise DemoFailed(f"The balance is {self.after}, and it was {self.before} before the purchase.")

    def _browse(self) -> None:
        table = Table(
            "product", "what", "price", "plan", "full refund within", box=None, header_style="dim", pad_edge=False
        )
        for item in self._customer.get("/v1/products")["items"]:
            days = (f"{item['plan_days']} days", f"{item['refund']['days']} days")
            style = "bold" if item["id"] == self._product else ""
            table.add_row(item["id"], item["title"], str(money(item["price"])), *days, style=style)
        self._teller.show(table)
        self.before = self._balance()
        self._teller.fact("balance", self.before)

    def _buy(self) -> None:
        form = {"product": self._product, "label": "demo", "payment": {"method": "balance"}}
        with self._teller.waiting("the charge and the start of its workflow"):
            self.view = self._customer.post("/v1/certificates", form)
            self._until("it is paid", lambda view: view["status"] == "paid")
        self._tell_status()
        self._teller.fact("certificate", self.certificate_id)
        self._teller.fact("charged", money(self.view["payment"]["amount"]))
        self._teller.fact("balance", self._balance())
        self._teller.fact("allowed now", words(self.view["allowed_actions"]))

    def _tell_issuance(self) -> None:
        """Tell what was issued last."""
        leaf, chain = self.view["issuance"], read_chain(self._customer.fetch(f"{self._path}/chain.pem"))
        self._teller.fact("serial", leaf["serial"], style="bold")
        self._teller.fact("valid", f"{moment(leaf['not_before'])} to {moment(leaf['not_after'])}")
        self._teller.fact("key", leaf["key_type"])
        self._teller.fact("signed by", " < ".join(common_name(one.subject) for one in chain.issuers))
        self._teller.fact("trust anchor", common_name(chain.issuers[-1].issuer))
        self._teller.fact("renewal", f"by itself at {moment(self.view['renewal']['next_at'])}, within the plan")

    def _ask_quote(self) -> None:
        quote = self._customer.get(f"{self._path}/refund-quote")
        if not quote["due"]:
            raise DemoFailed(f"Nothing would be paid back: {words([quote['why']])}.")
        self._teller.fact("refund", money(quote["amount"]), style="bold")
        self._teller.fact("if revoked", f"until {moment(quote['until'])}; after that, nothing")

    def _revoke(self) -> None:
        with self._teller.waiting("the issuer's confirmation, and then the refund"):
            self.view = self._customer.post(f"{self._path}/revocation", {"reason": REASON})
            self._until("it is refunded", lambda view: view["refund"]["state"] == "done" and view["phase"] == "idle")
        self._tell_status()
        self._teller.fact("reason", words([self.view["revocation"]["reason"]]))
        self._teller.fact("refunded", money(self.view["refund"]["amount"]), style="bold")
        self.after = self._balance()
        self._teller.fact("balance", self.after)
        leaves = self._customer.get(f"{self._path}/issuances")["items"]
        self.serials = [leaf["serial"] for leaf in reversed(leaves)]

    def _delete(self) -> None:
        with self._teller.waiting("the destruction of the private key"):
            self._customer.delete(self._path)
            self._until("it is deleted", lambda view: view["status"] == "deleted")
        self._tell_status()
        served = ", deployments" if self.view["deployments_count"] else ""
        kept = f"{words(self.view['names'])}, {len(self.serials)} leaves, payment, refund{served}, timeline"
        self._teller.fact("tombstone", kept)
        self._teller.fact("allowed now", words(self.view["allowed_actions"]) or "nothing")
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
            told = Text(self._named(event["sentence"]))
            if event["why"]:
                told.append(f" {event['why']}", "dim")
            table.add_row(Text(f"{at:%H:%M:%S}.{at.microsecond // 1000:03}", "dim"), who, told)
        self._teller.show(table)

    def _named(self, sentence: str) -> str:
        """Say names that people know in a sentence of the timeline."""
        return sentence

    @property
    def _path(self) -> str:
        return f"/v1/certificates/{self.certificate_id}"

    def _until(self, what: str, holds: Callable[[JSON], bool]) -> None:
        self.view = self._customer.until(self.certificate_id, what, holds)

    def _balance(self) -> Money:
        return money(self._customer.get("/v1/account")["balance"])

    def _tell_status(self) -> None:
        self._teller.fact("status", self.view["status"], style="bold green")


def money(value: JSON) -> Money:
    """Read an amount of the API's."""
    return Money.model_validate(value)


def moment(text: str | None) -> str:
    """Say a time of the API's for people."""
    return f"{datetime.fromisoformat(text):%Y-%m-%d %H:%M:%S} UTC" if text else "never"


def words(codes: Sequence[str]) -> str:
    """Say codes of the API's for people."""
    return ", ".join(code.replace("_", " ") for code in codes)


def common_name(name: x509.Name) -> str:
    """Return the common name in a certificate's name."""
    return str(name.get_attributes_for_oid(NameOID.COMMON_NAME)[0].value)
