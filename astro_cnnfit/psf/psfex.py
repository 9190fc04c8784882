# Licensed under a 3-clause BSD style license - see LICENSE
"""
PSF models of PsfEx (Bertin 2011, ASP Conf. Ser. 442, 435).

A model is a polynomial of position whose coefficients are images: the effective
PSF, pixel included, sampled every PSF_SAMP pixels about its centre. PsfEx counts
positions from 1 at the centre of the first pixel; here they count from 0.
"""

import itertools
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from astropy.io import fits

from astro_cnnfit.inputs.files import ContentError, each_hdu, open_fits
from astro_cnnfit.psf.interpolation import checked_positions
from astro_cnnfit.psf.sampling import resample
from astro_cnnfit.wording import counted

__all__ = ["PsfExModel", "is_psfex", "read_psfex"]

_AXES = {"X_IMAGE": 0, "Y_IMAGE": 1}
# PsfEx scales the positions of its stars to -0.5 to 0.5. A polynomial is good for a
# little more, not for any more.
_FARTHEST = 0.6
_MOST_DEGREES = 20
_MOST_PIXELS = 2**26


@dataclass(frozen=True, eq=False)
class PsfExModel:
    """
    A PSF model of PsfEx, see `read_psfex`.

    Parameters
    ----------
    coefficients : `~numpy.ndarray`, shape (M, ny, nx), float64
        Images, one for each term of the polynomial.
    powers : `~numpy.ndarray`, shape (M, 2), int
        Powers of the scaled x and y of each term.
    zero, scale : tuple of float (x, y)
        Scaled positions are (x + 1 - zero) / scale.
    step : float
        PSF_SAMP: pixels of the image from one sample to the next.
    """

    coefficients: np.ndarray
    powers: np.ndarray
    zero: tuple
    scale: tuple
    step: float

    @property
    def varies(self):
        """Whether the PSF depends on the position."""
        return len(self.powers) > 1

    def at(self, x, y, *, size=25):
        """
        PSFs at positions.

        Parameters
        ----------
        x, y : array_like, shape (N,)
            In pixels of the image, counted from 0. More than a tenth of their range
            beyond the stars that the model was made from, the PSF is that at a
            tenth. An unknown position (NaN) gets the PSF of their middle.
        size : int
            Width of the stamps, odd.

        Returns
        -------
        stamps : `~numpy.ndarray`, shape (N, size, size), float64
            At the sampling of the image. PsfEx itself interpolates by a Lanczos-4
            kernel, this by the band-limited one.
        """
        steps = (np.arange(size) - (size - 1) / 2) / self.step
        # PsfEx centres on the pixel (n // 2), also for an even number.
        y_centre, x_centre = (n // 2 for n in self.coefficients.shape[1:])
        terms = resample(self.coefficients, y_centre + steps, x_centre + steps)
        positions = np.transpose(checked_positions(x, y)) + 1
        scaled = (positions - self.zero) / self.scale
        scaled = np.clip(np.nan_to_num(scaled, nan=0.0), -_FARTHEST, _FARTHEST)
        basis = np.prod(scaled[:, np.newaxis] ** self.powers, axis=2)
        return np.tensordot(basis, terms, axes=1)


def is_psfex(hdu):
    """
    Whether an HDU holds a model of PsfEx.

    Parameters
    ----------
    hdu : HDU
        Of a FITS file.

    Returns
    -------
    bool
    """
    if not isinstance(hdu, fits.BinTableHDU):
        return False
    return "psf_mask" in [name.lower() for name in hdu.columns.names]


def read_psfex(source, *, hdu=None, row=None, argument="psf"):
    """
    Read a PSF model of PsfEx.

    Parameters
    ----------
    source : str, path-like, `~astropy.io.fits.HDUList` or HDU
        A ``.psf`` file, or what it holds.
    hdu : int or str, optional
        Which of the models of a mosaic camera, one for each CCD. Needed where the
        file holds more than one.
    row : int or str, optional
        The same for merged files, which hold a row for each CCD: a number from 0,
        or a name of the column ``ccdname``.
    argument : str
        What the file is for, in messages.

    Returns
    -------
    `PsfExModel`

    Raises
    ------
    OSError
        If a file is missing, truncated or not FITS.
    ValueError
        If it holds no model of PsfEx, more than one and nothing says which, or one
        that is damaged, or depends on something else than X_IMAGE and Y_IMAGE.
    """
    if isinstance(source, fits.BinTableHDU):
        return _read_hdu(source, row, argument)
    if isinstance(source, fits.HDUList):
        return _read_hdu(_chosen(enumerate(source), hdu, argument), row, argument)
    what = f"{argument} {Path(source)}"
    with open_fits(source, argument=argument) as hdus:
        return _read_hdu(_chosen(each_hdu(hdus), hdu, what), row, what)


def _chosen(hdus, wanted, what):
    found = [(number, one) for number, one in hdus if is_psfex(one)]
    if wanted is not None:
        found = [(n, one) for n, one in found if wanted in (n, one.name)]
    if len(found) == 1:
        return found[0][1]
    if not found:
        where = "" if wanted is None else f" in HDU {wanted!r}"
        raise ContentError(f"{what}: no PsfEx model (column PSF_MASK){where}")
    raise ContentError(
        f"{what}: {len(found)} PsfEx models; hdu must say which, one of "
        f"{', '.join(str(number) for number, _ in found)}"
    )


def _read_hdu(hdu, row, what):
    if not is_psfex(hdu):
        raise ContentError(f"{what}: no PsfEx model (column PSF_MASK)")
    columns = {name.lower(): name for name in hdu.columns.names}
    record = hdu.data[_row(hdu, columns, row, what)]

    def value(key, default=None):
        """Of PsfEx in the header, of merged files in a column."""
        found = hdu.header.get(key, default)
        if key.lower() in columns:
            found = record[columns[key.lower()]]
        if found is None:
            raise ContentError(f"{what}: the PsfEx model has no {key}")
        return found

    def number(key, default=None, kind=float):
        found = value(key, default)
        try:
            found = float(found)
            if np.isfinite(found):
                return kind(found)
        except (TypeError, ValueError):
            pass
        raise ContentError(f"{what}: {key} of the PsfEx model is {found!r}")

    powers, zero, scale = _polynomial(value, number, what)
    step = number("PSF_SAMP")
    if not step > 0:
        raise ContentError(f"{what}: PSF_SAMP of the PsfEx model is {step}")
    images = np.array(record[columns["psf_mask"]], dtype=float)
    images = _shaped(images, number, len(powers), what)
    return PsfExModel(images, powers, zero, scale, step)


def _row(hdu, columns, row, what):
    n = len(hdu.data)
    if isinstance(row, str) and "ccdname" in columns:
        names = [str(name).strip() for name in hdu.data[columns["ccdname"]]]
        if names.count(row) == 1:
            return names.index(row)
        raise ContentError(
            f"{what}: row must be one of {', '.join(names)}, got {row!r}"
        )
    if row is None and n == 1:
        return 0
    if isinstance(row, (int, np.integer)) and 0 <= row < n:
        return int(row)
    raise ContentError(
        f"{what}: {counted(n, 'row', 'rows')}; row must be a number from 0 to "
        f"{n - 1} or a name of ccdname, got {row!r}"
    )


def _polynomial(value, number, what):
    """Powers of x and y of each term, and how positions are scaled."""
    n_axes = number("POLNAXIS", kind=int)
    zero, scale = [0.0, 0.0], [1.0, 1.0]
    if n_axes == 0:
        return np.zeros((1, 2), int), tuple(zero), tuple(scale)
    axes, groups = [], []
    for axis in range(1, min(n_axes, 3) + 1):
        name = str(value(f"POLNAME{axis}")).strip()
        if name not in _AXES or _AXES[name] in axes:
            raise ContentError(
                f"{what}: the PsfEx model depends on {name!r}; only X_IMAGE and "
                "Y_IMAGE, once each, are understood"
            )
        axes.append(_AXES[name])
        zero[axes[-1]] = number(f"POLZERO{axis}")
        scale[axes[-1]] = number(f"POLSCAL{axis}")
        groups.append(number(f"POLGRP{axis}", 1, int))
    n_groups = number("POLNGRP", 1, int)
    degrees = {
        group: number(f"POLDEG{group}", kind=int)
        for group in set(groups)
        if 1 <= group <= n_groups
    }
    if min(map(abs, scale)) == 0 or set(degrees) != set(groups):
        raise ContentError(f"{what}: the PsfEx model has a damaged polynomial")
    if not all(0 <= degree <= _MOST_DEGREES for degree in degrees.values()):
        raise ContentError(f"{what}: the degrees of the PsfEx model are {degrees}")
    return _powers(axes, groups, degrees), tuple(zero), tuple(scale)


def _powers(axes, groups, degrees):
    """Terms in PsfEx's order: the first axis runs fastest, degrees are limited."""
    ranges = [range(degrees[group] + 1) for group in groups[::-1]]
    powers = []
    for reverse in itertools.product(*ranges):
        exponents = reverse[::-1]
        totals = {
            group: sum(e for e, g in zip(exponents, groups, strict=True) if g == group)
            for group in degrees
        }
        if all(totals[group] <= degrees[group] for group in degrees):
            both = [0, 0]
            for axis, exponent in zip(axes, exponents, strict=True):
                both[axis] = exponent
            powers.append(both)
    return np.array(powers)


def _shaped(images, number, n_terms, what):
    """Coefficients as images; a merged file pads those of smaller models."""
    nx, ny = number("PSFAXIS1", 0, int), number("PSFAXIS2", 0, int)
    if images.ndim == 2:
        images = images[np.newaxis]
    if images.ndim == 1 and 0 < nx * ny * n_terms <= _MOST_PIXELS:
        if images.size == n_terms * ny * nx:
            images = images.reshape(n_terms, ny, nx)
    if images.ndim != 3 or len(images) < n_terms or not np.isfinite(images).all():
        raise ContentError(
            f"{what}: PSF_MASK of the PsfEx model must be "
            f"{counted(n_terms, 'image', 'images')} of finite numbers, got shape "
            f"{images.shape}"
        )
    rest = images[n_terms:]
    images = images[:n_terms]
    if 0 < ny <= images.shape[1] and 0 < nx <= images.shape[2]:
        images = images[:, :ny, :nx]
    if np.any(rest) or not images[0].sum() > 0:
        raise ContentError(f"{what}: PSF_MASK of the PsfEx model is damaged")
    return images
