# Licensed under a 3-clause BSD style license - see LICENSE
"""
The bits of the ``flags`` column, in one table.

Every place that sets, documents or decodes a flag takes it from `FLAGS`, or
from the integers of the same name in upper case: ``flags.NO_DATA`` is 1.
"""

from typing import NamedTuple

import numpy as np

__all__ = [
    "FLAGS",
    "MORPHOLOGY_CUT",
    "RECOMMENDED_CUT",
    "Flag",
    "decode_flags",
    "flag_table",
]


class Flag(NamedTuple):
    """One bit of the ``flags`` column."""

    bit: int
    """The value that is added to ``flags``, a power of two."""
    name: str
    """Short name, as `decode_flags` returns it."""
    meaning: str
    """What sets it, and what became of the row."""
    advice: str
    """What to do with such a row."""


NO_DATA = 1
FULLY_MASKED = 2
OUTSIDE_IMAGE = 4
TRUNCATED = 8
MASKED_CORE = 16
BLOCK_AVERAGED = 32
OUTSIDE_TRAINING_RANGE = 64
AT_BOUND = 128
LOW_SNR = 256
NON_FINITE = 512
PSF_MISMATCH = 1024
NEIGHBOUR = 2048
SATURATED = 4096
POOR_MODEL = 8192
REFINE_FAILED = 16384
NO_PETROSIAN = 32768
APERTURE_OUTSIDE = 65536
NO_BACKGROUND = 131072
SKY_PEDESTAL = 262144
NEGATIVE_FLUX = 524288
LABEL_MISSING = 1048576
SEGMENT_SMALL = 2097152
SEGMENT_AT_EDGE = 4194304
CENTRE_NOT_FOUND = 8388608
UNRESOLVED = 16777216
BAD_PSF = 33554432
BAD_PIXEL = 67108864
BLENDED = 134217728

FLAGS = (
    Flag(
        NO_DATA, "no_data",
        "all pixels of the stamp are NaN, zero or the same; results are NaN",
        "leave out",
    ),
    Flag(
        FULLY_MASKED, "fully_masked",
        "all pixels of the stamp are masked; results are NaN",
        "leave out, or look at the mask",
    ),
    Flag(
        OUTSIDE_IMAGE, "outside_image",
        "the position is outside the image; results are NaN",
        "leave out, or look at the positions",
    ),
    Flag(
        TRUNCATED, "truncated",
        "the stamp crosses the edge of the image",
        "keep, unless the galaxy itself is cut; stamps of 61 pixels or more (for "
        "morphology 101) do not have it",
    ),
    Flag(
        MASKED_CORE, "masked_core",
        "a masked or non-finite pixel lies within the central 5 x 5 pixels",
        "leave out where n, the size or morphology matters",
    ),
    Flag(
        BLOCK_AVERAGED, "block_averaged",
        "the galaxy is larger than a stamp and was measured on averaged pixels",
        "keep",
    ),
    Flag(
        OUTSIDE_TRAINING_RANGE, "outside_training_range",
        "size, n, ellipticity, morphology, S/N or the width of the PSF lie outside "
        "what the network was trained on",
        "do not trust the errors; for profiles refine=True helps where the pixels tell "
        "enough; for morphology keep those of too high a S/N",
    ),
    Flag(
        AT_BOUND, "at_bound",
        "r_eff, n or ellip lies within 1 % of the bound of its range",
        "leave out where that parameter matters: its error is one-sided",
    ),
    Flag(
        LOW_SNR, "low_snr",
        "the S/N (within the effective radius; for morphology SNR_p) is below what "
        "the network was trained on",
        "keep for fluxes and positions, not for n or morphology",
    ),
    Flag(
        NON_FINITE, "non_finite",
        "the result is not finite; results are NaN",
        "leave out",
    ),
    Flag(
        PSF_MISMATCH, "psf_mismatch",
        "residuals in the core are those of a PSF of another width, at more than "
        "5 sigma; needs statistics or refine",
        "compare the PSF with stars; sizes near that of the PSF are wrong",
    ),
    Flag(
        NEIGHBOUR, "neighbour",
        "light that the model does not explain, or that is missing where it is darker "
        "than the sky, weighted by its nearness, is more than 3 % of the galaxy's flux",
        "keep; where one galaxy matters, mask the neighbour or refine",
    ),
    Flag(
        SATURATED, "saturated",
        "six or more pixels near the centre share the highest value, far above "
        "the noise",
        "mask the saturated pixels and measure again",
    ),
    Flag(
        POOR_MODEL, "poor_model",
        "residuals within the effective radius exceed the noise and 3 % of the "
        "model; needs statistics or refine",
        "look at the residual: no Sersic profile, a blend, or a failure",
    ),
    Flag(
        REFINE_FAILED, "refine_failed",
        "the refinement did not converge; the row has the network's answer",
        "keep if nothing else is set, with the network's errors",
    ),
    Flag(
        NO_PETROSIAN, "no_petrosian",
        "the profile does not fall to 0.2 of the mean within, as far as it was "
        "measured; what the classical measure takes within R_p is NaN",
        "leave out of classical samples; the network's values need no R_p",
    ),
    Flag(
        APERTURE_OUTSIDE, "aperture_outside",
        "the aperture, 1.5 Petrosian radii, reaches beyond the image or stamp",
        "leave out of classical samples, or cut larger stamps",
    ),
    Flag(
        NO_BACKGROUND, "no_background",
        "the sky outside the galaxy (if there is any) does not tell its level, "
        "noise or asymmetry; what needs them is NaN",
        "cut larger stamps, or give the error",
    ),
    Flag(
        SKY_PEDESTAL, "sky_pedestal",
        "the sky around the galaxy is off zero by more than half the noise of a "
        "pixel; it was subtracted",
        "keep; subtract the background of the image if many rows have it",
    ),
    Flag(
        NEGATIVE_FLUX, "negative_flux",
        "the light of the galaxy's pixels, less the sky, sums up to zero or less; "
        "results are NaN",
        "leave out, or look at the sky and the segmentation map",
    ),
    Flag(
        LABEL_MISSING, "label_missing",
        "the segmentation map has no such label, or none at the position; results "
        "are NaN",
        "leave out, or look at labels and positions",
    ),
    Flag(
        SEGMENT_SMALL, "segment_small",
        "the galaxy's segment has fewer than five pixels; results are NaN",
        "leave out",
    ),
    Flag(
        SEGMENT_AT_EDGE, "segment_at_edge",
        "the galaxy's segment touches the edge of the image",
        "leave out: part of the galaxy is not there",
    ),
    Flag(
        CENTRE_NOT_FOUND, "centre_not_found",
        "the search for the centre of least asymmetry did not settle near the "
        "galaxy's centre",
        "leave out where the classical asymmetry matters",
    ),
    Flag(
        UNRESOLVED, "unresolved",
        "the Petrosian radius is below twice the FWHM of the PSF; needs psf",
        "leave out: the values are mostly those of the PSF",
    ),
    Flag(
        BAD_PSF, "bad_psf",
        "the PSF given for this galaxy is none: not finite, empty, off its centre or "
        "not sampled like the image; results are NaN",
        "look at the PSF of this row",
    ),
    Flag(
        BAD_PIXEL, "bad_pixel",
        "a pixel near the centre is brighter or darker than those beside it by more "
        "than the PSF allows: a cosmic ray, a hot or a dead pixel",
        "mask it and measure again, or compare the PSF with stars",
    ),
    Flag(
        BLENDED, "blended",
        "the light that sets neighbour is more than 30 % of the galaxy's flux: "
        "something bright stands beside it, or the position is on a part of a galaxy",
        "leave out, or measure all objects of the image together (iterations)",
    ),
)  # fmt: skip

