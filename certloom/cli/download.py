"""certloom download: the bundle for a web server, as files that only their owner reads."""

import io
import os
import re
import sys
import zipfile
from collections.abc import Mapping
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Final

import typer

from certloom.cli.certificate import path_of
from certloom.cli.faults import Failure, Misunderstood, NotDone
from certloom.cli.finding import find_certificate
from certloom.cli.options import AsJson, Certificate
from certloom.cli.session import begin
from certloom.cli.words import clean

_LARGEST: Final = 10_000_000  # bytes unpacked; a bundle has some thousands
_NAME: Final = re.compile(r'filename="([A-Za-z0-9._-]{1,200})"')
_PLAIN_NAME: Final = re.compile(r"[A-Za-z0-9_][A-Za-z0-9._ -]{0,254}")


class Format(StrEnum):
    """What a web server wants to be fed."""

    NGINX = "nginx"
    APACHE = "apache"
    IIS = "iis"
    TOMCAT = "tomcat"
    JKS = "jks"
    HAPROXY = "haproxy"
    PEM = "pem"
    PKCS8 = "pkcs8"


def download(
    certificate: Certificate,
    *,
    bundle_format: Annotated[Format, typer.Option("--format", "-f", help="For which server.")] = Format.PEM,
    output: Annotated[
        Path | None,
        typer.Option(
            "--output",
            "-o",
            metavar="DIR|FILE.zip",
            help="A folder for the files, or a zip.",
            show_default="a zip here",
        ),
    ] = None,
    force: Annotated[bool, typer.Option("--force", help="Overwrite what is there.")] = False,
    password_stdin: Annotated[
        bool, typer.Option("--password-stdin", help="Read the password of a .pfx or .jks from standard input.")
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Download certificate, chain and private key.

    The files are readable for you alone, and nothing is overwritten without --force. --json names them.
    """
    form = {"format": bundle_format.value}
    if password_stdin:
        form["password"] = sys.stdin.readline().rstrip("\r\n")
    with begin(as_json=as_json) as session:
        view = find_certificate(session, certificate)
        answer = session.service.fetch(f"{path_of(view)}/download", form)
        named = _NAME.search(answer.headers.get("content-disposition", ""))
        zip_name = named[1] if named else f"{view['id']}.zip"
        files = _files(answer.content, output or Path(zip_name))
        _write(files, force=force)
        session.screen.body(
            {"certificate_id": view["id"], "format": form["format"], "files": [str(path) for path in files]}
        )
        for path in files:
            session.screen.good(f"{path}")
        session.screen.following("README.txt in it says where the files go; keep the private key to yourself.")


def _files(content: bytes, output: Path) -> Mapping[Path, bytes]:
    """Return what to write: the zip itself, or its members in a folder."""
    if output.suffix == ".zip" and not output.is_dir():
        return {output: content}
    return {output / name: member for name, member in _members(content).items()}


def _members(content: bytes) -> Mapping[str, bytes]:
    """Unpack; raises NotDone for a name that would lead out of the folder, and for what is no bundle."""
    try:
        with zipfile.ZipFile(io.BytesIO(content)) as bundle:
            infos = bundle.infolist()
            strange = [info for info in infos if not _PLAIN_NAME.fullmatch(info.filename)]
            if strange or sum(info.file_size for info in infos) > _LARGEST:
                name = f": {clean(strange[0].filename)}" if strange else "; it is too large"
                raise NotDone(f"The bundle holds a file that is not written{name}.")
            return {info.filename: bundle.read(info) for info in infos}
    except zipfile.BadZipFile:
        raise NotDone("What the service sent is no zip.") from None


def _write(files: Mapping[Path, bytes], *, force: bool) -> None:
    """Write all of them for their owner alone; without *force* none when one is there."""
    taken = [path for path in files if path.exists() or path.is_symlink()]
    if taken and not force:
        sentence = "Nothing was written, since this is there already:"
        raise Misunderstood(sentence, lines=[str(path) for path in taken], hint="--force overwrites it.")
    try:
        for path, content in files.items():
            path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            _write_private(path, content, force=force)
    except OSError as error:
        raise Failure(f"{error.filename} cannot be written: {error.strerror}.") from None


def _write_private(path: Path, content: bytes, *, force: bool) -> None:
    """Write a new file, or with *force* one in place of another, whole or not at all."""
    draft = path.with_name(f".{path.name}.{os.getpid()}") if force else path
    flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW
    with os.fdopen(os.open(draft, flags, 0o600), "wb") as file:
        file.write(content)
    if force:
        draft.replace(path)
