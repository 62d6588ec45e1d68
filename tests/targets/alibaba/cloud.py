"""A made-up Alibaba Cloud of one account: CDN 2018-05-10 and CAS 2020-04-07 as far as we ask, and its balancers."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from tests.targets.alibaba.balancers import Balancers
from tests.targets.alibaba.endpoint import Action, Failure, Parameters
from tests.targets.alibaba.stored import Stored, common_name, require_pair


@dataclass
class Domain:
    """A CDN domain; it keeps a copy of what it serves."""

    is_on: bool = False
    certificate: Stored | None = None


@dataclass
class Cloud:
    """All state. `list_is_behind`: the store's search finds nothing, while its whole list does."""

    domains: dict[str, Domain] = field(default_factory=dict)
    store: dict[str, Stored] = field(default_factory=dict)
    tokens: dict[str, str] = field(default_factory=dict)
    balancers: Balancers = field(default_factory=Balancers)
    list_is_behind: bool = False
    _made: int = 1000

    def answer(self, version: str, action: str, asked: Parameters) -> Mapping[str, Any]:
        """Act on one request; raises Failure."""
        actions: dict[tuple[str, str], Action] = {
            **self.balancers.actions(),
            ("2018-05-10", "DescribeDomainCertificateInfo"): self._domain_certificate,
            ("2018-05-10", "DescribeCdnHttpsDomainList"): self._domains,
            ("2018-05-10", "SetCdnDomainSSLCertificate"): self._set_domain,
            ("2020-04-07", "ListCertificates"): self._list,
            ("2020-04-07", "GetUserCertificateDetail"): self._detail,
            ("2020-04-07", "UploadUserCertificate"): self._store,
            ("2020-04-07", "DeleteUserCertificate"): self._drop,
        }
        if (version, action) not in actions:
            raise Failure("InvalidAction.NotFound", f"{version} {action}", status=404)
        return actions[version, action](asked)

    def put_aside(self, chain: str, name: str = "from-elsewhere", **more: Any) -> Stored:
        """Have a certificate in the certificate store that we did not put there."""
        stored = Stored(id=self._new_id(), name=name, chain=chain, **more)
        self.store[stored.id] = stored
        return stored

    def served(self, domain: str) -> str | None:
        one = self.domains[domain]
        return one.certificate.sha256 if one.is_on and one.certificate else None

    def _new_id(self) -> str:
        self._made += 1
        return str(self._made)

    # CDN

    def _domain(self, asked: Parameters) -> Domain:
        if asked["DomainName"] not in self.domains:
            raise Failure("InvalidDomain.NotFound", "The domain name does not belong to you.", status=404)
        return self.domains[asked["DomainName"]]

    def _domain_certificate(self, asked: Parameters) -> Mapping[str, Any]:
        one = self._domain(asked)
        info = {"DomainName": asked["DomainName"], "ServerCertificateStatus": "on" if one.is_on else "off"}
        if one.certificate is not None and one.is_on:
            told = {"CertName": one.certificate.name, "ServerCertificate": one.certificate.chain}
            info |= {**told, "CertId": one.certificate.id, "CertRegion": "cn-hangzhou", "CertType": "cas"}
        return {"CertInfos": {"CertInfo": [info]}}

    def _domains(self, asked: Parameters) -> Mapping[str, Any]:
        on = [(name, one) for name, one in sorted(self.domains.items()) if one.is_on and one.certificate]
        first = (int(asked["PageNumber"]) - 1) * int(asked["PageSize"])
        infos = [
            {"DomainName": name, "CertName": one.certificate.name if one.certificate else ""}
            for name, one in on[first : first + int(asked["PageSize"])]
        ]
        return {"CertInfos": {"CertInfo": infos}, "TotalCount": len(on)}

    def _set_domain(self, asked: Parameters) -> Mapping[str, Any]:
        one = self._domain(asked)
        if asked["SSLProtocol"] == "off":
            one.is_on, one.certificate = False, None
            return {}
        if asked["CertType"] != "cas" or asked["CertRegion"] != "cn-hangzhou":
            raise Failure("Abs.CertRegion.ValueNotSupported")
        if asked["CertId"] not in self.store:
            raise Failure("Certificate.NotFound", "The certificate does not exist.", status=404)
        one.is_on, one.certificate = True, self.store[asked["CertId"]]
        return {}

    # CAS

    def _list(self, asked: Parameters) -> Mapping[str, Any]:
        keyword = asked.get("Keyword", "")
        found = [one for one in self.store.values() if keyword in one.name or keyword in common_name(one)]
        found = [] if keyword and self.list_is_behind else found
        first = (int(asked["CurrentPage"]) - 1) * int(asked["ShowSize"])
        lines = [
            {
                "CertificateId": int(one.id),
                "CertificateName": one.name,
                "CommonName": common_name(one),
                "Serial": one.serial,
                "ExistPrivateKey": one.has_key,
                "UsingProductList": list(one.products),
            }
            for one in found[first : first + int(asked["ShowSize"])]
        ]
        return {"CertificateList": lines, "TotalCount": len(found)}

    def _detail(self, asked: Parameters) -> Mapping[str, Any]:
        if asked.get("CertFilter", "").lower() != "true":
            raise Failure("TestsOnly.KeyAskedFor", "Without CertFilter the answer has the private key.")
        one = self.store.get(asked["CertId"])
        if one is None:
            raise Failure("NotFound", "The certificate does not exist.", status=404)
        return {"Id": int(one.id), "Name": one.name, "Sha2": one.sha256.upper(), "Fingerprint": one.sha1.upper()}

    def _store(self, asked: Parameters) -> Mapping[str, Any]:
        require_pair(asked["Cert"], asked["Key"])
        if asked["ClientToken"] in self.tokens:
            return {"CertId": int(self.tokens[asked["ClientToken"]])}
        if len(asked["Name"]) > 63 or len(asked["ClientToken"]) > 64:
            raise Failure("InvalidParameter", "Too long.")
        if any(one.name == asked["Name"] for one in self.store.values()):
            raise Failure("CertificateNameDuplicate", "The certificate name already exists.")
        stored = self.put_aside(asked["Cert"], asked["Name"])
        self.tokens[asked["ClientToken"]] = stored.id
        return {"CertId": int(stored.id), "ResourceId": f"cas-upload-{stored.id}"}

    def _drop(self, asked: Parameters) -> Mapping[str, Any]:
        if self.store.pop(asked["CertId"], None) is None:
            raise Failure("NotFound", "The certificate does not exist.", status=404)
        return {}
