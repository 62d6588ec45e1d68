"""Names as typed, and what becomes of them."""

import re
from ipaddress import ip_address, ip_network

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from certloom.domain.address import is_address, why_denied
from certloom.domain.errors import FieldFault
from certloom.domain.names import read_names, registered_domain, to_display

LONGEST = ".".join(["a" * 63] * 3 + ["b" * 57, "com"])
LABEL = re.compile(r"[a-z0-9]([a-z0-9-]*[a-z0-9])?")

GOOD = {
    "EXAMPLE.com": "example.com",
    " www.example.com\n": "www.example.com",
    "example.com.": "example.com",
    "*.Example.com": "*.example.com",
    "bücher.de": "xn--bcher-kva.de",
    "bu\u0308cher.de": "xn--bcher-kva.de",
    "XN--BCHER-KVA.de": "xn--bcher-kva.de",
    "*.bücher.de": "*.xn--bcher-kva.de",
    "faß.de": "xn--fa-hia.de",
    "\uff45\uff58\uff41\uff4d\uff50\uff4c\uff45.com": "example.com",
    "例え。テスト.jp": "xn--r8jz45g.xn--zckzah.jp",
    "a.github.io": "a.github.io",
    "github.io": "github.io",  # a suffix in the private part of the list only
    "www.ck": "www.ck",  # an exception rule of the list
    "a.b.c.d.e.f.g.h.i.com": "a.b.c.d.e.f.g.h.i.com",
    LONGEST: LONGEST,
    "1.example.com": "1.example.com",
}

BAD = {
    "": "name_empty",
    " \t": "name_empty",
    "com": "name_is_suffix",
    "co.uk": "name_is_suffix",
    "foo.ck": "name_is_suffix",
    "*.com": "name_is_suffix",
    "*.co.uk": "name_is_suffix",
    "*.xn--p1ai": "name_is_suffix",
    "192.0.2.1": "name_ip_address",
    "\uff11\uff19\uff12.0.2.1": "name_ip_address",
    "*.192.0.2.1": "name_ip_address",
    "2001:db8::1": "name_ip_address",
    "[2001:db8::1]": "name_ip_address",
    "https://example.com/": "name_not_a_host",
    "example.com:8443": "name_not_a_host",
    "me@example.com": "name_not_a_host",
    "exa mple.com": "name_not_a_host",
    "*": "name_wildcard_misplaced",
    "a.*.example.com": "name_wildcard_misplaced",
    "w*.example.com": "name_wildcard_misplaced",
    "*.*.example.com": "name_wildcard_misplaced",
    "my_host.example.com": "name_underscore",
    "i❤.ws": "name_bad_character",
    "💩.la": "name_bad_character",
    "xn--ls8h.la": "name_bad_character",  # the same emoji as an A-label
    "a\x00b.com": "name_bad_character",
    "\ud800.com": "name_bad_character",
    "\u202eexample.com": "name_bad_character",
    "a..example.com": "name_empty_label",
    ".example.com": "name_empty_label",
    "example.com..": "name_empty_label",
    "-a.example.com": "name_hyphen_at_edge",
    "a-.example.com": "name_hyphen_at_edge",
    "ab--cd.example.com": "name_reserved_hyphens",
    "xn--zzzzzz.com": "name_bad_a_label",
    "a" * 64 + ".com": "name_label_too_long",
    "b" + LONGEST: "name_too_long",
    "*." + LONGEST: "name_too_long",
    ("é" * 40 + ".") * 6 + "com": "name_too_long",
    "a" * 100_000: "name_too_long",
    "a.b.c.d.e.f.g.h.i.j.com": "name_too_many_labels",
    "localhost": "name_single_label",
    "host.corp": "name_unknown_suffix",
    "host.test": "name_unknown_suffix",
    "127.1": "name_bad_address",
    "127.0.0.01": "name_bad_address",
    "256.0.0.1": "name_bad_address",
    "1.2.3.4.5": "name_bad_address",
    "0x7f000001": "name_bad_address",
    "2130706433": "name_bad_address",
    "2001:db8:::1": "name_bad_address",
    "fe80::1%eth0": "name_bad_address",
    "203.0.113.7:443": "name_not_a_host",
    "[2001:db8::7]:443": "name_not_a_host",
    "203.0.113.0/24": "name_not_a_host",
    "1.2.0.192.in-addr.arpa": "name_reverse_zone",
    "vww6ybal4bd7szmgncyruucpgfkqahzddi37ktceo3ah7ngmcopnpyyd.onion": "name_onion",
}


