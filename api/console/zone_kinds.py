"""What the form of each kind of DNS zone asks for, and of each vendor; the table that zone_add.py draws."""

from collections.abc import Mapping
from typing import Final

from api.console.target_kinds import Entry, Kind, Shape
from certloom.domain.zone import VENDOR_OPTIONS, TsigAlgorithm, Vendor, ZoneKind

KINDS: Final[Mapping[ZoneKind, Kind]] = {
    ZoneKind.RFC2136: Kind(
        "A name server by dynamic updates",
        "For BIND, Knot DNS, PowerDNS and others that take signed updates (RFC 2136).",
        "Takes the primary name server and a TSIG key that may write TXT records and nothing else.",
        (
            Entry("server", "Primary name server", "Reached over TCP.", "ns1.example.com"),
            Entry("port", "Port", usual="53", shape=Shape.NUMBER, needed=False),
            Entry("key_name", "Name of the key", "As the name server knows it.", "certloom-key"),
            Entry(
                "algorithm", "Algorithm", "That of the key.", shape=Shape.CHOICE, needed=False,
                choices=tuple(TsigAlgorithm),
            ),
        ),
        (Entry("secret", "Secret of the key", "In base64, as tsig-keygen prints it.", shape=Shape.HIDDEN),),
    ),
    ZoneKind.LEXICON: Kind(
        "A DNS vendor",
        "Writes by the vendor's own API.",
        "Takes an API key of the vendor; make one for this zone's records alone, if the vendor can.",
        (),
    ),
    ZoneKind.MANUAL: Kind(
        "By hand",
        "You publish every record yourself, also where a zone above is written by us: the longest name counts.",
        "Takes nothing.",
        (),
    ),
}  # fmt: skip

VENDORS: Final[Mapping[Vendor, str]] = {
    Vendor.ALIYUN: "Alibaba Cloud",
    Vendor.CLOUDFLARE: "Cloudflare",
    Vendor.DESEC: "deSEC",
    Vendor.DIGITALOCEAN: "DigitalOcean",
    Vendor.DNSIMPLE: "DNSimple",
    Vendor.DNSPOD: "DNSPod",
    Vendor.GODADDY: "GoDaddy",
    Vendor.HETZNER: "Hetzner",
    Vendor.INFOMANIAK: "Infomaniak",
    Vendor.IONOS: "IONOS",
    Vendor.LINODE: "Linode",
    Vendor.LUADNS: "LuaDNS",
    Vendor.NETCUP: "netcup",
    Vendor.NSONE: "NS1",
    Vendor.PORKBUN: "Porkbun",
    Vendor.RCODEZERO: "RcodeZero",
    Vendor.SCALEWAY: "Scaleway",
    Vendor.VULTR: "Vultr",
}
_OPTIONS: Final[Mapping[str, str]] = {
    "api_key": "API key",
    "auth_api_key": "API key",
    "auth_api_password": "API password",
    "auth_customer_id": "Customer number",
    "auth_key": "API key",
    "auth_key_id": "Access key id",
    "auth_secret": "Secret",
    "auth_secret_key": "Secret key",
    "auth_token": "API token",
    "auth_username": "User name",
    "zone_id": "Zone id",
}


def kind_of(kind: ZoneKind, vendor: Vendor | None = None) -> Kind:
    """Return the form of a kind; that of a vendor is complete only with the *vendor*."""
    whole = KINDS[kind]
    if kind is not ZoneKind.LEXICON or vendor is None:
        return whole
    options = VENDOR_OPTIONS[vendor]
    entries = [(name, True) for name in options.needed] + [(name, False) for name in options.optional]
    secrets = tuple(Entry(name, _OPTIONS[name], shape=Shape.HIDDEN, needed=needed) for name, needed in entries)
    return whole._replace(title=VENDORS[vendor], credentials=secrets)
