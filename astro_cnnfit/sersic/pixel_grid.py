# Licensed under a 3-clause BSD style license - see LICENSE
"""Coordinates of pixels, as `astropy.modeling` hands them to a fitter."""

from typing import NamedTuple

import astropy.units as u
import numpy as np

__all__ = ["PixelGrid", "parse_grid"]

# Coordinates may be off the grid by this fraction of a pixel.
_TOLERANCE = 1e-3
_TAKES = (
    "must be the coordinates of square pixels on a regular grid that grows with the "
    "array's indices, as from `y, x = np.mgrid[:ny, :nx]`"
)


class PixelGrid(NamedTuple):
    """A regular grid of square pixels."""

    first: tuple
    """x and y of the first pixel's centre."""
    step: float
    """Side of a pixel."""
    shape: tuple
    """(ny, nx): number of different y and x."""
    is_transposed: bool
    """Whether x, not y, grows along the first axis of the arrays."""
    unit: u.UnitBase | None
    """Unit of the coordinates."""

    def upright(self, array):
        """Have rows count y and columns x, or bring them back."""
        return np.swapaxes(array, -1, -2) if self.is_transposed else array

    def to_pixels(self, x, y):
        """Zero-based pixels of coordinates."""
        return (x - self.first[0]) / self.step, (y - self.first[1]) / self.step

    def to_coordinates(self, x, y):
        """Coordinates of zero-based pixels."""
        return self.first[0] + x * self.step, self.first[1] + y * self.step

    def start(self, x, y):
        """
        Where a model's ``x_0, y_0`` say that the galaxy is.

        Raises
        ------
        ValueError
            If that is outside the grid, and not the default of a model.
        """
        ny, nx = self.shape
        column, row = self.to_pixels(x, y)
        if x == y == 0 and not (0 < column < nx - 1 and 0 < row < ny - 1):
            return self.to_coordinates((nx - 1) / 2, (ny - 1) / 2)
        if not (-0.5 <= column <= nx - 0.5 and -0.5 <= row <= ny - 0.5):
            raise ValueError(
                f"model's x_0 and y_0 must lie within x and y, got {x:g} and {y:g}"
            )
        return x, y


def parse_grid(x, y, shape):
    """
    The grid that two arrays of coordinates make.

    Parameters
    ----------
    x, y : array_like or `~astropy.units.Quantity`
        Coordinates of each pixel.
    shape : tuple of int
        That of the image.

    Returns
    -------
    `PixelGrid`

    Raises
    ------
    TypeError
        If they are not real numbers.
    ValueError
        If they have another shape than the image, or are not on a regular grid
        of square pixels.
    `~astropy.units.UnitsError`
        If their units differ in kind.
    """
    x, unit = _plain(x, "x", None)
    y, _ = _plain(y, "y", unit)
    for name, values in (("x", x), ("y", y)):
        if values.ndim != 2 or values.shape != tuple(shape):
            raise ValueError(
                f"{name} must be 2-D with the shape of z, {tuple(shape)}, got shape "
                f"{values.shape}"
            )
        if min(values.shape) < 2:
            raise ValueError(f"{name} must have two or more pixels along each axis")
    is_transposed = abs(x[0, -1] - x[0, 0]) < abs(x[-1, 0] - x[0, 0])
    if is_transposed:
        x, y = x.T, y.T
    ny, nx = x.shape
    step = (x[0, -1] - x[0, 0]) / (nx - 1)
    columns, rows = np.arange(nx), np.arange(ny)[:, np.newaxis]
    for name, values, number in (("x", x, columns), ("y", y, rows)):
        off = np.abs(values - (values[0, 0] + step * number))
        if not (step > 0 and np.all(off <= _TOLERANCE * step)):
            raise ValueError(f"{name} {_TAKES}")
    first = (float(x[0, 0]), float(y[0, 0]))
    return PixelGrid(first, float(step), (ny, nx), bool(is_transposed), unit)


def _plain(values, name, unit):
    """Numbers and unit; in ``unit``, if there is one."""
    if isinstance(values, u.Quantity):
        if name == "y" and unit is None:
            raise u.UnitsError("x must have a unit as y has, or neither")
        unit = values.unit if unit is None else unit
        values = values.to_value(unit)
    elif unit is not None:
        raise u.UnitsError("y must have a unit as x has, or neither")
    values = np.asarray(values)
    if values.dtype.kind not in "iuf":
        raise TypeError(f"{name} must hold real numbers, got dtype {values.dtype}")
    return values.astype(float), unit
