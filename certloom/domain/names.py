"""DNS names and addresses as customers type them, and the A-labels and canonical addresses we certify.

The policy is Boulder's (policy/pa.go): what Let's Encrypt would refuse is refused here, before any money or order.
"""

import re
import unicodedata
from collections.abc import Collection, Sequence
from functools import cache
from ipaddress import IPv6Address, ip_network
from typing import Final

import idna
from publicsuffixlist import PublicSuffixList

from certloom.domain.address import IPNetwork, embedded_addresses, is_address, read_address, why_denied
from certloom.domain.errors import FieldFault

MAX_NAME: Final = 253  # RFC 1035 2.3.4 without the root's dot
MAX_LABEL: Final = 63  # RFC 1035 2.3.4
MAX_LABELS: Final = 10  # Boulder's limit; the star counts

_LONGEST_TYPED: Final = 1024  # beyond this no text shrinks to a name, and mapping it would only cost time
_LONGEST_SHOWN: Final = 60
_ONE_SITE: Final = 64  # bits of an IPv6 address that say whose network it is
_LABEL: Final = re.compile(r"[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?")
_NOT_A_HOST: Final = re.compile(r"[/\\@?#:\s]")
_LIKE_IPV6: Final = re.compile(r"[0-9a-f:.%]*:[0-9a-f:.%]*:[^/]*", re.IGNORECASE)
_LIKE_IPV4: Final = re.compile(r"(?:.*\.)?(?:[0-9]+|0x[0-9a-f]*)")  # no host name ends in a number


class _BadName(Exception):
    """Why one name is refused: a stable code, and what follows the quoted name in the sentence."""

    def __init__(self, code: str, rest: str) -> None:
        super().__init__(code)
        self.code = code
        self.rest = rest


def read_names(
    typed: Sequence[str],
    *,
    internal_suffixes: Collection[str] = (),
    internal_networks: Collection[IPNetwork] | None = None,
) -> tuple[tuple[str, ...], tuple[FieldFault, ...]]:
    """Return the A-labels of the good names, in order, and one fault per bad name (pointer /names/<index>).

    Case, full-width letters and one final dot are forgiven (UTS 46, RFC 5891); a name read again gives itself. Names
    must lie under the ICANN part of the public suffix list, or strictly below one of *internal_suffixes*. Repeated
    names are left for the product to judge. Never raises, whatever was typed.

    Addresses come dotted, or as RFC 5952 writes them; brackets are forgiven. They must mean one host to everybody, or
    lie in one of *internal_networks*; with None no address is a name.
    """
    suffixes = frozenset(suffix.strip(".").lower() for suffix in internal_suffixes) - {""}
    names: list[str] = []
    faults: list[FieldFault] = []
    for index, text in enumerate(typed):
        try:
            names.append(_read(text, suffixes, internal_networks))
        except _BadName as bad:
            detail = f"{_shown(text)} {bad.rest}"
            faults.append(FieldFault(pointer=f"/names/{index}", code=bad.code, detail=detail))
    return tuple(names), tuple(faults)


def to_display(a_label_name: str) -> str:
    """Return the Unicode form for people to read; a label that has none stays as it is. Never raises."""
    return ".".join(_label_to_display(label) for label in a_label_name.split("."))


def registered_domain(name: str) -> str | None:
    """Return what was bought from a registry (`example.co.uk` of `*.www.example.co.uk`), by ICANN's part of the list.

    None for a suffix itself and for names outside the list, such as internal ones.
    """
    found = _public_suffixes().privatesuffix(name.removeprefix("*."))
    return found if isinstance(found, str) else None


def limited_domain(name: str) -> str:
    """Return what CAs count a name's certificates under: by the whole list, with the suffixes of private parties.

    So tenants of a hoster that is on the list do not share a limit. A suffix, or a name outside the list, is its own.
    An IPv4 address counts for itself, an IPv6 address as the /64 that it lies in.
    """
    base = name.lower().removeprefix("*.")
    if isinstance(read_address(base), IPv6Address):
        return str(ip_network(f"{base}/{_ONE_SITE}", strict=False))
    found = _all_suffixes().privatesuffix(base)
    return found if isinstance(found, str) else base


