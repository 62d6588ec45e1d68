"""`make pictures`: the pictures of docs/console.md, from a service of its own that is walked through by a browser."""

import sys
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from playwright.sync_api import Page, expect, sync_playwright

from certloom.domain.errors import CertloomError
from lab.customer import Customer
from lab.edge import CRT_LIST
from lab.pictures_png import with_palette
from workers.dev import DevStack
from workers.service import ROOT

FOLDER: Final = ROOT / "docs" / "pictures"
CHROMIUM: Final = Path("/usr/bin/chromium")
PATIENCE: Final = 60_000.0  # ms
NAME: Final = "www.shop.lab.test"
WAITING: Final = "bank.lab.test"
ISSUED: Final = ("api.shop.lab.test", "mail.lab.test", "intern.lab.test")
ORGANIZATION: Final = {"name": "Example GmbH", "country": "DE", "locality": "Berlin"}
CONTACT: Final = {"name": "Erika Muster", "email": "erika@example.com"}


class NoBrowser(CertloomError):
    """There is nothing to take pictures with."""

    code = "no_browser"


@dataclass(frozen=True)
class Walk:
    """A window at the console of a service, and its customer at the API beside it."""

    page: Page
    facts: Mapping[str, str]
    customer: Customer

    def sign_in(self, key: str) -> None:
        """Follow a fresh link as whoever holds the key named so in dev.json."""
        caller = Customer(self.facts["api_url"], self.facts[key], serves=lambda: True)
        try:
            self.page.goto(caller.post("/v1/account/sign-in-codes")["url"])
        finally:
            caller.close()
        self.page.get_by_role("button", name="Sign in").click()

    def keep(self, name: str) -> None:
        """Keep what the window shows, without what only the moment needs: the mark of the focus."""
        self.page.evaluate("document.activeElement.blur()")
        FOLDER.mkdir(exist_ok=True)
        (FOLDER / f"{name}.png").write_bytes(with_palette(self.page.screenshot()))

    def apply(self, product: str, name: str, **more: Any) -> str:
        """Buy and apply beside the window; return the certificate's id once it has a challenge."""
        bought = self.customer.post("/v1/certificates", {"product": product, "payment": {"method": "balance"}})
        own, form = f"/v1/certificates/{bought['id']}", {"names": [name], "validation": "dns-01", **more}
        self.customer.until(bought["id"], "it is paid", lambda view: view["status"] == "paid")
        self.customer.post(f"{own}/application", {"key": {"type": "ecdsa-p256"}, **form})
        self.customer.until(bought["id"], "it has a challenge", lambda view: view["phase"] == "proving")
        return str(bought["id"])

    def prove(self, certificate_id: str, phase: str = "idle") -> None:
        """Publish the proof and wait."""
        self.customer.post("/v1/lab/proofs", {"certificate_id": certificate_id})
        self.customer.until(certificate_id, "it is proven", lambda view: view["phase"] == phase)


def walk_through(walk: Walk) -> None:
    """Take every picture."""
    for name in ISSUED:
        walk.prove(walk.apply("dv-single", name))
    walk.prove(walk.apply("ov", WAITING, organization=ORGANIZATION, contact=CONTACT), "reviewing")
    walk.sign_in("customer_api_key")
    _purchase(walk)
    _prove(walk)
    _deploy(walk)
    walk.page.goto("/certificates?layout=cards")
    walk.keep("certificates")
    walk.page.context.clear_cookies()
    walk.sign_in("operator_api_key")
    walk.page.goto("/reviews")
    walk.keep("reviews")
    walk.page.goto("/overview")
    walk.keep("overview")


def _purchase(walk: Walk) -> None:
    page = walk.page
    page.goto("/purchase")
    walk.keep("purchase")
    page.get_by_role("link", name="Choose DV, one name", exact=True).click()
    page.get_by_label("Label").fill("shop")
    page.get_by_role("button", name="Buy for").click()


def _prove(walk: Walk) -> None:
    page = walk.page
    page.get_by_role("textbox", name="Names").fill(NAME)
    page.get_by_role("button", name="Apply").click()
    expect(page.get_by_text(f"_certloom-challenge.{NAME}", exact=True)).to_be_visible()
    page.goto(page.url.partition("?")[0])
    walk.keep("proof")
    page.get_by_role("button", name="Publish it in the lab").click()
    expect(page.get_by_role("status", name="Status")).to_contain_text("Issued")


def _deploy(walk: Walk) -> None:
    page, own = walk.page, walk.page.url.partition("?")[0]
    tls, admin = (int(walk.facts[name].rpartition(":")[2]) for name in ("lab_edge", "lab_edge_admin"))
    settings = {"address": "127.0.0.1", "port": admin, "file": f"/certs/{NAME}.pem", "crt_list": CRT_LIST}
    endpoints = [{"host": NAME, "port": tls}]
    form = {"name": "Edge of the lab", "kind": "haproxy_tcp", "settings": settings, "endpoints": endpoints}
    walk.customer.post("/v1/targets", form)
    page.goto(f"{own}?do=deploy")
    page.get_by_role("checkbox", name="Edge of the lab").check()
    page.get_by_role("button", name="Deploy").click()
    expect(page.locator("#deployments")).to_contain_text("Deployed")
    page.goto(own)
    walk.keep("certificate")


@contextmanager
def walking() -> Iterator[Walk]:
    """Start a service in a folder that is removed afterwards, and a window; raises NoBrowser without Chromium."""
    if not CHROMIUM.exists():
        raise NoBrowser(f"There is no {CHROMIUM}; on Debian: apt-get install chromium.")
    with (
        tempfile.TemporaryDirectory(prefix="certloom-pictures-") as folder,
        DevStack(Path(folder) / "home", env={"CERTLOOM_CHECK_INTERVAL": "1"}) as stack,
        sync_playwright() as driver,
    ):
        browser = driver.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox", "--disable-gpu"])
        page = browser.new_page(base_url=stack.facts["api_url"], viewport={"width": 1280, "height": 800})
        page.set_default_timeout(PATIENCE)
        expect.set_options(timeout=PATIENCE)
        customer = Customer(stack.facts["api_url"], stack.facts["customer_api_key"], serves=lambda: True)
        try:
            yield Walk(page, stack.facts, customer)
        finally:
            customer.close()
            browser.close()


def main() -> int:
    """Write all pictures anew; returns 0, or 1 with one sentence on stderr."""
    try:
        with walking() as walk:
            walk_through(walk)
    except CertloomError as error:
        sys.stderr.write(f"certloom: {error.detail}\n")
        return 1
    for path in sorted(FOLDER.glob("*.png")):
        sys.stdout.write(f"{path.relative_to(ROOT)}  {path.stat().st_size // 1000} kB\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
