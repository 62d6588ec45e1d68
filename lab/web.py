"""A web server on loopback that every lab name points to: pages by host and path, and nothing else."""

import ssl
from dataclasses import dataclass, field

from lab.httpd import LabHttpd, Page, Request


@dataclass
class Site:
    """The pages. A page for host "*" answers for every host; the rest is 404."""

    pages: dict[tuple[str, str], Page] = field(default_factory=dict)
    requests: list[Request] = field(default_factory=list)

    def put(self, host: str, path: str, page: Page | bytes) -> None:
        """Serve a page, or plain content, from now on."""
        self.pages[host.lower(), path] = page if isinstance(page, Page) else Page(body=page)

    def redirect(self, host: str, path: str, location: str, *, status: int = 302) -> None:
        """Answer with a redirect from now on."""
        self.put(host, path, Page(status=status, headers=(("Location", location),)))

    def remove(self, host: str, path: str) -> None:
        """Serve 404 again; a page that is not there is no error."""
        self.pages.pop((host.lower(), path), None)

    async def answer(self, request: Request) -> Page:
        """Answer one request, and keep it in `requests`."""
        self.requests.append(request)
        missing = Page(status=404, body=b"no such page in the lab\n")
        return self.pages.get((request.host, request.path)) or self.pages.get(("*", request.path)) or missing


def lab_web(site: Site, *, host: str = "127.0.0.1", tls: ssl.SSLContext | None = None) -> LabHttpd:
    """Return a server of that site, not yet started."""
    return LabHttpd(site.answer, host=host, tls=tls)
