"""Key types that a leaf may have, and the family of issuing CA that signs each."""

from collections.abc import Mapping
from enum import StrEnum
from typing import Final


class KeyFamily(StrEnum):
    """The algorithm family; a leaf is signed by its own (AWS ACM refuses mixed chains on import)."""

    ECDSA = "ecdsa"
    RSA = "rsa"


class KeyType(StrEnum):
    """Algorithm and size, as asked for in an application."""

    ECDSA_P256 = "ecdsa-p256"
    ECDSA_P384 = "ecdsa-p384"
    RSA_2048 = "rsa-2048"
    RSA_3072 = "rsa-3072"
    RSA_4096 = "rsa-4096"


FAMILIES: Final[Mapping[KeyType, KeyFamily]] = {
    KeyType.ECDSA_P256: KeyFamily.ECDSA,
    KeyType.ECDSA_P384: KeyFamily.ECDSA,
    KeyType.RSA_2048: KeyFamily.RSA,
    KeyType.RSA_3072: KeyFamily.RSA,
    KeyType.RSA_4096: KeyFamily.RSA,
}
