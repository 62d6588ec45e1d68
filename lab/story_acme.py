"""A certificate of a real ACME CA that proves itself: issued, renewed when the CA says so, revoked; step by step."""

from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta
from typing import Final

from rich.table import Table
from rich.text import Text

from lab.acme import ISSUER, WILDCARD, CaItself, texts, zone_form
from lab.customer import JSON, Customer, DemoFailed
from lab.relying_party import read_chain, require_fitting_key, require_trust, unpack
from lab.story_life import Chapter, LifeStory, moment, words
from lab.telling import Teller

NAME: Final = "shop.lab.test"
NAMES: Final = (NAME, f"*.{NAME}")
RECORD: Final = f"_acme-challenge.{NAME}"
WHY: Final = "https://ca.lab.test/incident-7391"


class AcmeStory(LifeStory):
    """A life at *ca*, whose proofs go into the zone of the lab's name server at *dns_server*.

    `ask` has the service ask its issuers when to renew; without it the CA has no renewal information (RFC 9773).
    """

    def __init__(
        self,
        teller: Teller,
        customer: Customer,
        operator: Customer,
        ca: CaItself,
        *,
        dns_server: str,
        dns_key: str,
        ask: Callable[[], None] | None,
    ) -> None:
        super().__init__(teller, customer, WILDCARD)
        self._operator = operator
        self._ca = ca
        self._dns_server = dns_server
        self._dns_key = dns_key
        self._ask = ask

    def chapters(self) -> Sequence[Chapter]:
        """See LifeStory."""
        renewal = (
            ("The CA wants it renewed early", self._renew_as_suggested)
            if self._ask
            else ("Renewing, since somebody asks", self._renew_as_asked)
        )
        return (
            ("What is on sale", self._browse),
            ("Once: a key for the customer's DNS zone", self._add_zone),
            (f"Buying {WILDCARD}", self._buy),
            (f"Applying for {words(NAMES)}, and nothing else", self._apply),
            ("Downloading for nginx, and checking everything", self._download),
            ("What is left in DNS", self._look_at_dns),
            renewal,
            ("What the CA's limits leave", self._show_limits),
            ("What a revocation would pay back", self._ask_quote),
            ("Revoking", self._revoke),
            ("What the CA itself says", self._ask_ca),
            ("Deleting", self._delete),
            ("All of it, in the service's own words", self._recall),
        )

    def _add_zone(self) -> None:
        zone = self._customer.post("/v1/zones", zone_form(self._dns_server, self._dns_key))
        self._teller.fact("zone", f"{zone['zone']}, by signed updates (RFC 2136) at {self._dns_server}")
        tried = self._customer.post(f"/v1/zones/{zone['id']}/test")
        if not tried["works"]:
            raise DemoFailed(f"The zone does not work: {tried['detail']}")
        self._teller.good(tried["detail"])

    def _apply(self) -> None:
        form = {"names": NAMES, "validation": "dns-01", "key": {"type": "ecdsa-p256"}}
        published: set[str] = set()
        with self._teller.waiting("order, proofs in DNS, the CA's own look, and the signature"):
            self.view = self._customer.post(f"{self._path}/application", form)
            self._until("it is issued", lambda view: self._is_there(view, 1, published))
        self._tell_status()
        for value in sorted(published):
            self._teller.fact("stood in DNS", f"{RECORD} TXT {value}")
        if len(published) != len(NAMES):
            raise DemoFailed(f"{len(published)} values were seen at {RECORD}, and each name needs one of its own.")
        self._tell_issuance()

    def _is_there(self, view: JSON, number: int, published: set[str]) -> bool:
        """Whether a certificate of this number is, and note what stands in DNS meanwhile."""
        published |= texts(self._dns_server, RECORD)
        return bool(view["issuance"]) and view["issuance"]["number"] == number and view["phase"] == "idle"

    def _download(self) -> None:
        files = unpack(self._customer.download(self.certificate_id, {"format": "nginx"}))
        self._teller.fact("files", ", ".join(f"{name} ({len(content):,} bytes)" for name, content in files.items()))
        (chain_file,) = (content for name, content in files.items() if name.endswith(".pem"))
        (key_file,) = (content for name, content in files.items() if name.endswith(".key"))
        chain = read_chain(chain_file)
        require_fitting_key(chain.leaf, key_file)
        self._teller.good("The private key fits the certificate.")
        for name in (NAME, f"anything.{NAME}"):
            require_trust(chain, self._ca.root(), name=name, now=datetime.now(UTC))
            self._teller.good(f"The chain leads to the CA's root, for a server at {name}.")

    def _look_at_dns(self) -> None:
        with self._teller.waiting("the records to be taken away"):
            self._until("nothing is left in DNS", lambda _: not texts(self._dns_server, RECORD))
        self._teller.good(f"{RECORD} has no TXT record any more.")

    def _renew_as_suggested(self) -> None:
        now, leaf = datetime.now(UTC), self._customer.fetch(f"{self._path}/chain.pem").decode()
        self._ca.suggest(leaf, now - timedelta(days=2), now - timedelta(days=1), why=WHY)
        self._teller.say(
            "The CA now answers that the time to renew was yesterday (RFC 9773), and where it explains why."
        )
        self._teller.say(
            "The schedule renewal-watch comes round, which is every five minutes unless somebody is waiting."
        )
        if self._ask is None:
            raise DemoFailed("Nobody asks the CA.")
        self._ask()
        self._renewed("the watch to ask, and everything anew by itself")
        events = self._customer.get(f"{self._path}/events?limit=200")["items"]
        told = [event["sentence"] for event in events if event["what"] == "renewal_suggested"]
        if not told:
            raise DemoFailed("The renewal did not come of what the CA said.")
        self._teller.fact("because", told[0])
        if not self._ca.has_replaced():
            raise DemoFailed("The CA was not told which certificate the new one replaces.")
        self._teller.good("The CA notes that the new order replaces the old certificate.")

    def _renew_as_asked(self) -> None:
        self._teller.say(
            "The Pebble of this machine is an older one without renewal information (RFC 9773), so that part is left "
            "out; with Go installed, the current one is built. The customer asks for the renewal instead."
        )
        self._customer.post(f"{self._path}/renewal")
        self._renewed("everything anew by itself")

    def _renewed(self, what: str) -> None:
        old, published = self.view["issuance"], set[str]()
        with self._teller.waiting(what):
            self._until("it is renewed", lambda view: self._is_there(view, 2, published))
            self._until("nothing is left in DNS", lambda _: not texts(self._dns_server, RECORD))
        leaf = self.view["issuance"]
        self._teller.fact("was", old["serial"])
        self._teller.fact("is now", leaf["serial"], style="bold")
        self._teller.fact("valid", f"{moment(leaf['not_before'])} to {moment(leaf['not_after'])}")
        new = f"{len(published)} new record{'s' * (len(published) > 1)} in DNS"
        self._teller.fact("proven by", new if published else "what the CA still holds as proven")
        self._teller.good("Its proofs went into DNS by themselves, and are gone from there again.")

    def _show_limits(self) -> None:
        found = self._operator.get("/v1/issuers")["items"]
        (issuer,) = (one for one in found if one["name"] == ISSUER)
        table = Table("limit", "per", "used", "left", box=None, header_style="dim", pad_edge=False)
        for limit in issuer["limits"]:
            bucket = limit["buckets"][0]
            per = f"{limit['count']} in {_period(timedelta(seconds=limit['period']))}"
            table.add_row(f"{words([limit['scope']])} {bucket['title']}", per, str(bucket["used"]), str(bucket["free"]))
        self._teller.show(table)

    def _ask_ca(self) -> None:
        for serial in self.serials:
            if not self._ca.is_revoked(serial):
                raise DemoFailed(f"The CA does not have {serial} as revoked.")
            self._teller.show(Text.assemble((f"{serial} ", "bold"), "is revoked."))
        if len(self.serials) != 2:
            raise DemoFailed(f"There were {len(self.serials)} certificates instead of two.")


def _period(period: timedelta) -> str:
    return f"{period.days} days" if period.days else f"{period // timedelta(hours=1)} hours"
