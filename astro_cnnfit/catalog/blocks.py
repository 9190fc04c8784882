# Licensed under a 3-clause BSD style license - see LICENSE
"""
Shape and WCS of a FITS image from the bytes of its header alone.

A survey has thousands of tiles, all of which are looked at before the first is
measured. astropy's HDUs take four times as long for that as what follows here, which
knows plain files and compressed images and leaves the others to astropy.
"""

from math import prod
from typing import NamedTuple

from astropy.io import fits

from astro_cnnfit.inputs.image import header_wcs

__all__ = ["Cards", "geometry_of", "read_cards"]

_BLOCK, _CARD = 2880, 80
# Nobody's header is larger; a file that is no FITS file is not read to its end.
_MOST_BLOCKS, _MOST_HDUS = 500, 100
_STREAMS = (".gz", ".bz2", ".z", ".zip", ".xz")
# Distortions that are kept in other HDUs.
_ELSEWHERE = (b"CPDIS", b"CQDIS", b"D2IM", b"AXISCORR", b"-TAB")
# No WCS is in these.
_NO_WCS = ("", "COMMENT", "HISTORY", "CONTINUE", "HIERARCH", "END")
_TABLES = ("T", "Z")


class Cards(NamedTuple):
    """The header of an image as it is in its file."""

    values: dict
    """Text of each value and comment, by keyword."""
    block: bytes
    """All of it."""


def read_cards(path, hdu=None):
    """
    Read the header of a 2-D image.

    Parameters
    ----------
    path : path-like
        A FITS file.
    hdu : int, str or None
        Its number or name; None for the first.

    Returns
    -------
    `Cards` or None
        None where astropy must look at it, be it only for the error.
    """
    if str(path).lower().endswith(_STREAMS) or isinstance(hdu, (tuple, bool)):
        return None
    try:
        with open(path, "rb") as file:
            for number in range(_MOST_HDUS):
                cards = _next_cards(file)
                if cards is None or b"GROUPS  =" in cards.block:
                    return None
                if _is_wanted(cards, number, hdu):
                    found = _shape(cards)
                    return cards if len(found) == 2 and 0 not in found else None
                file.seek(_data_size(cards.values), 1)
    except (OSError, ValueError, KeyError):
        pass
    return None


def geometry_of(cards):
    """
    Shape and WCS of an image.

    Parameters
    ----------
    cards : `Cards`
        Of `read_cards`.

    Returns
    -------
    shape : tuple
        (ny, nx).
    wcs : `~astropy.wcs.WCS` or None
        Celestial WCS.
    """
    kept = []
    compressed = _is_compressed(cards.values)
    for start in range(0, len(cards.block), _CARD):
        card = cards.block[start : start + _CARD].decode("ascii")
        key = card[:8].rstrip()
        if key == "END":
            break
        if compressed and key.startswith("NAXIS"):
            continue
        if compressed and key.startswith("ZNAXIS"):
            card = f"{key[1:]:8s}{card[8:]}"
        elif key in _NO_WCS or key.startswith(_TABLES):
            continue
        kept.append(card)
    return _shape(cards), header_wcs(fits.Header.fromstring("".join(kept)))


def _next_cards(file):
    """The header that the file is at; None if there is none, or not one for here."""
    blocks = []
    for _ in range(_MOST_BLOCKS):
        block = file.read(_BLOCK)
        if len(block) < _BLOCK or not block.isascii():
            return None
        if not blocks and block[:8] not in (b"SIMPLE  ", b"XTENSION"):
            return None
        blocks.append(block)
        starts = range(0, _BLOCK, _CARD)
        if any(block[i : i + 8] == b"END     " for i in starts):
            break
    else:
        return None
    block = b"".join(blocks)
    if any(word in block for word in _ELSEWHERE):
        return None
    values = {}
    for start in range(0, len(block), _CARD):
        card = block[start : start + _CARD]
        if card[8:9] == b"=":
            # Of keywords that are there twice, astropy takes the first.
            values.setdefault(card[:8].decode().rstrip(), card[10:].decode())
    return Cards(values, block)


def _value(values, key):
    return values[key].partition("/")[0].strip()


def _number(values, key, default=None):
    return default if key not in values else int(_value(values, key))


def _text(values, key):
    text = values.get(key, "").strip()
    return text[1:].partition("'")[0].rstrip() if text.startswith("'") else ""


def _is_compressed(values):
    return "ZIMAGE" in values and _value(values, "ZIMAGE") == "T"


def _shape(cards):
    """Shape as of an array; () for what is no image."""
    values, prefix = cards.values, ""
    if _is_compressed(values):
        prefix = "Z"
    elif "SIMPLE" not in values and _text(values, "XTENSION") != "IMAGE":
        return ()
    number = _number(values, f"{prefix}NAXIS")
    axes = [_number(values, f"{prefix}NAXIS{i}") for i in range(1, number + 1)]
    return tuple(axes[::-1])


def _is_wanted(cards, number, hdu):
    if hdu is None:
        shape = _shape(cards)
        return len(shape) == 2 and 0 not in shape
    if isinstance(hdu, str):
        return _text(cards.values, "EXTNAME").upper() == hdu.strip().upper()
    return number == hdu


def _data_size(values):
    """Bytes between this header and the next."""
    axes = [_number(values, f"NAXIS{i + 1}") for i in range(_number(values, "NAXIS"))]
    if not axes:
        return 0
    count = _number(values, "GCOUNT", 1) * (_number(values, "PCOUNT", 0) + prod(axes))
    size = abs(_number(values, "BITPIX")) // 8 * count
    return -(-size // _BLOCK) * _BLOCK
