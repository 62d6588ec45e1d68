"""Fetching a bundle for a web server."""

from typing import Annotated

from pydantic import AfterValidator, Field, StringConstraints

from api.schemas.model import Form, one_line
from certloom.keys.interface import BundleFormat

Password = Annotated[str, StringConstraints(min_length=1, max_length=128), AfterValidator(one_line)]


class DownloadForm(Form):
    """For which server; without a password, formats that need one get a random one in a file beside."""

    format: BundleFormat
    password: Annotated[Password | None, Field(repr=False)] = None