ADDRESSES = {
    "1.1.1.1": "1.1.1.1",
    " 1.1.1.1\n": "1.1.1.1",
    "[1.1.1.1]": "1.1.1.1",
    "1.1.1.1.": "1.1.1.1",
    "\uff11.1.1.1": "1.1.1.1",
    "2606:4700::1111": "2606:4700::1111",
    "[2606:4700::1111]": "2606:4700::1111",
    "2606:4700:0:0:0:0:0:1111": "2606:4700::1111",
    "2606:4700:0000:0000:0000:0000:0000:0ABC": "2606:4700::abc",
    "2606:4700:0:0:1:0:0:1": "2606:4700::1:0:0:1",  # RFC 5952 4.2.3: of two equal runs the first
    "2606:4700:1:1:1:1:0:1": "2606:4700:1:1:1:1:0:1",  # RFC 5952 4.2.2: one group alone is no run
    "10.1.2.3": "10.1.2.3",  # of an operator's network, as below
    "fd00::7": "fd00::7",
}

NO_ADDRESSES = {
    "192.168.1.1": "name_address_special",
    "127.0.0.1": "name_address_special",
    "169.254.169.254": "name_address_special",
    "203.0.113.7": "name_address_special",
    "224.0.0.1": "name_address_special",
    "255.255.255.255": "name_address_special",
    "::1": "name_address_special",
    "fe80::1": "name_address_special",
    "2001:db8::7": "name_address_special",
    "::ffff:1.1.1.1": "name_address_carries",
    "::ffff:10.1.2.3": "name_address_carries",
    "::1.1.1.1": "name_address_carries",
    "64:ff9b::101:101": "name_address_carries",
    "2002:101:101::1": "name_address_carries",
    "*.1.1.1.1": "name_wildcard_misplaced",
    "fe80::1%eth0": "name_bad_address",
    "10.1.2.3%": "name_bad_character",
}
OURS = [ip_network("10.0.0.0/8"), ip_network("fd00::/8")]


def refusal(text: str, *, internal: tuple[str, ...] = ()) -> FieldFault:
    names, faults = read_names([text], internal_suffixes=internal)
    assert names == ()
    return faults[0]


@pytest.mark.parametrize(("typed", "name"), GOOD.items(), ids=ascii)
def test_good_name(typed: str, name: str) -> None:
    """What a person may type for a public name becomes its A-labels in lower case."""
    assert read_names([typed]) == ((name,), ())


@pytest.mark.parametrize(("typed", "code"), BAD.items(), ids=lambda text: ascii(text)[:40])
def test_bad_name(typed: str, code: str) -> None:
    """What no public CA would certify is refused with a code that says why."""
    assert refusal(typed).code == code


@pytest.mark.parametrize(("typed", "name"), ADDRESSES.items(), ids=ascii)
def test_good_address(typed: str, name: str) -> None:
    """However an address is written, it becomes the one text that stands for it, and that reads as itself."""
    assert read_names([typed, name], internal_networks=OURS) == ((name, name), ())
    assert is_address(name)


@pytest.mark.parametrize(("typed", "code"), NO_ADDRESSES.items(), ids=ascii)
def test_bad_address(typed: str, code: str) -> None:
    """Addresses that mean no host, another one to everybody, or one that is named otherwise are refused."""
    names, (fault,) = read_names([typed], internal_networks=OURS)
    assert (names, fault.code) == ((), code)
    assert fault.detail.startswith(f"{typed!r} ")


def test_inner_networks_are_the_operators_choice() -> None:
    """A private address is refused with what it is, unless it lies in a network that was opened."""
    _, (fault,) = read_names(["10.1.2.3"], internal_networks=())
    assert "it is private" in fault.detail


def test_addresses_stand_beside_names() -> None:
    """Each keeps its place."""
    typed = ["www.example.com", "10.0.0.300", "1.1.1.1"]
    names, faults = read_names(typed, internal_networks=())
    assert names == ("www.example.com", "1.1.1.1")
    assert [(fault.pointer, fault.code) for fault in faults] == [("/names/1", "name_bad_address")]


def test_each_bad_name_is_pointed_at() -> None:
    """Good names pass in order while each bad one gets its own fault at its place in the list."""
    names, faults = read_names(["b.example.com", "com", "a.example.com", "x_y.example.com"])
    assert names == ("b.example.com", "a.example.com")
    assert [fault.pointer for fault in faults] == ["/names/1", "/names/3"]