@cache
def _all_suffixes() -> PublicSuffixList:
    return PublicSuffixList(accept_unknown=False)


@cache
def _public_suffixes() -> PublicSuffixList:
    return PublicSuffixList(only_icann=True, accept_unknown=False)


def _read(typed: str, internal_suffixes: frozenset[str], internal_networks: Collection[IPNetwork] | None) -> str:
    text = typed.strip()
    if not text:
        raise _BadName("name_empty", "is empty; give a name such as www.example.com, or leave it out.")
    if len(text) > _LONGEST_TYPED:
        raise _BadName("name_too_long", f"has {len(text)} characters; a name has at most {MAX_NAME}.")
    bare = text[1:-1] if text.startswith("[") and text.endswith("]") else text
    if is_address(bare):
        return _read_address(bare, internal_networks)
    _refuse_other_things(text)
    starred = text.startswith("*.")
    base = _to_ascii(text.removeprefix("*."))
    if is_address(base):
        return _read_address(f"*.{base}" if starred else base, internal_networks)
    if _LIKE_IPV4.fullmatch(base):
        raise _unreadable_address()
    name = f"*.{base}" if starred else base
    _check_size(name)
    _check_labels(base)
    _check_place(base, starred=starred, internal_suffixes=internal_suffixes)
    return name


def _read_address(text: str, internal_networks: Collection[IPNetwork] | None) -> str:
    """Return an address as it is certified: one that means the same host however it is written, and to everybody."""
    if internal_networks is None:
        raise _BadName("name_ip_address", "is an IP address; a DNS name is needed here, such as www.example.com.")
    address = read_address(text)
    if address is None:
        raise _BadName("name_wildcard_misplaced", "has a star before an address; there are no wildcards of addresses.")
    if any(embedded_addresses(address)):
        raise _BadName("name_address_carries", "carries an IPv4 address inside; ask for that address itself.")
    if why := why_denied(address, internal_networks):
        rest = f"cannot be certified: {why}. Give a public address, or have the operator allow its network."
        raise _BadName("name_address_special", rest)
    return str(address)


def _refuse_other_things(text: str) -> None:
    if _LIKE_IPV6.fullmatch(text):
        raise _unreadable_address()
    if _NOT_A_HOST.search(text):
        rest = "is not a host name alone; give it without scheme, port, path, user or spaces: www.example.com."
        raise _BadName("name_not_a_host", rest)
    if "*" in text and (text.count("*") > 1 or not text.startswith("*.")):
        raise _BadName("name_wildcard_misplaced", "may have one star, as the whole first part: *.example.com.")


def _unreadable_address() -> _BadName:
    rest = "is neither an IP address nor a host name; write 203.0.113.7, 2001:db8::7 or www.example.com."
    return _BadName("name_bad_address", rest)


def _to_ascii(text: str) -> str:
    """Map and encode by UTS 46, non-transitional, and drop the root's dot."""
    if "_" in text:
        raise _BadName("name_underscore", "has an underscore; host names have letters, digits and hyphens only.")
    try:
        encoded = idna.encode(unicodedata.normalize("NFC", text), uts46=True)
    except idna.InvalidCodepoint as error:
        raise _BadName("name_bad_character", _bad_character(text, error)) from None
    except UnicodeError as error:
        raise _why_not_encoded(text, error) from None
    return encoded.decode("ascii").lower().removesuffix(".")


def _bad_character(text: str, error: idna.InvalidCodepoint) -> str:
    found = re.search(r"U\+[0-9A-F]{4,6}", str(error))
    which = f" ({found.group()})" if found else ""
    if text.lower().startswith("xn--") or ".xn--" in text.lower():
        return f"stands for a name with a character{which} that host names may not have (RFC 5892)."
    return f"has a character{which} that host names may not have (RFC 5892); emoji and symbols are among these."


