# Licensed under a 3-clause BSD style license - see LICENSE
"""Arguments of a search, checked."""

from numbers import Integral

from .space import SearchSpace, read_space

__all__ = ["checked_space", "positive_limit", "whole_number"]


def checked_space(space):
    """Return the search space, read if it is a file, that has something to search."""
    space = space if isinstance(space, SearchSpace) else read_space(space)
    if not space.searched:
        raise ValueError(
            f"space {space.name!r} must have a dimension with more than one value, "
            "got none"
        )
    return space


def whole_number(name, value, least):
    """Return a whole number that is not too small, or say what it must be."""
    if not isinstance(value, Integral) or isinstance(value, bool) or value < least:
        raise ValueError(
            f"{name} must be a whole number of {least} or more, got {value!r}"
        )
    return int(value)


def positive_limit(name, value):
    """Return a positive number, or None as it is, or say what it must be."""
    if value is None:
        return None
    if isinstance(value, bool) or not value > 0:
        raise ValueError(f"{name} must be positive, got {value!r}")
    return float(value)
