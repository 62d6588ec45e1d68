"""A plain page of HTML that loads nothing from anywhere: one style, allowed by its hash alone."""

import base64
import hashlib
from html import escape
from typing import Final

from starlette.responses import Response

_STYLE: Final = """
body { font: 16px/1.5 system-ui, sans-serif; max-width: 60rem; margin: 2rem auto; padding: 0 1rem; }
code, pre { font: 14px/1.4 ui-monospace, monospace; }
h2 { margin-top: 2.5rem; border-bottom: 1px solid #8886; }
h3 { margin-bottom: 0; }
table { border-collapse: collapse; width: 100%; }
td, th { text-align: left; vertical-align: top; padding: .2rem .8rem .2rem 0; border-top: 1px solid #8883; }
:root { color-scheme: light dark; }
"""
_HASH: Final = base64.b64encode(hashlib.sha256(_STYLE.encode()).digest()).decode()
_POLICY: Final = (
    f"default-src 'none'; style-src 'sha256-{_HASH}'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)


def page(title: str, body: str) -> Response:
    """Build a page around *body*, which is HTML already; the title is escaped here."""
    html = (
        f'<!doctype html><html lang="en"><head><meta charset="utf-8"><title>{escape(title)}</title>'
        f'<meta name="viewport" content="width=device-width"><style>{_STYLE}</style></head>'
        f"<body><h1>{escape(title)}</h1>{body}</body></html>"
    )
    headers = {"Content-Security-Policy": _POLICY, "Cache-Control": "no-cache"}
    return Response(html, headers=headers, media_type="text/html; charset=utf-8")
