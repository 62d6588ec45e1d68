"""Bringing a certificate from elsewhere."""

from typing import Annotated

from pydantic import Field, StringConstraints

from api.schemas.model import Form, Label, Pem


class UploadForm(Form):
    """PEM as it comes from other tools: the chain may be in `certificate`, in any order."""

    label: Annotated[Label, StringConstraints(min_length=1)]
    certificate: Pem
    chain: Pem | None = None
    private_key: Annotated[Pem | None, Field(repr=False)] = None
