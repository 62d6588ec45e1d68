"""The README.txt of each download: three lines that say what is here, where it goes, and what to do then."""

from collections.abc import Mapping
from typing import Final, NamedTuple

from certloom.keys.interface import BundleFormat

_F = BundleFormat


class _Text(NamedTuple):
    """Lines with places: `{stem}` for the file name, `{password}` for where the password is."""

    holds: str
    goes: str
    then: str


_TEXTS: Final[Mapping[BundleFormat, _Text]] = {
    _F.NGINX: _Text(
        "For nginx: {stem}.pem is the certificate with its chain, {stem}.key the private key.",
        "Copy both to /etc/nginx/ssl/ and set: ssl_certificate /etc/nginx/ssl/{stem}.pem; "
        "ssl_certificate_key /etc/nginx/ssl/{stem}.key;",
        "Keep the key readable by root only (chmod 600), then run: nginx -t && nginx -s reload",
    ),
    _F.APACHE: _Text(
        "For Apache: {stem}_public.crt is the certificate, {stem}_chain.crt its chain, {stem}.key the private key.",
        "Copy them to /etc/ssl/ and set in the VirtualHost: SSLCertificateFile /etc/ssl/{stem}_public.crt, "
        "SSLCertificateChainFile /etc/ssl/{stem}_chain.crt, SSLCertificateKeyFile /etc/ssl/{stem}.key",
        "Keep the key readable by root only (chmod 600), then run: apachectl configtest && apachectl graceful",
    ),
    _F.IIS: _Text(
        "For IIS and Windows: {stem}.pfx holds certificate, chain and private key; its password is {password}.",
        "In IIS Manager open the server's Server Certificates, choose Import, and give {stem}.pfx and the password.",
        "Choose the certificate in the site's https binding, then delete the files of this zip from the server.",
    ),
    _F.TOMCAT: _Text(
        "For Tomcat and Java: {stem}.pfx holds certificate, chain and private key; its password is {password}.",
        "Copy it to conf/ and set in server.xml, within SSLHostConfig: "
        '<Certificate certificateKeystoreFile="conf/{stem}.pfx" certificateKeystoreType="PKCS12" '
        'certificateKeystorePassword="..."/>',
        "Keep server.xml and {stem}.pfx readable by Tomcat's user only, then restart Tomcat.",
    ),
    _F.JKS: _Text(
        "For older Java: {stem}.jks holds certificate, chain and private key; store and key password is {password}.",
        "Copy it to conf/ and set in server.xml, within SSLHostConfig: "
        '<Certificate certificateKeystoreFile="conf/{stem}.jks" '
        'certificateKeystoreType="JKS" certificateKeystorePassword="..."/>; in Jetty: jetty.sslContext.keyStorePath',
        "Keep the configuration and {stem}.jks readable by the server's user only, then restart it.",
    ),
    _F.HAPROXY: _Text(
        "For HAProxy: {stem}.pem is the certificate, its chain and the private key in one file.",
        "Copy it to /etc/haproxy/certs/ and set: bind :443 ssl crt /etc/haproxy/certs/{stem}.pem",
        "Keep it readable by root only (chmod 600), then run: haproxy -c -f /etc/haproxy/haproxy.cfg && "
        "systemctl reload haproxy",
    ),
    _F.PEM: _Text(
        "For any server: {stem}.pem is the certificate with its chain, {stem}.key the private key (PKCS#1 or SEC1).",
        "Give {stem}.pem wherever a full chain or certificate file is asked for, and {stem}.key as its key.",
        "Keep the key readable by the server's user only (chmod 600), then reload or restart the server.",
    ),
    _F.PKCS8: _Text(
        "For any server: {stem}.pem is the certificate with its chain, {stem}.key the private key (PKCS#8).",
        "Give {stem}.pem wherever a full chain or certificate file is asked for, and {stem}.key as its PKCS#8 key.",
        "Keep the key readable by the server's user only (chmod 600), then reload or restart the server.",
    ),
}
_NO_KEY: Final = "There is no private key here: it is where the CSR was made. Use that file as {stem}.key."
_NO_KEY_HAPROXY: Final = (
    "There is no private key here: it is where the CSR was made. Put it beside {stem}.pem as {stem}.pem.key."
)
_HOLDS_NO_KEY: Final[Mapping[BundleFormat, str]] = {
    _F.NGINX: "For nginx: {stem}.pem is the certificate with its chain.",
    _F.APACHE: "For Apache: {stem}_public.crt is the certificate, {stem}_chain.crt its chain.",
    _F.HAPROXY: "For HAProxy 2.2 and newer: {stem}.pem is the certificate with its chain.",
    _F.PEM: "For any server: {stem}.pem is the certificate with its chain.",
    _F.PKCS8: "For any server: {stem}.pem is the certificate with its chain.",
}
_IN_FILE: Final = "in {stem}-password.txt"
_CHOSEN: Final = "the one you chose"


def readme(
    bundle_format: BundleFormat, *, stem: str, has_key: bool, has_chain: bool, password_in_file: bool = False
) -> str:
    """Return exactly three lines for this bundle, as it really is."""
    text = _TEXTS[bundle_format]
    holds = text.holds
    if not has_key:
        missing = _NO_KEY_HAPROXY if bundle_format is _F.HAPROXY else _NO_KEY
        holds = f"{_HOLDS_NO_KEY[bundle_format]} {missing}"
    goes = text.goes
    if not has_chain:  # Apache does not start when a file that it is told to read is missing
        holds = holds.replace(", {stem}_chain.crt its chain", "")
        goes = goes.replace("SSLCertificateChainFile /etc/ssl/{stem}_chain.crt, ", "")
    password = (_IN_FILE if password_in_file else _CHOSEN).format(stem=stem)
    return "".join(f"{line.format(stem=stem, password=password)}\n" for line in (holds, goes, text.then))
