"""The `acme` package's network with its faults mended: nonces of errors are kept, badNonce is tried eight times.

Answers come back whole, errors too, because Retry-After, Location and unknown problem types would be lost in the
package's exceptions. Requests are signed by a key and account that each call names.
"""

import contextlib
import json
from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

import requests
from acme import jws
from acme.client import ClientNetwork
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from josepy.errors import DeserializationError
from josepy.json_util import decode_b64jose
from josepy.jwa import ES256, ES384, RS256, JWASignature
from josepy.jwk import JWK, JWKEC, JWKRSA
from urllib3.exceptions import HTTPError

from certloom.domain.errors import Outage
from certloom.issuers.acme_transport import Transport

NONCE_TRIES: Final = 8
KEPT_NONCES: Final = 64

Payload = Mapping[str, Any] | None  # None: POST-as-GET (RFC 8555 section 6.3)


@dataclass(frozen=True)
class Signer:
    """Who signs: the key, its algorithm, and the account's URL, without which the request carries the public key."""

    jwk: JWK
    alg: JWASignature
    account_url: str | None = None


def signer_of(key: object, account_url: str | None = None) -> Signer:
    """Return who signs with a private key; raises ValueError for kinds that ACME servers do not take."""
    if isinstance(key, ec.EllipticCurvePrivateKey):
        alg = {"secp256r1": ES256, "secp384r1": ES384}.get(key.curve.name)
        if alg is not None:
            return Signer(JWKEC(key=key), alg, account_url)
    if isinstance(key, rsa.RSAPrivateKey):
        return Signer(JWKRSA(key=key), RS256, account_url)
    raise ValueError("no key that an ACME server takes")


class _NoNonce(Exception):
    """The CA would not even give a nonce; what it said is what is to be known of the request, too."""

    def __init__(self, response: requests.Response) -> None:
        super().__init__()
        self.response = response


class AcmeNetwork(ClientNetwork):
    """Sends, signs, and keeps nonces; safe to share between threads. Raises Outage when no answer came."""

    def __init__(self, transport: Transport, *, user_agent: str) -> None:
        super().__init__(user_agent=user_agent)
        self.session.close()  # the package's own would follow redirects and proxies
        self._transport = transport
        self._kept: deque[str] = deque(maxlen=KEPT_NONCES)

    def get(self, url: str, *_: Any, **__: Any) -> requests.Response:
        """Fetch without a signature."""
        return self._send_request("GET", url)

    def post(
        self, url: str, payload: Payload, *, signer: Signer, new_nonce: str, accept: str = ""
    ) -> requests.Response:
        """Send a signed request; asks again with the nonce of the refusal when the CA did not like the first."""
        try:
            response = self._post_signed(url, payload, signer, new_nonce, accept)
            for _ in range(NONCE_TRIES - 1):
                if not _is_bad_nonce(response):
                    break
                response = self._post_signed(url, payload, signer, new_nonce, accept)
        except _NoNonce as none:
            return none.response
        return response

    def _post_signed(
        self, url: str, payload: Payload, signer: Signer, new_nonce: str, accept: str
    ) -> requests.Response:
        nonce = self._take_nonce(new_nonce)
        text = b"" if payload is None else json.dumps(payload).encode()
        kid = {"kid": signer.account_url} if signer.account_url else {}
        signed = jws.JWS.sign(text, key=signer.jwk, alg=signer.alg, nonce=nonce, url=url, **kid)
        headers = {"Content-Type": self.JOSE_CONTENT_TYPE, **({"Accept": accept} if accept else {})}
        return self._send_request("POST", url, data=signed.json_dumps(), headers=headers)

    def _take_nonce(self, new_nonce: str) -> bytes:
        with contextlib.suppress(IndexError):
            return decode_b64jose(self._kept.pop())
        response = self._send_request("HEAD", new_nonce)
        with contextlib.suppress(IndexError):
            return decode_b64jose(self._kept.pop())
        if response.ok:
            raise Outage("The CA was asked for a nonce, and gave none.")
        raise _NoNonce(response)

    def _send_request(self, method: str, url: str, *_: Any, **kwargs: Any) -> requests.Response:
        try:
            response = self._transport.send(method, url, data=kwargs.get("data"), headers=kwargs.get("headers", {}))
        except (requests.RequestException, HTTPError, OSError) as error:
            raise Outage(f"The CA at {self._transport.host_of(url)} did not answer: {_why(error)}.") from error
        nonce = response.headers.get(self.REPLAY_NONCE_HEADER, "")
        with contextlib.suppress(DeserializationError):
            if nonce and decode_b64jose(nonce):
                self._kept.append(nonce)
        return response

    def close(self) -> None:
        """Close all connections."""
        self._transport.close()


def _is_bad_nonce(response: requests.Response) -> bool:
    if response.status_code != requests.codes.bad_request:
        return False
    with contextlib.suppress(ValueError):
        body = json.loads(response.content)
        return isinstance(body, dict) and str(body.get("type", "")).endswith(":badNonce")
    return False


_WHY: Final[tuple[tuple[type[Exception], str], ...]] = (
    (requests.exceptions.SSLError, "its TLS certificate is not one that we trust, or TLS failed"),
    (requests.exceptions.ConnectTimeout, "no connection in time"),
    (requests.exceptions.ReadTimeout, "no answer in time"),
    (TimeoutError, "no answer in time"),
)


def _why(error: Exception) -> str:
    return next((words for kind, words in _WHY if isinstance(error, kind)), "the connection failed or was cut off")
