"""What the form of each kind of target asks for: the fields of its settings and its credentials, each explained."""

from collections.abc import Mapping, Sequence
from enum import StrEnum
from typing import Any, Final, NamedTuple

from certloom.domain.target import TargetKind


class Shape(StrEnum):
    """How a field is filled in, and what is made of it."""

    LINE = "line"
    NUMBER = "number"
    TICK = "tick"
    CHOICE = "choice"
    HIDDEN = "hidden"  # a secret, never shown again
    HIDDEN_LINES = "hidden_lines"


class Entry(NamedTuple):
    """One field of a form; `usual` says in grey what an empty one means, or an example.

    `choices` begin with the usual one.
    """

    name: str
    title: str
    hint: str = ""
    usual: str = ""
    shape: Shape = Shape.LINE
    needed: bool = True
    choices: Sequence[str] = ()


class Kind(NamedTuple):
    """A kind of target: what it is, what it takes, and what it is asked for."""

    title: str
    what: str
    takes: str
    settings: Sequence[Entry]
    credentials: Sequence[Entry] = ()


_HOST: Final = Entry("host", "Machine", "The name that the targets worker on it has in its file.", "edge-1")
_INSTANCE: Final = Entry("instance", "Instance", "A section of that file.", "main", needed=False)
_PEM: Final = Entry("file", "PEM file", "The path by which HAProxy knows it.", "/etc/haproxy/certs/shop.pem")
_CRT_LIST: Final = Entry(
    "crt_list", "crt-list", "Only when the file is bound by such a list.", "/etc/haproxy/crt-list.txt", needed=False
)
_FOLDER: Final = Entry("folder", "Folder", "nginx reads current/ in it.", "/etc/nginx/certloom/shop")
_SSH_PORT: Final = Entry("port", "Port", usual="22", shape=Shape.NUMBER, needed=False)
_KEY: Final = Entry(
    "private_key", "Private SSH key", "One made for this alone, without a passphrase.",
    "-----BEGIN OPENSSH PRIVATE KEY-----", Shape.HIDDEN_LINES,
)  # fmt: skip
_ACCESS: Final = (
    Entry("access_key_id", "Access key id", "Of a RAM user with few rights.", "LTAI5t..."),
    Entry("access_key_secret", "Access key secret", shape=Shape.HIDDEN),
)

KINDS: Final[Mapping[TargetKind, Kind]] = {
    TargetKind.HAPROXY: Kind(
        "HAProxy on a worker's machine",
        "Changes the PEM file and what is served, by the admin socket, without a reload.",
        "Takes a targets worker on that machine, whose file names socket and folders.",
        (_HOST, _INSTANCE, _PEM, _CRT_LIST),
    ),
    TargetKind.HAPROXY_TCP: Kind(
        "HAProxy over TCP",
        "Changes what is served, in memory only; after a restart the disk counts until we repair it.",
        "Takes a stats socket on a TCP port in an inner network: the key travels in clear, and there is no password.",
        (
            Entry("address", "Address", "Of the stats socket.", "10.0.0.5"),
            Entry("port", "Port", usual="9999", shape=Shape.NUMBER),
            _PEM,
            _CRT_LIST,
            Entry(
                "replace_unknown_with_no_way_back", "Replace a certificate from elsewhere",
                "HAProxy does not give its key away, so nobody can put it back.", shape=Shape.TICK, needed=False,
            ),
        ),
    ),
    TargetKind.NGINX: Kind(
        "nginx on a worker's machine",
        "Writes each pair into a folder of its own, swaps a link, tests the configuration and reloads.",
        "Takes a targets worker on that machine, whose file names folders and the command.",
        (_HOST, _INSTANCE, _FOLDER),
    ),
    TargetKind.NGINX_SSH: Kind(
        "nginx over SSH",
        "Writes each pair into a folder on another machine, swaps a link, tests the configuration and reloads.",
        "Takes a user with that folder, an SSH key without a passphrase, and the machine's host key.",
        (
            Entry("address", "Address", usual="edge1.example.com"),
            _SSH_PORT,
            Entry("user", "User", "Owns the folder, and needs no more.", "certloom"),
            Entry("host_key", "Host key", "As in known_hosts, without the name.", "ssh-ed25519 AAAA..."),
            _FOLDER,
            Entry(
                "sudo", "Run nginx with sudo", "Without a password: nginx -t and nginx -s reload.",
                shape=Shape.TICK, needed=False,
            ),
        ),
        (_KEY,),
    ),
    TargetKind.ALIBABA_CDN: Kind(
        "Alibaba Cloud CDN",
        "Puts the pair into the certificate store and gives the CDN domain its id.",
        "Takes an access key of a RAM user with the rights that the documentation lists.",
        (
            Entry("domain", "CDN domain", "A wildcard is written with a leading dot.", "www.example.com"),
            Entry("region", "Region", "Of the store: that or ap-southeast-1.", "cn-hangzhou", needed=False),
        ),
        _ACCESS,
    ),
    TargetKind.ALIBABA_SLB: Kind(
        "Alibaba Cloud SLB",
        "Changes the certificate of an HTTPS listener of a classic load balancer, or of one domain there.",
        "Takes an access key of a RAM user with the rights that the documentation lists.",
        (
            Entry("region", "Region", usual="cn-hangzhou", needed=False),
            Entry("load_balancer_id", "Load balancer", usual="lb-bp1o94dp5i6earr9g6d1l"),
            Entry("listener_port", "Listener port", usual="443", shape=Shape.NUMBER, needed=False),
            Entry("domain", "Domain", "Only for an SNI extension.", "www.example.com", needed=False),
        ),
        _ACCESS,
    ),
}  # fmt: skip


def read(entries: Sequence[Entry], given: Mapping[str, str]) -> dict[str, Any]:
    """Return what was filled in as JSON would say it; empty fields are left out, so that the usual value counts."""
    return {entry.name: _value(entry, given[entry.name]) for entry in entries if given.get(entry.name)}


def number(text: str) -> int | str:
    """Return a number where one was typed, and anything else as it is, for the form's own sentence."""
    return int(text) if text.isascii() and text.isdecimal() and len(text) < 10 else text


def _value(entry: Entry, text: str) -> Any:
    match entry.shape:
        case Shape.TICK:
            return True
        case Shape.NUMBER:
            return number(text)
        case Shape.HIDDEN_LINES:
            return text.replace("\r\n", "\n") + "\n"
        case Shape.LINE | Shape.HIDDEN | Shape.CHOICE:
            return text