def test_long_text_is_shortened_in_the_sentence() -> None:
    """A sentence about an endless name stays a sentence."""
    assert len(refusal("a" * 5000 + ".com").detail) < 160


def test_control_characters_are_spelled_out() -> None:
    """What was typed is quoted so that it can neither break nor reorder a line."""
    detail = refusal("a\n\x1b[31m\u202eb.com").detail
    assert detail.isprintable()


@pytest.mark.parametrize("name", ["www.lab.test", "*.www.lab.test", "a.b.lab.test"])
def test_internal_name(name: str) -> None:
    """Names strictly below an internal suffix are accepted although no public list knows them."""
    assert read_names([name], internal_suffixes=[".Lab.test"]) == ((name,), ())


@pytest.mark.parametrize("name", ["lab.test", "*.lab.test"])
def test_internal_suffix_itself(name: str) -> None:
    """An internal suffix belongs to all who hold names under it, so nobody may have it or its wildcard."""
    assert refusal(name, internal=("lab.test",)).code == "name_is_suffix"


def test_neighbour_of_an_internal_suffix() -> None:
    """A name that merely ends in the same letters is not below the suffix."""
    assert refusal("www.notlab.test", internal=("lab.test",)).code == "name_unknown_suffix"


def test_empty_internal_suffix_opens_nothing() -> None:
    """A stray dot in the settings does not turn every name into an internal one."""
    assert refusal("host.corp", internal=(".", "")).code == "name_unknown_suffix"


def test_internal_name_keeps_the_syntax_rules() -> None:
    """Being internal excuses the suffix and nothing else."""
    assert refusal("a_b.lab.test", internal=("lab.test",)).code == "name_underscore"


def test_to_display() -> None:
    """People see Unicode, with the star kept and broken labels left as they are."""
    assert to_display("*.xn--bcher-kva.de") == "*.bücher.de"
    assert to_display("xn--zzzzzz.example.com") == "xn--zzzzzz.example.com"


def test_registered_domain() -> None:
    """The registered domain is one label more than ICANN's suffix, and absent where there is none."""
    assert registered_domain("*.www.example.co.uk") == "example.co.uk"
    assert registered_domain("co.uk") is None
    assert registered_domain("www.lab.test") is None


HOSTISH = st.text(st.sampled_from("aZ0-_*.é例ß\u200d\u0308xn。 /:[]١א"), max_size=30)
TYPED = st.one_of(
    st.text(max_size=80),
    st.characters(codec=None).map(lambda sign: f"a{sign}.com"),
    HOSTISH,
    HOSTISH.map(lambda text: f"{text}.com"),
    HOSTISH.map(lambda text: f"xn--{text}.com"),
    HOSTISH.map(lambda text: f"{text}.lab.test"),
)


@settings(max_examples=600, deadline=None)
@given(TYPED)
def test_any_text(typed: str) -> None:
    """Any text is either refused with a printable sentence, or becomes an RFC 1123 name that reads as itself."""
    names, faults = read_names([typed], internal_suffixes=["lab.test"])
    assert len(names) + len(faults) == 1
    assert all(fault.detail.isprintable() and len(fault.detail) < 400 for fault in faults)
    for name in names:
        labels = name.removeprefix("*.").split(".")
        assert len(name) <= 253
        assert len(labels) >= 2
        assert all(LABEL.fullmatch(label) and len(label) <= 63 for label in labels)
        assert read_names([name, to_display(name)], internal_suffixes=["lab.test"]) == ((name, name), ())


ADDRESSISH = st.one_of(
    st.ip_addresses().map(str),
    st.ip_addresses(v=6).map(lambda address: f"[{address.exploded.upper()}]"),
    st.text(st.sampled_from("0127.:afFx%[]*/"), max_size=20),
)


@settings(max_examples=400, deadline=None)
@given(ADDRESSISH)
def test_any_address(typed: str) -> None:
    """Whatever looks like an address is refused in a sentence, or is the one text of a public host."""
    names, faults = read_names([typed], internal_networks=())
    assert len(names) + len(faults) == 1
    assert all(fault.detail.isprintable() for fault in faults)
    for name in names:
        address = ip_address(name)
        assert str(address) == name
        assert address.is_global
        assert why_denied(address) is None


@settings(max_examples=200, deadline=None)
@given(st.text(max_size=60))
def test_display_and_registered_domain_take_any_text(text: str) -> None:
    """Showing a name and finding its registered domain never fail, so that a view can always be drawn."""
    assert isinstance(to_display(text), str)
    assert to_display(f"xn--{text}") is not None
    registered_domain(text)
