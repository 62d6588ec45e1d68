"""Pages: templates that escape everything, and the headers that let a page load nothing but our own three files."""

import hashlib
import secrets
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from starlette.requests import Request
from starlette.responses import Response

from api.console import words
from certloom.domain.role import Role

_HERE: Final = Path(__file__).parent
_POLICY: Final = (
    "default-src 'none'; style-src 'self'; script-src 'self'; img-src 'self'; connect-src 'self'; form-action 'self'; "
    "base-uri 'none'; frame-ancestors 'none'"
)
HEADERS: Final[Mapping[str, str]] = {
    "Content-Security-Policy": _POLICY,
    "Referrer-Policy": "same-origin",
    "X-Frame-Options": "DENY",
}
STATIC: Final[Mapping[str, str]] = {
    "console.css": "text/css; charset=utf-8",
    "console.js": "text/javascript; charset=utf-8",
    "icon.svg": "image/svg+xml",
}

_CUSTOMERS: Final = (
    ("/overview", "Overview"),
    ("/certificates", "Certificates"),
    ("/targets", "Targets"),
    ("/zones", "DNS zones"),
    ("/account", "Account"),
)
PAGES_OF: Final[Mapping[Role, tuple[tuple[str, str], ...]]] = {
    Role.VIEWER: _CUSTOMERS,
    Role.MEMBER: _CUSTOMERS,
    Role.OPERATOR: (
        ("/overview", "Overview"),
        ("/reviews", "Reviews"),
        ("/certificates", "Certificates"),
        ("/targets", "Targets"),
        ("/zones", "DNS zones"),
        ("/accounts", "Accounts"),
        ("/issuers", "Issuers"),
        ("/account", "Keys"),
    ),
}
"""What the navigation leads each role to."""


def _read(name: str) -> bytes:
    return (_HERE / "static" / name).read_bytes()


FILES: Final[Mapping[str, bytes]] = {name: _read(name) for name in STATIC}
VERSION: Final = hashlib.sha256(b"".join(FILES.values())).hexdigest()[:12]  # in their addresses, so they may be kept


def _environment() -> Environment:
    made = Environment(
        loader=FileSystemLoader(_HERE / "templates"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    made.filters.update(words.FILTERS)
    made.globals.update(static=VERSION, Role=Role, pages_of=PAGES_OF, number=lambda: secrets.token_urlsafe(12))
    return made


_ENVIRONMENT: Final = _environment()


def show(
    request: Request, template: str, *, status: int = 200, headers: Mapping[str, str] | None = None, **context: Any
) -> Response:
    """Answer with a page for whoever is signed in; *context* is what the template names."""
    state = request.state
    seen = {
        "who": getattr(state, "caller", None),  # `caller` means something else inside Jinja's macros
        "csrf": state.session.csrf,
        "now": request.app.state.services.clock(),
        "path": request.url.path,
    }
    html = _ENVIRONMENT.get_template(template).render(**seen, **context)
    return Response(html, status, {**HEADERS, **(headers or {})}, "text/html; charset=utf-8")


def plain(title: str, detail: str, *, status: int) -> Response:
    """Answer with a page that needs neither session nor form, for what is refused at the door."""
    html = _ENVIRONMENT.get_template("plain.html").render(title=title, detail=detail)
    return Response(html, status, {**HEADERS, "Connection": "close"}, "text/html; charset=utf-8")


def go(address: str) -> Response:
    """Send the browser on to a page of ours, to be fetched (RFC 9110 15.4.4)."""
    return Response(status_code=303, headers={"Location": address, **HEADERS})
