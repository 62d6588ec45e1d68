"""The made-up cloud's classic load balancers: SLB 2014-05-15, as far as we ask."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from cryptography.hazmat.primitives import hashes

from tests.targets.alibaba.endpoint import Action, Failure, Parameters
from tests.targets.alibaba.stored import Stored, common_name, require_pair


@dataclass
class Balancers:
    """One region. `sha1_only` makes it tell SHA-1 with colons instead of SHA-256.

    An extension is its balancer, port, domain and certificate.
    """

    certificates: dict[str, Stored] = field(default_factory=dict)
    listeners: dict[tuple[str, str], str] = field(default_factory=dict)
    extensions: dict[str, tuple[str, str, str, str]] = field(default_factory=dict)
    sha1_only: bool = False
    _made: int = 1000

    def actions(self) -> Mapping[tuple[str, str], Action]:
        """What it answers to."""
        return {
            ("2014-05-15", "DescribeLoadBalancerHTTPSListenerAttribute"): self._listener,
            ("2014-05-15", "SetLoadBalancerHTTPSListenerAttribute"): self._set_listener,
            ("2014-05-15", "DescribeDomainExtensions"): self._extensions,
            ("2014-05-15", "CreateDomainExtension"): self._create_extension,
            ("2014-05-15", "SetDomainExtensionAttribute"): self._set_extension,
            ("2014-05-15", "DeleteDomainExtension"): self._delete_extension,
            ("2014-05-15", "DescribeServerCertificates"): self._server_certificates,
            ("2014-05-15", "UploadServerCertificate"): self._upload,
            ("2014-05-15", "DeleteServerCertificate"): self._delete,
        }

    def put_aside(self, chain: str, name: str = "from-elsewhere") -> str:
        """Have a server certificate that we did not upload; returns its id."""
        stored = Stored(id=f"123_{self._new_id()}", name=name, chain=chain)
        self.certificates[stored.id] = stored
        return stored.id

    def served(self, balancer: str, port: int, domain: str | None = None) -> str | None:
        for at, its_port, name, certificate in self.extensions.values():
            if (at, its_port, name) == (balancer, str(port), domain):
                return self.certificates[certificate].sha256
        return None if domain else self.certificates[self.listeners[balancer, str(port)]].sha256

    def _new_id(self) -> str:
        self._made += 1
        return str(self._made)

    def _at(self, asked: Parameters) -> tuple[str, str]:
        where = (asked["LoadBalancerId"], asked["ListenerPort"])
        if not any(balancer == where[0] for balancer, _ in self.listeners):
            raise Failure("InvalidLoadBalancerId.NotFound", "LoadBalancerId does not exist.", status=404)
        if where not in self.listeners:
            raise Failure("InvalidParameter", "There is no authority or the listener does not exist.")
        return where

    def _listener(self, asked: Parameters) -> Mapping[str, Any]:
        return {"ServerCertificateId": self.listeners[self._at(asked)], "Status": "running", "ListenerPort": 443}

    def _set_listener(self, asked: Parameters) -> Mapping[str, Any]:
        known = {"LoadBalancerId", "ListenerPort", "ServerCertificateId", "RegionId"}
        common = ("Action", "Format", "Version", "Timestamp", "AccessKeyId")
        changed = {name for name in asked if name not in known and not name.startswith(("Signature", *common))}
        if changed:
            raise Failure("TestsOnly.MoreChanged", f"{sorted(changed)}")
        self.listeners[self._at(asked)] = self._known(asked)
        return {}

    def _known(self, asked: Parameters) -> str:
        if asked["ServerCertificateId"] not in self.certificates:
            raise Failure("InvalidParameter.ServerCertificateId", "The specified ServerCertificateId does not exist.")
        return asked["ServerCertificateId"]

    def _extensions(self, asked: Parameters) -> Mapping[str, Any]:
        where = self._at(asked)
        told = [
            {"DomainExtensionId": one, "Domain": domain, "ServerCertificateId": certificate}
            for one, (balancer, port, domain, certificate) in self.extensions.items()
            if (balancer, port) == where
        ]
        return {"DomainExtensions": {"DomainExtension": told}}

    def _create_extension(self, asked: Parameters) -> Mapping[str, Any]:
        balancer, port = self._at(asked)
        if any(one[:3] == (balancer, port, asked["Domain"]) for one in self.extensions.values()):
            raise Failure("DomainExtensionAlreadyExist", "The domain extension exists already.")
        made = f"de-{self._new_id()}"
        self.extensions[made] = (balancer, port, asked["Domain"], self._known(asked))
        return {"DomainExtensionId": made, "ListenerPort": int(port)}

    def _set_extension(self, asked: Parameters) -> Mapping[str, Any]:
        one = self.extensions.get(asked["DomainExtensionId"])
        if one is None:
            raise Failure("InvalidParameter.DomainExtensionId", "The specified DomainExtensionId does not exist.")
        self.extensions[asked["DomainExtensionId"]] = (*one[:3], self._known(asked))
        return {}

    def _delete_extension(self, asked: Parameters) -> Mapping[str, Any]:
        if self.extensions.pop(asked["DomainExtensionId"], None) is None:
            raise Failure("InvalidParameter.DomainExtensionId", "The specified DomainExtensionId does not exist.")
        return {}

    def _server_certificates(self, asked: Parameters) -> Mapping[str, Any]:
        assert asked["RegionId"]
        told = [
            {
                "ServerCertificateId": one.id,
                "ServerCertificateName": one.name,
                "CommonName": common_name(one),
                "Fingerprint": one.leaf.fingerprint(hashes.SHA1()).hex(":") if self.sha1_only else one.sha256,
                "IsAliCloudCertificate": 0,
            }
            for one in self.certificates.values()
        ]
        return {"ServerCertificates": {"ServerCertificate": told}}

    def _upload(self, asked: Parameters) -> Mapping[str, Any]:
        require_pair(asked["ServerCertificate"], asked["PrivateKey"])
        if len(asked["ServerCertificateName"]) > 80:
            raise Failure("InvalidParameter", "Too long.")
        made = self.put_aside(asked["ServerCertificate"], asked["ServerCertificateName"])
        return {"ServerCertificateId": made, "ServerCertificateName": asked["ServerCertificateName"]}

    def _delete(self, asked: Parameters) -> Mapping[str, Any]:
        certificate = self._known(asked)
        if certificate in self.listeners.values():
            raise Failure("CertificateAndPrivateKeyIsRefered", "The specified certificate is bound to listeners.")
        if any(one[3] == certificate for one in self.extensions.values()):
            raise Failure("CertificateRelatedDomainExtensionExist", "A domain extension has this certificate.")
        del self.certificates[certificate]
        return {}
