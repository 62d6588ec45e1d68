"""The targets file: what it says is believed only when it is right, and paths never lead out of its folders."""

from pathlib import Path

import pytest

from certloom.targets.allowed import read_allowed, require_inside
from certloom.targets.interface import TargetRefused

WHOLE = """
host = "edge-1"
keep = "/var/lib/certloom/keep"

[haproxy.main]
socket = "/run/haproxy/admin.sock"
folders = ["/etc/haproxy/certs"]
crt_lists = ["/etc/haproxy/crt.list"]

[nginx.main]
folders = ["/etc/nginx/certs"]
command = ["/usr/bin/sudo", "-n", "/usr/sbin/nginx"]
"""


def written(folder: Path, text: str) -> Path:
    file = folder / "targets.toml"
    file.write_text(text)
    return file


def test_a_whole_file_is_read(tmp_path: Path) -> None:
    """Sockets, folders, lists and commands are those of the file."""
    allowed = read_allowed(written(tmp_path, WHOLE))
    haproxy, nginx = allowed.haproxy_instance("edge-1", "main"), allowed.nginx_instance("edge-1", "main")
    assert (haproxy.socket, haproxy.crt_lists) == (Path("/run/haproxy/admin.sock"), (Path("/etc/haproxy/crt.list"),))
    assert (nginx.folders, nginx.command[0]) == ((Path("/etc/nginx/certs"),), "/usr/bin/sudo")


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("host = ", "is not TOML"),
        ('host = "edge-1"', "keep: Field required"),
        (WHOLE.replace("edge-1", "Edge 1"), "host: "),
        (WHOLE + 'user = "root"', r"nginx\.main\.user: Extra inputs"),
        (WHOLE.replace("socket", "sockets"), r"haproxy\.main\.socket: Field required"),
        (WHOLE + "[haproxy.main.largest]", "is not TOML|largest"),
    ],
    ids=["no-toml", "no-keep", "bad-host", "unknown-key", "misspelt-key", "wrong-type"],
)
def test_a_file_that_is_not_right_is_refused_with_the_place(tmp_path: Path, text: str, told: str) -> None:
    """Whoever runs the machine reads which line to mend."""
    with pytest.raises(TargetRefused, match=told) as refused:
        read_allowed(written(tmp_path, text))
    assert "targets.toml" in refused.value.detail


@pytest.mark.parametrize("content", [None, b"host = '\xff'"], ids=["missing", "not-text"])
def test_a_file_that_cannot_be_read_is_refused(tmp_path: Path, content: bytes | None) -> None:
    """A file that is missing or no text is named."""
    file = tmp_path / "targets.toml"
    if content is not None:
        file.write_bytes(content)
    with pytest.raises(TargetRefused, match="cannot be read"):
        read_allowed(file)


@pytest.mark.parametrize("kind", ["haproxy", "nginx"])
def test_another_machine_and_an_unknown_instance_are_refused(tmp_path: Path, kind: str) -> None:
    """Only this machine's own sections are handed out, and the sentence names what is missing."""
    allowed = read_allowed(written(tmp_path, WHOLE))
    of = allowed.haproxy_instance if kind == "haproxy" else allowed.nginx_instance
    with pytest.raises(TargetRefused, match="not of edge-2"):
        of("edge-2", "main")
    with pytest.raises(TargetRefused, match=rf"no section \[{kind}\.other\]"):
        of("edge-1", "other")


def test_a_path_inside_is_returned_with_its_folder_resolved(tmp_path: Path) -> None:
    """A folder that is reached through a link is the folder itself."""
    (tmp_path / "certs").mkdir()
    (tmp_path / "link").symlink_to(tmp_path / "certs")
    for folder in ("certs", "link"):
        found = require_inside(tmp_path / "link" / "site.pem", (tmp_path / folder,), what="The file")
        assert found == (tmp_path / "certs" / "site.pem").resolve()


def test_the_last_part_may_be_a_link(tmp_path: Path) -> None:
    """A link in the folder is itself inside, wherever it leads: writers replace it and never follow it."""
    (tmp_path / "certs").mkdir()
    link = tmp_path / "certs" / "site.pem"
    link.symlink_to("/etc/passwd")
    assert require_inside(link, (tmp_path / "certs",), what="The file") == link


@pytest.mark.parametrize("path", ["other/site.pem", "certs", "certs/out/site.pem", "certs-2/site.pem", "certs/../x"])
def test_a_path_outside_is_refused(tmp_path: Path, path: str) -> None:
    """Another folder, the folder itself, a link that leads out, a longer name and dots are no way in."""
    for name in ("certs", "other", "certs-2"):
        (tmp_path / name).mkdir()
    (tmp_path / "certs" / "out").symlink_to(tmp_path / "other")
    with pytest.raises(TargetRefused, match=r"The file .* lies outside the folders"):
        require_inside(tmp_path / path, (tmp_path / "certs",), what="The file")
