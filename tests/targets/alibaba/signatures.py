"""Both signature styles of Alibaba Cloud, checked as its gateway does; written from its documents, not from the SDK."""

import base64
import hashlib
import hmac
from collections.abc import Mapping
from dataclasses import dataclass, field
from urllib.parse import quote

STYLE = "ACS3-HMAC-SHA256"


class Refused(Exception):
    """The gateway's no, with the code and the sentence that it answers."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(code)
        self.code = code
        self.message = message


@dataclass(frozen=True)
class Asked:
    """One request as it came in; names of headers are lower case, `query` is decoded."""

    method: str
    path: str
    headers: Mapping[str, str]
    query: Mapping[str, str]
    body: bytes


@dataclass
class Gateway:
    """Knows one access key and every nonce that it has seen."""

    key_id: str
    secret: str
    nonces: set[str] = field(default_factory=set)
    styles: list[str] = field(default_factory=list)  # of the requests that were let in

    def let_in(self, asked: Asked) -> tuple[str, str]:
        """Return the action and the API's version; raises Refused."""
        if asked.headers.get("authorization", "").startswith(STYLE):
            return self._v3(asked)
        if "Signature" in asked.query:
            return self._old(asked)
        raise Refused("MissingSignature", "The request is not signed.")

    def _v3(self, asked: Asked) -> tuple[str, str]:
        parts = dict(part.split("=", 1) for part in asked.headers["authorization"][len(STYLE) + 1 :].split(","))
        self._require_key(parts["Credential"])
        self._require_new(asked.headers["x-acs-signature-nonce"])
        if hashlib.sha256(asked.body).hexdigest() != asked.headers["x-acs-content-sha256"]:
            raise Refused("SignatureDoesNotMatch", "The hash of the body is wrong.")
        signed = parts["SignedHeaders"].split(";")
        required = {"host", "x-acs-action", "x-acs-version", "x-acs-date", "x-acs-signature-nonce"}
        if not required <= set(signed):
            raise Refused("IncompleteSignature", "Required headers are not signed.")
        canonical = "\n".join(
            (
                asked.method,
                asked.path,
                "&".join(f"{_quoted(name)}={_quoted(asked.query[name])}" for name in sorted(asked.query)),
                "".join(f"{name}:{asked.headers[name].strip()}\n" for name in sorted(signed)),
                ";".join(sorted(signed)),
                asked.headers["x-acs-content-sha256"],
            )
        )
        to_sign = f"{STYLE}\n{hashlib.sha256(canonical.encode()).hexdigest()}"
        made = hmac.new(self.secret.encode(), to_sign.encode(), hashlib.sha256).hexdigest()
        self._require_same(made, parts["Signature"], canonical)
        self.styles.append("v3")
        return asked.headers["x-acs-action"], asked.headers["x-acs-version"]

    def _old(self, asked: Asked) -> tuple[str, str]:
        query = asked.query
        self._require_key(query.get("AccessKeyId", ""))
        self._require_new(query["SignatureNonce"])
        if (query["SignatureMethod"], query["SignatureVersion"]) != ("HMAC-SHA1", "1.0"):
            raise Refused("InvalidSignatureMethod", "Only HMAC-SHA1 in version 1.0 is known.")
        pairs = "&".join(f"{_quoted(name)}={_quoted(query[name])}" for name in sorted(query) if name != "Signature")
        to_sign = f"{asked.method}&{_quoted('/')}&{_quoted(pairs)}"
        digest = hmac.new(f"{self.secret}&".encode(), to_sign.encode(), hashlib.sha1).digest()
        self._require_same(base64.b64encode(digest).decode(), query["Signature"], to_sign)
        self.styles.append("old")
        return query["Action"], query["Version"]

    def _require_key(self, key_id: str) -> None:
        if key_id != self.key_id:
            raise Refused("InvalidAccessKeyId.NotFound", "Specified access key is not found.")

    def _require_new(self, nonce: str) -> None:
        if nonce in self.nonces:
            raise Refused("SignatureNonceUsed", "Specified signature nonce was used already.")
        self.nonces.add(nonce)

    def _require_same(self, made: str, came: str, to_sign: str) -> None:
        """Refuse as the real one does: with the string to sign in the sentence, and so with all parameters."""
        if not hmac.compare_digest(made, came):
            raise Refused(
                "SignatureDoesNotMatch",
                f"Specified signature is not matched with our calculation. server string to sign is:{to_sign}",
            )


def _quoted(text: str) -> str:
    return quote(text, safe="~")