def _why_not_encoded(text: str, error: UnicodeError) -> _BadName:
    labels = re.split(r"[.\u3002\uff0e\uff61]", text)
    if "" in labels[:-1] or labels == [""]:
        return _BadName("name_empty_label", "has an empty part; take out the dot at its start, or one of two dots.")
    if "too long" in str(error):
        return _too_long(text, error)
    if any(label.startswith("-") or label.endswith("-") for label in labels):
        return _BadName("name_hyphen_at_edge", "has a part that starts or ends with a hyphen; take the hyphen out.")
    if any(label[2:4] == "--" and label[:2].lower() != "xn" for label in labels):
        return _reserved_hyphens()
    if any(label.lower().startswith("xn--") for label in labels):
        return _BadName("name_bad_a_label", "has a part that starts with xn-- and is no valid A-label (RFC 5890).")
    return _BadName("name_not_encodable", "cannot be written as a host name (RFC 5891); use other characters.")


def _reserved_hyphens() -> _BadName:
    return _BadName("name_reserved_hyphens", "has hyphens in third and fourth place, which only xn-- may (RFC 5890).")


def _too_long(text: str, error: UnicodeError) -> _BadName:
    if "Label" in str(error) and len(text) <= MAX_NAME:
        rest = f"has a part of more than {MAX_LABEL} bytes when written in ASCII; shorten that part."
        return _BadName("name_label_too_long", rest)
    return _BadName("name_too_long", f"is longer than {MAX_NAME} bytes when written in ASCII; shorten it.")


def _check_size(name: str) -> None:
    if len(name) > MAX_NAME:
        rest = f"has {len(name)} bytes when written in ASCII; a name has at most {MAX_NAME}."
        raise _BadName("name_too_long", rest)
    count = name.count(".") + 1
    if count > MAX_LABELS:
        raise _BadName("name_too_many_labels", f"has {count} parts; a name has at most {MAX_LABELS}.")


def _check_labels(base: str) -> None:
    # The library has checked all this; a second pair of eyes, since a CA must never sign what a library lets through.
    for label in base.split("."):
        if not _LABEL.fullmatch(label):
            raise _BadName("name_not_encodable", "cannot be written as a host name (RFC 5891); use other characters.")
        if label[2:4] == "--" and not label.startswith("xn--"):
            raise _reserved_hyphens()


def _check_place(base: str, *, starred: bool, internal_suffixes: frozenset[str]) -> None:
    if any(base.endswith(f".{suffix}") for suffix in internal_suffixes):
        return
    if base in internal_suffixes or base == _public_suffixes().publicsuffix(base):
        what = "covers a whole suffix" if starred else "is a suffix"
        raise _BadName("name_is_suffix", f"{what}, under which many parties hold names; ask for names below it.")
    if "." not in base:
        raise _BadName("name_single_label", "has one part only; give the full name, such as www.example.com.")
    if base.endswith((".in-addr.arpa", ".ip6.arpa")):
        raise _BadName("name_reverse_zone", "lies in a reverse zone, for which nobody may certify since 2026-03-15.")
    if base.endswith(".onion"):
        raise _BadName("name_onion", "is an onion service, whose control we cannot check (RFC 7686).")
    if registered_domain(base) is None:
        raise _BadName("name_unknown_suffix", f"ends in {_last_label(base)}, which is no public suffix; check it.")


def _last_label(base: str) -> str:
    return repr(base.rpartition(".")[2])


def _shown(text: str) -> str:
    """Quote what was typed; repr spells out control characters and those that reorder a line."""
    if len(text) > _LONGEST_SHOWN:
        text = f"{text[: _LONGEST_SHOWN - 15]}...{text[-12:]}"
    return repr(text)


def _label_to_display(label: str) -> str:
    if not label.lower().startswith("xn--"):
        return label
    try:
        return idna.decode(label)
    except UnicodeError:
        return label
