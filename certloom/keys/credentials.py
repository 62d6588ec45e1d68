"""Reading what people hand in: CSRs and certificates from elsewhere. The work is in csr.py and upload.py."""

from datetime import datetime

from certloom.keys.chain import read_chain
from certloom.keys.csr import csr_public_key, read_csr
from certloom.keys.interface import ChainLink, SigningRequest, UploadedCertificate
from certloom.keys.upload import read_upload


class PemCredentials:
    """The Credentials of the product; holds nothing, so one serves all. Testing an RSA key takes up to a second."""

    def read_csr(self, pem: str) -> SigningRequest:
        """See csr.read_csr: InvalidInput at /csr for anything but one sound request."""
        return read_csr(pem)

    def csr_public_key(self, pem: str) -> bytes:
        """See csr.csr_public_key: SubjectPublicKeyInfo DER, or InvalidInput at /csr."""
        return csr_public_key(pem)

    def read_upload(
        self, *, certificate: str, chain: str | None, private_key: str, now: datetime
    ) -> tuple[UploadedCertificate, bytes]:
        """See upload.read_upload: InvalidInput at /certificate, /chain and /private_key, all faults at once."""
        return read_upload(certificate=certificate, chain=chain, private_key=private_key, now=now)

    def read_chain(self, pem: str) -> tuple[ChainLink, ...]:
        """See chain.read_chain."""
        return read_chain(pem)
