"""Forms that may carry files (RFC 7578): each file becomes the text of a field, or what can be said about it."""

import io

from python_multipart import parse_form
from python_multipart.exceptions import FormParserError
from python_multipart.multipart import Field, File

from api.problems import BadRequest


def read_parts(body: bytes, content_type: str) -> list[tuple[str, str]]:
    """Return name and text of each part, in order; raises BadRequest for what is no such form.

    What is in a file and is no text is replaced sign by sign, so that whoever reads it says what was wrong with it.
    """
    found: list[tuple[str, str]] = []

    def on_field(part: Field) -> None:
        found.append((_text(part.field_name), _text(part.value)))

    def on_file(part: File) -> None:
        part.file_object.seek(0)
        content = part.file_object.read().decode("utf-8", "replace")
        part.close()
        found.append((_text(part.field_name), content.replace("\0", "\N{REPLACEMENT CHARACTER}")))

    try:
        parse_form({"Content-Type": content_type.encode("latin-1")}, io.BytesIO(body), on_field, on_file)
    except (FormParserError, ValueError) as error:
        raise BadRequest("The form could not be read.") from error
    return found


def _text(given: bytes | None) -> str:
    return (given or b"").decode()