_LOST = NO_DATA | FULLY_MASKED | OUTSIDE_IMAGE | NON_FINITE | BAD_PSF
_LOST_SEGMENT = NEGATIVE_FLUX | LABEL_MISSING | SEGMENT_SMALL

RECOMMENDED_CUT = (
    _LOST
    | MASKED_CORE
    | OUTSIDE_TRAINING_RANGE
    | AT_BOUND
    | LOW_SNR
    | PSF_MISMATCH
    | SATURATED
    | BAD_PIXEL
    | BLENDED
    | POOR_MODEL
)
"""Bits that a sample of trustworthy measurements should not have:
``table[(table["flags"] & RECOMMENDED_CUT) == 0]``. Those with neighbours are left
in: nearly all of them are as good as others, see the measured rates."""

MORPHOLOGY_CUT = (
    _LOST
    | _LOST_SEGMENT
    | MASKED_CORE
    | OUTSIDE_TRAINING_RANGE
    | LOW_SNR
    | NO_BACKGROUND
    | SEGMENT_AT_EDGE
    | UNRESOLVED
)
"""The same for tables of morphology, network or combined. For the classical
measure alone, add ``NO_PETROSIAN | APERTURE_OUTSIDE | CENTRE_NOT_FOUND``."""


def decode_flags(flags):
    """
    Names of the bits that are set.

    Parameters
    ----------
    flags : int or array_like of int
        One value or a column of values, of at most one dimension.

    Returns
    -------
    names : list of str, or list of lists of str
        A list for a single value, otherwise one list for each value. A bit
        that is not in `FLAGS` is named ``unknown_<value>``.

    Raises
    ------
    TypeError
        If ``flags`` does not hold integers.
    ValueError
        If ``flags`` has more than one dimension or holds a negative value.
    """
    values = np.asarray(flags)
    if values.size and values.dtype.kind not in "iu":
        raise TypeError(f"flags must be integers, got dtype {values.dtype}")
    if values.ndim > 1:
        raise ValueError(
            f"flags must be one integer or a 1-D array, got shape {values.shape}"
        )
    if values.ndim == 0:
        return _names(int(values))
    return [_names(int(value)) for value in values]


def _names(value):
    if value < 0:
        raise ValueError(f"flags must not be negative, got {value}")
    known = {flag.bit: flag.name for flag in FLAGS}
    bits = [1 << place for place in range(value.bit_length()) if value >> place & 1]
    return [known.get(bit, f"unknown_{bit}") for bit in bits]


def flag_table():
    """
    Write the table of flags as reStructuredText, for docstrings and the docs.

    Returns
    -------
    table : str
        A simple table with the columns bit, name and meaning.
    """
    header = ("bit", "name", "meaning")
    rows = [header, *((str(flag.bit), flag.name, flag.meaning) for flag in FLAGS)]
    widths = [max(len(row[column]) for row in rows) for column in range(3)]
    rule = "  ".join("=" * width for width in widths)
    lines = [
        "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True))
        for row in rows
    ]
    lines = [line.rstrip() for line in lines]
    return "\n".join([rule, lines[0], rule, *lines[1:], rule])
