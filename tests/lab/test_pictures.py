"""Pictures are written again with few colours, and show the same."""

import struct
import zlib

import pytest

from lab.pictures_png import NotReadable, _chunk, with_palette

WIDTH = 4
RED, GREY, BLUE = (255, 0, 0), (128, 129, 130), (0, 0, 255)
ROWS = [[RED, GREY, BLUE, BLUE], [GREY, GREY, RED, BLUE], [BLUE, RED, RED, GREY], [RED, BLUE, GREY, RED], [GREY] * 4]


def browsers_png(*, channels: int, bits: int = 8) -> bytes:
    """Write the rows as a browser does, each with another one of the five filters."""
    lines = [b"".join(bytes(colour) + b"\xff" * (channels - 3) for colour in row) for row in ROWS]
    above, data = bytes(WIDTH * channels), b""
    for kind, line in enumerate(lines):
        data += bytes([kind]) + _filtered(kind, line, above, channels)
        above = line
    shape = struct.pack(">IIBBBBB", WIDTH, len(ROWS), bits, {3: 2, 4: 6}[channels], 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + _chunk(b"IHDR", shape) + _chunk(b"IDAT", zlib.compress(data)) + _chunk(b"IEND", b"")


def _filtered(kind: int, line: bytes, above: bytes, step: int) -> bytes:
    found = bytearray()
    for at, value in enumerate(line):
        left, up = line[at - step] if at >= step else 0, above[at]
        corner = above[at - step] if at >= step else 0
        guess = left + up - corner
        paeth = min((left, up, corner), key=lambda one: abs(guess - one))
        found.append((value - (0, left, up, (left + up) // 2, paeth)[kind]) & 0xFF)
    return bytes(found)


def shown(png: bytes) -> list[list[tuple[int, ...]]]:
    """Read a picture with a palette."""
    palette_at, data_at = png.index(b"PLTE"), png.index(b"IDAT")
    palette = png[palette_at + 4 : data_at - 8]
    pixels = zlib.decompress(png[data_at + 4 : png.index(b"IEND") - 8])
    lines = [pixels[at + 1 : at + 1 + WIDTH] for at in range(0, len(pixels), WIDTH + 1)]
    return [[tuple(palette[3 * index : 3 * index + 3]) for index in line] for line in lines]


@pytest.mark.parametrize("channels", [3, 4])
def test_a_picture_of_few_colours_stays_as_it_is(channels: int) -> None:
    """Whatever filters the browser chose, every pixel has its colour again."""
    assert shown(with_palette(browsers_png(channels=channels))) == ROWS


@pytest.mark.parametrize("bad", [b"", b"GIF89a", browsers_png(channels=3, bits=16)])
def test_what_is_no_picture_of_a_browser_is_refused(bad: bytes) -> None:
    """Something else is named as such instead of being guessed at."""
    with pytest.raises(NotReadable):
        with_palette(bad)
