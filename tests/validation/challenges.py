"""Challenges as the issuer would make them."""

from certloom.domain.application import Challenge, ValidationMethod


def dns_challenge(name: str = "www.lab.test", value: str = "token-1") -> Challenge:
    return Challenge(
        name=name,
        type=ValidationMethod.DNS_01,
        token=value,
        record_name=f"_certloom-challenge.{name}",
        record_value=value,
    )


def http_challenge(name: str = "www.lab.test", content: str = "token-1") -> Challenge:
    return Challenge(
        name=name,
        type=ValidationMethod.HTTP_01,
        token=content,
        url=f"http://{name}/.well-known/certloom-challenge/{content}",
        content=content,
    )
