"""PEM as people paste it (RFC 7468, read laxly): CRLF, blank lines, indentation and text between blocks."""

import base64
import binascii
import re
from collections.abc import Iterator
from typing import Final, NamedTuple

_MARK: Final = re.compile(r"-----(BEGIN|END) ([A-Z0-9 #]{1,40})-----")
_HEADER: Final = re.compile(r"^[ \t]*[A-Za-z][A-Za-z0-9-]*:", re.MULTILINE)  # RFC 1421, as in OpenSSL's old keys


class Block(NamedTuple):
    """One PEM block; `der` is None when its text is not base64."""

    label: str
    der: bytes | None
    encrypted: bool


class BrokenPem(Exception):
    """Text with markers that do not pair up; the argument is a sentence about them."""


def read_blocks(text: str) -> list[Block]:
    """Return the blocks in order, in time linear in the text; raises BrokenPem when a block never ends."""
    return [_block(label, body) for label, body in _pairs(text)]


def _pairs(text: str) -> Iterator[tuple[str, str]]:
    begun: re.Match[str] | None = None
    for mark in _MARK.finditer(text):
        if mark[1] == "BEGIN":
            if begun:
                raise BrokenPem(f"A {begun[2]} block begins and never ends; paste it whole, with its END line.")
            begun = mark
        elif begun is None or begun[2] != mark[2]:
            raise BrokenPem(f"A line ends a {mark[2]} block that never began; paste it whole, with its BEGIN line.")
        else:
            yield mark[2], text[begun.end() : mark.start()]
            begun = None
    if begun:
        raise BrokenPem(f"A {begun[2]} block begins and never ends; paste it whole, with its END line.")


def _block(label: str, body: str) -> Block:
    encrypted = "ENCRYPTED" in label or "Proc-Type: 4,ENCRYPTED" in body
    if _HEADER.search(body):
        body = body.replace("\r\n", "\n").partition("\n\n")[2]
    try:
        return Block(label, base64.b64decode("".join(body.split()), validate=True), encrypted)
    except (binascii.Error, ValueError):
        return Block(label, None, encrypted)
