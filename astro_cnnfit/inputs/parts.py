# Licensed under a 3-clause BSD style license - see LICENSE
"""The parts of what users call an image, by its type, before they are checked."""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any, NamedTuple

__all__ = ["Parts"]

_NOTHING = MappingProxyType({})


class Parts(NamedTuple):
    """An image as it was brought; nothing of it is checked."""

    values: Any
    """Pixel values."""
    mask: Any = None
    """Mask or bit mask, or None."""
    error: Any = None
    """Standard deviations, or None."""
    unit: Any = None
    """Unit of the values, or None."""
    wcs: Any = None
    """World coordinate system, or None."""
    header: Mapping = _NOTHING
    """Keywords."""
    flags: Any = None
    """Bits that say nothing without ``bad_bits``, or None."""
    flag_header: Mapping = _NOTHING
    """Keywords that name the bits of the mask."""
    unusable: Any = None
    """True where a pixel is not to be used, whatever the mask says; or None."""
    plain_errors: bool = False
    """Whether errors without unit may stand beside values with one, as in files,
    where a unit is a label."""
