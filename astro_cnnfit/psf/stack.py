# Licensed under a 3-clause BSD style license - see LICENSE
"""`PSFStack`: PSFs at positions of an image, and between them."""

from dataclasses import dataclass, replace

import numpy as np
from astropy.nddata import NDData
from astropy.table import Table

from astro_cnnfit.inputs import parse_image, parse_positions
from astro_cnnfit.psf.arrays import sample_array
from astro_cnnfit.psf.interpolation import interpolate_stamps

__all__ = ["PSFStack"]


@dataclass(frozen=True, eq=False)
class PSFStack:
    """
    PSFs that are known at positions of an image.

    Between them the PSF is interpolated linearly: on a grid between the four around
    a position, otherwise in the triangles (Delaunay) of the positions; beyond the
    grid it is that at its nearest point, beyond the triangles the nearest PSF.

    Parameters
    ----------
    stamps : array_like, shape (N, ny, nx)
        PSFs, in any form of a stack that `as_psf_stamps` takes.
    x, y : array_like, shape (N,)
        Their positions in pixels; pixel (0, 0) is the centre of the first one.
    oversampling : float
        Samples per pixel of the image, at least 1.
    includes_pixel : bool
        Whether they are effective PSFs.

    Raises
    ------
    TypeError
        If ``stamps`` or positions are not real numbers.
    ValueError
        If the shapes do not fit, positions are not finite, or a PSF is not finite
        or has no positive sum.
    """

    stamps: np.ndarray
    x: np.ndarray
    y: np.ndarray
    oversampling: float = 1
    includes_pixel: bool = True

    varies = True
    """Whether the PSF depends on the position."""

    def __post_init__(self):
        """Check what was given, once."""
        image = parse_image(self.stamps, argument="psf")
        stamps = image.data if image.data.ndim == 3 else image.data[np.newaxis]
        x, y = (np.atleast_1d(np.asarray(value, float)) for value in (self.x, self.y))
        if not x.shape == y.shape == (len(stamps),):
            raise ValueError(
                f"psf must have one position for each PSF, {len(stamps)}, got "
                f"{x.size} x and {y.size} y"
            )
        if not (np.isfinite(x).all() and np.isfinite(y).all()):
            raise ValueError("the positions of psf must be finite")
        bad = stamps.sum(axis=(1, 2)) <= 0
        if image.mask is not None:
            bad |= image.mask.reshape(stamps.shape).any(axis=(1, 2))
        if bad.any():
            raise ValueError(
                "each PSF at a position must be finite, without masked pixels and of "
                f"positive sum: psf number {np.argmax(bad)} (of {np.sum(bad)}) is not"
            )
        if not self.oversampling >= 1:
            raise ValueError(
                f"oversampling must be at least 1, got {self.oversampling}"
            )
        for name, value in (("stamps", stamps), ("x", x), ("y", y)):
            object.__setattr__(self, name, value)

    @classmethod
    def from_table(cls, stamps, positions, **options):
        """
        Make one of a stack and a table.

        Parameters
        ----------
        stamps : array_like, shape (N, ny, nx)
        positions : `~astropy.table.Table` or array_like, shape (N, 2)
            With columns x and y under the names that
            `~astro_cnnfit.inputs.parse_positions` knows.
        **options
            ``oversampling`` and ``includes_pixel``.

        Returns
        -------
        `PSFStack`
        """
        try:
            found = parse_positions(positions)
        except (TypeError, ValueError) as error:
            text = str(error).replace("init_params", "the positions of psf")
            raise type(error)(text) from error
        return cls(stamps, found.x, found.y, **options)

    def at(self, x, y, *, size=25):
        """
        PSFs at positions.

        Parameters
        ----------
        x, y : array_like, shape (M,)
            In pixels of the image.
        size : int
            Width of the stamps, odd.

        Returns
        -------
        stamps : `~numpy.ndarray`, shape (M, size, size), float64
            At the sampling of the image.
        """
        nodes = sample_array(
            self.stamps, size,
            oversampling=self.oversampling, includes_pixel=self.includes_pixel,
        )  # fmt: skip
        # Otherwise a PSF of more counts would weigh more.
        nodes = nodes / nodes.sum(axis=(1, 2), keepdims=True)
        return interpolate_stamps(nodes, self.x, self.y, x, y)

    def oversampled(self, oversampling):
        """
        Tell the sampling of PSFs that did not say it.

        Parameters
        ----------
        oversampling : float
            Samples per pixel of the image.

        Returns
        -------
        `PSFStack`
            A new one.

        Raises
        ------
        ValueError
            If they did.
        """
        if self.oversampling != 1:
            raise ValueError(
                "oversampling is for arrays that do not have their own: psf has "
                f"{self.oversampling}"
            )
        return replace(self, oversampling=oversampling)


def stack_of(psf):
    """
    Recognise a stack with positions in another form.

    Parameters
    ----------
    psf
        Anything: an `~astropy.nddata.NDData` with ``grid_xypos`` (and
        ``oversampling``) in its meta, as photutils takes, or a tuple of a stack and
        a table.

    Returns
    -------
    `PSFStack` or None
        None for anything else.
    """
    if isinstance(psf, NDData) and "grid_xypos" in psf.meta:
        oversampling = np.unique(psf.meta.get("oversampling", 1))
        if len(oversampling) != 1:
            raise ValueError("psf must have one oversampling along both axes")
        positions = np.asarray(psf.meta["grid_xypos"], float)
        return PSFStack.from_table(
            psf.data, positions, oversampling=float(oversampling[0])
        )
    if isinstance(psf, tuple) and len(psf) == 2 and isinstance(psf[1], Table):
        return PSFStack.from_table(*psf)
    return None
