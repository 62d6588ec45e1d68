"""The yardstick of orders at an ACME CA: the `acme` package alone, with records in DNS, and nothing decided or kept."""

import threading
from datetime import datetime, timedelta
from pathlib import Path
from typing import Final

import dns.name
import dns.query
import dns.rdatatype
import dns.tsigkeyring
import dns.update
import requests
from acme import challenges, errors, messages
from acme.client import ClientNetwork, ClientV2
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding
from josepy.jwa import ES256
from josepy.jwk import JWKEC

from certloom.domain.errors import Outage
from lab.zone import txt
from workers.service import LAB_SUFFIX

WITHIN: Final = timedelta(seconds=60)
TTL: Final = 60
_ANSWER_WITHIN: Final = 10.0  # seconds


class BareAcme:
    """Orders from threads; each has a client and an account of its own. *key* is name and secret for the lab's DNS."""

    def __init__(self, directory_url: str, trusted_root_file: Path, *, dns_server: str, key: str) -> None:
        self._directory_url = directory_url
        self._trusted_root_file = trusted_root_file
        host, _, port = dns_server.rpartition(":")
        self._dns_server = (host, int(port))
        name, secret = key.split()
        self._keyring = dns.tsigkeyring.from_text({name: secret})
        self._own = threading.local()

    def order(self, name: str) -> None:
        """Get one certificate, as the package's documentation does it. Raises Outage when the CA does not answer."""
        try:
            self._order(name)
        except (requests.RequestException, errors.Error, messages.Error) as fault:
            raise Outage(f"The bare loop's order for {name} failed: {fault}.") from fault

    def _order(self, name: str) -> None:
        client = self._client()
        order = client.new_order(_signing_request(name))
        (authorization,) = order.authorizations
        (chosen,) = (one for one in authorization.body.challenges if isinstance(one.chall, challenges.DNS01))
        response, value = chosen.response_and_validation(client.net.key)
        record = dns.name.from_text(f"_acme-challenge.{name}")
        publish = self._update()
        publish.add(record, TTL, dns.rdatatype.TXT, txt(value))
        self._send(publish)
        client.answer_challenge(chosen, response)
        client.poll_and_finalize(order, deadline=datetime.now() + WITHIN)  # noqa: DTZ005 - the package's own clock
        retract = self._update()
        retract.delete(record, dns.rdatatype.TXT, txt(value))
        self._send(retract)

    def _client(self) -> ClientV2:
        if not hasattr(self._own, "client"):
            key = JWKEC(key=ec.generate_private_key(ec.SECP256R1()))
            root = str(self._trusted_root_file)
            net = ClientNetwork(key, alg=ES256, verify_ssl=root)  # type: ignore[arg-type] # requests takes a file, too
            client = ClientV2(ClientV2.get_directory(self._directory_url, net), net)
            client.new_account(messages.NewRegistration.from_data(terms_of_service_agreed=True))
            self._own.client = client
        found: ClientV2 = self._own.client
        return found

    def _update(self) -> dns.update.UpdateMessage:
        return dns.update.UpdateMessage(f"{LAB_SUFFIX}.", keyring=self._keyring)

    def _send(self, update: dns.update.UpdateMessage) -> None:
        host, port = self._dns_server
        dns.query.tcp(update, host, port=port, timeout=_ANSWER_WITHIN)


def _signing_request(name: str) -> bytes:
    key = ec.generate_private_key(ec.SECP256R1())
    names = x509.SubjectAlternativeName([x509.DNSName(name)])
    builder = x509.CertificateSigningRequestBuilder().subject_name(x509.Name([])).add_extension(names, critical=False)
    return builder.sign(key, hashes.SHA256()).public_bytes(Encoding.PEM)
