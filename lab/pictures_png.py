"""Small pictures of pages: a browser's PNG is written again with its 256 most frequent colours (ISO/IEC 15948)."""

import struct
import zlib
from collections import Counter
from collections.abc import Iterator, Sequence
from typing import Final, NamedTuple

from certloom.domain.errors import CertloomError

_SIGNATURE: Final = b"\x89PNG\r\n\x1a\n"
_CHANNELS: Final = {2: 3, 6: 4}  # by colour type: red, green, blue, and perhaps alpha, of 8 bits each
_COLOURS: Final = 256

Colour = tuple[int, int, int]


class NotReadable(CertloomError):
    """This is no PNG of the kind that a browser writes."""

    code = "not_readable"


class _Head(NamedTuple):
    width: int
    height: int
    channels: int


def with_palette(png: bytes) -> bytes:
    """Return the same picture in at most 256 colours, without metadata; raises NotReadable."""
    head, rows = _read(png)
    counted = Counter(colour for row in rows for colour in row)
    palette = [colour for colour, _ in counted.most_common(_COLOURS)]
    index = {colour: number for number, colour in enumerate(palette)}
    index |= {colour: _nearest(colour, palette) for colour in counted if colour not in index}
    pixels = b"".join(b"\0" + bytes(index[colour] for colour in row) for row in rows)
    shape = struct.pack(">IIBBBBB", head.width, head.height, 8, 3, 0, 0, 0)  # 8 bits, indexed
    colours = b"".join(bytes(colour) for colour in palette)
    chunks = ((b"IHDR", shape), (b"PLTE", colours), (b"IDAT", zlib.compress(pixels, 9)), (b"IEND", b""))
    return _SIGNATURE + b"".join(_chunk(kind, body) for kind, body in chunks)


def _nearest(colour: Colour, palette: Sequence[Colour]) -> int:
    def distance(number: int) -> int:
        return sum((one - other) ** 2 for one, other in zip(colour, palette[number], strict=True))

    return min(range(len(palette)), key=distance)


def _chunk(kind: bytes, body: bytes) -> bytes:
    return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))


def _read(png: bytes) -> tuple[_Head, list[list[Colour]]]:
    """Return the colours row by row; alpha is left out, since a page hides what is behind it."""
    chunks = list(_chunks(png))
    width, height, bits, kind, _, _, interlaced = struct.unpack(">IIBBBBB", chunks[0][1])
    if bits != 8 or kind not in _CHANNELS or interlaced:
        raise NotReadable("The picture is no PNG of 8 bits per channel.")
    head = _Head(width, height, _CHANNELS[kind])
    lines = _unfiltered(zlib.decompress(b"".join(body for name, body in chunks if name == b"IDAT")), head)
    step = head.channels
    return head, [list(zip(line[0::step], line[1::step], line[2::step], strict=True)) for line in lines]


def _chunks(png: bytes) -> Iterator[tuple[bytes, bytes]]:
    if not png.startswith(_SIGNATURE + b"\0\0\0\x0dIHDR"):
        raise NotReadable("The picture is no PNG.")
    at = len(_SIGNATURE)
    while at < len(png):
        (size,) = struct.unpack_from(">I", png, at)
        yield png[at + 4 : at + 8], png[at + 8 : at + 8 + size]
        at += size + 12


def _unfiltered(data: bytes, head: _Head) -> Iterator[bytearray]:
    """Undo the filter of each line (ISO/IEC 15948, 9)."""
    size, step = head.width * head.channels, head.channels
    above = bytearray(size)
    for start in range(0, head.height * (size + 1), size + 1):
        kind, line = data[start], bytearray(data[start + 1 : start + 1 + size])
        for at in range(size if kind else 0):
            left = line[at - step] if at >= step else 0
            corner = above[at - step] if at >= step else 0
            line[at] = (line[at] + _predicted(kind, left, above[at], corner)) & 0xFF
        yield line
        above = line


def _predicted(kind: int, left: int, up: int, corner: int) -> int:
    match kind:
        case 1:
            return left
        case 2:
            return up
        case 3:
            return (left + up) // 2
        case _:
            return min(
                (abs(up - corner), 0, left), (abs(left - corner), 1, up), (abs(left + up - 2 * corner), 2, corner)
            )[2]
