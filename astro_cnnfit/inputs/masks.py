# Licensed under a 3-clause BSD style license - see LICENSE
"""Masks: booleans, or bits of which some are bad."""

import operator

import numpy as np
from astropy.nddata.bitmask import bitfield_to_boolean_mask

from .headers import header_value
from .paths import refuse_path

__all__ = ["flag_bits", "parse_bad_bits", "parse_mask"]

# HSC's and Rubin's pipelines name the planes of a mask so: MP_SAT = 1 is the bit of
# value 2.
_PLANE = "MP_"
# Planes that mark what is to be measured.
_OBJECTS = "DETECTED"
_TAKES = (
    "the values of bits (powers of two: 1, 2, 4, ...), or the names of flags that the "
    "mask's header gives"
)


def parse_mask(mask, shape, argument, *, bad_bits=None, header=()):
    """
    Turn a mask into booleans.

    Parameters
    ----------
    mask : array_like
        True or nonzero where a pixel is not to be used; with ``bad_bits``, whole
        numbers.
    shape : tuple of int
        Of the image.
    argument : str
        Name of the image, for messages.
    bad_bits : sequence of int and str, optional
        See `parse_bad_bits`.
    header : `~astropy.io.fits.Header`, optional
        Of the mask, where it names bits.

    Returns
    -------
    `~numpy.ndarray`
        Of bool.

    Raises
    ------
    TypeError
        If it does not hold booleans or numbers; with ``bad_bits``, whole numbers.
    ValueError
        If it has another shape, ``bad_bits`` are not bits of it, or they are needed:
        the header names a flag that marks objects, which would all be masked.
    """
    refuse_path(mask, "mask")
    mask = np.asarray(mask)
    if mask.dtype.kind not in "biuf":
        raise TypeError(f"mask must hold booleans, got dtype {mask.dtype}")
    if mask.shape != shape:
        raise ValueError(
            f"mask must have the shape of {argument}, {shape}, got {mask.shape}"
        )
    names = flag_bits(header)
    if bad_bits is not None:
        return _with_bits(mask, parse_bad_bits(bad_bits, names))
    if mask.dtype.kind in "iu" and _OBJECTS in names:
        _refuse_objects(mask, names)
    return mask.astype(bool)


def parse_bad_bits(bad_bits, names=()):
    """
    The sum of the bits that are bad.

    Parameters
    ----------
    bad_bits : int, str, or sequence of these
        Values of bits (powers of two), or names of flags in any letters.
    names : dict, optional
        Values of the bits by name.

    Returns
    -------
    int
        0 if the sequence is empty: then no pixel is bad.

    Raises
    ------
    TypeError
        If one is neither a whole number nor a name.
    ValueError
        If one is not a power of two, or no name that is known.
    """
    alone = isinstance(bad_bits, str) or not hasattr(bad_bits, "__iter__")
    total = 0
    for bit in [bad_bits] if alone else bad_bits:
        total |= _bit(bit, dict(names))
    return total


def flag_bits(header):
    """
    Names and values of the bits of a mask, from its header.

    Parameters
    ----------
    header : `~astropy.io.fits.Header` or dict
        Its keywords MP_* hold numbers of bits, counted from 0.

    Returns
    -------
    dict
        Values (powers of two) by name in capital letters.
    """
    keys = [key for key in header if str(key).upper().startswith(_PLANE)]
    planes = {key: header_value(header, key) for key in keys}
    return {
        key.upper().removeprefix(_PLANE): 1 << int(number)
        for key, number in planes.items()
        if isinstance(number, (int, np.integer)) and 0 <= number < 64
    }


def _bit(bit, names):
    if isinstance(bit, str):
        name = bit.strip().upper()
        if name not in names:
            known = ", ".join(sorted(names)) or "none"
            raise ValueError(
                f"bad_bits must be {_TAKES}; got {bit!r}, and the names are: {known}"
            )
        return names[name]
    try:
        value = operator.index(bit)
    except TypeError:
        value = None
    if value is None or isinstance(bit, (bool, np.bool_)):
        raise TypeError(f"bad_bits must be {_TAKES}; got {bit!r}")
    if value < 1 or value & (value - 1):
        raise ValueError(f"bad_bits must be {_TAKES}; got {value}")
    return value


def _with_bits(mask, bad):
    if mask.dtype.kind not in "iu":
        raise TypeError(
            "bad_bits are for a mask of whole numbers, got a mask of dtype "
            f"{mask.dtype}"
        )
    # The highest bit of a signed number is a flag as the others are.
    width = 8 * mask.dtype.itemsize
    if bad >> width:
        raise ValueError(
            f"bad_bits must be bits of the mask, of dtype {mask.dtype}; got "
            f"{1 << (bad.bit_length() - 1)}"
        )
    mask = mask.astype(np.dtype(f"u{mask.dtype.itemsize}"), copy=False)
    if bad == 0:
        return np.zeros(mask.shape, bool)
    return bitfield_to_boolean_mask(
        mask, ignore_flags=bad, flip_bits=True, good_mask_value=False, dtype=bool
    )


def _refuse_objects(mask, names):
    bit = names[_OBJECTS]
    if bit >> (8 * mask.dtype.itemsize) or not np.any(mask & mask.dtype.type(bit)):
        return
    raise ValueError(
        f"bad_bits must be given: the mask's flag {_OBJECTS} marks all objects; name "
        f"those that spoil a pixel among {', '.join(sorted(names))}"
    )
