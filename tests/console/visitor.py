"""A browser without a screen: keeps cookies, finds the forms of a page, and sends them as a browser does."""

import re
from dataclasses import dataclass, field
from html import unescape
from html.parser import HTMLParser
from typing import Any

import httpx

Fields = dict[str, str | list[str]]


class _Forms(HTMLParser):
    """Collects every form: where it goes, and its hidden fields."""

    def __init__(self) -> None:
        super().__init__()
        self.forms: dict[str, Fields] = {}
        self._open: Fields | None = None

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = dict(attrs)
        if tag == "form" and given.get("method") == "post":
            self._open = self.forms.setdefault(given.get("action") or "", {})
        elif tag == "input" and given.get("type") == "hidden" and self._open is not None:
            self._open[given.get("name") or ""] = given.get("value") or ""

    def handle_endtag(self, tag: str) -> None:
        if tag == "form":
            self._open = None


@dataclass
class Visitor:
    """Somebody in front of the console."""

    http: httpx.AsyncClient
    last: httpx.Response | None = None
    forms: dict[str, Fields] = field(default_factory=dict)

    async def get(self, path: str, **headers: str) -> httpx.Response:
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        return self._seen(await self.http.get(path, headers=named))

    async def send(self, action: str, **fields: Any) -> httpx.Response:
        """Send a form of the last page, and follow where it leads."""
        body = {**self.forms[action], **fields}
        answer = await self.http.post(action, data=body)
        return await self.get(answer.headers["location"]) if answer.status_code == 303 else self._seen(answer)

    async def sign_in(self, token: str) -> httpx.Response:
        await self.get("/")
        return await self.send("/session", key=token)

    def _seen(self, answer: httpx.Response) -> httpx.Response:
        self.last = answer
        if answer.headers.get("content-type", "").startswith("text/html"):
            found = _Forms()
            found.feed(answer.text)
            self.forms = found.forms
        return answer


def text_of(answer: httpx.Response) -> str:
    """Return what a reader sees, in one line."""
    bare = re.sub(r"<(script|style)\b.*?</\1>|<[^>]+>", " ", answer.text, flags=re.DOTALL)
    return re.sub(r"\s+", " ", unescape(bare))
