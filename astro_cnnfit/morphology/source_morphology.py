# Licensed under a 3-clause BSD style license - see LICENSE
"""
Measured galaxies as objects with the attribute names of statmorph.

For scripts that were written for it (Rodriguez-Gomez et al. 2019, MNRAS 483,
4140). What it measures and this package does not is missing, not -99.
"""

import numpy as np

from astro_cnnfit import flags

__all__ = ["SourceMorphology", "source_morphology"]

_CATASTROPHIC = (
    flags.NO_DATA
    | flags.FULLY_MASKED
    | flags.OUTSIDE_IMAGE
    | flags.NON_FINITE
    | flags.NEGATIVE_FLUX
    | flags.LABEL_MISSING
    | flags.SEGMENT_SMALL
)
_BAD = (
    flags.NO_PETROSIAN
    | flags.NO_BACKGROUND
    | flags.OUTSIDE_TRAINING_RANGE
    | flags.UNRESOLVED
    | flags.MASKED_CORE
)
_SUSPECT = (
    flags.LOW_SNR
    | flags.APERTURE_OUTSIDE
    | flags.SEGMENT_AT_EDGE
    | flags.CENTRE_NOT_FOUND
)


class SourceMorphology:
    """
    One galaxy, with the attribute names of statmorph.

    Attributes can also be read as items, ``morph["gini"]``; a column of the table
    that statmorph has no name for is an attribute too, ``morph.asymmetry_err``.
    Lengths are in pixels, angles in radians; NaN where undefined.

    Parameters
    ----------
    row : `~astropy.table.Row`
        Of a table of morphology.
    """

    def __init__(self, row):
        self._row = row

    def __getattr__(self, name):
        # Columns that are not properties below: errors, weights, radii on the sky.
        if name.startswith("_") or name not in self._row.colnames:
            raise AttributeError(
                f"{type(self).__name__!r} object has no attribute {name!r}: it is "
                "not among what this package measures"
            )
        return self._number(name)

    def __getitem__(self, name):
        return getattr(self, name)

    def __repr__(self):
        return (
            f"<SourceMorphology {self.label}: C={self.concentration:.2f}, "
            f"A={self.asymmetry:.3f}, S={self.smoothness:.3f}, flag={self.flag}>"
        )

    def _number(self, name):
        value = self._row[name]
        return value.item() if isinstance(value, np.generic) else value

    @property
    def label(self):
        """Label of the segmentation map, or id of the position (photutils)."""
        return self._number("id")

    @property
    def flag(self):
        """
        0 good, 1 suspect, 2 bad, 4 catastrophic: no values (statmorph).

        Made from ``flags``, which says why.
        """
        bits = self.flags
        for value, cut in ((4, _CATASTROPHIC), (2, _BAD), (1, _SUSPECT)):
            if bits & cut:
                return value
        return 0

    @property
    def flags(self):
        """Bits of `astro_cnnfit.flags` (this package)."""
        return int(self._row["flags"])

    @property
    def xc_centroid(self):
        """X of the centre of light of the segment, from its moments (statmorph)."""
        return self._number("x_centroid")

    @property
    def yc_centroid(self):
        """Y of the centre of light of the segment, from its moments (statmorph)."""
        return self._number("y_centroid")

    @property
    def xc_asymmetry(self):
        """X of the centre that minimises the asymmetry (Conselice et al. 2000)."""
        return self._number("xc_asymmetry")

    @property
    def yc_asymmetry(self):
        """Y of the centre that minimises the asymmetry (Conselice et al. 2000)."""
        return self._number("yc_asymmetry")

    @property
    def ellipticity_centroid(self):
        """1 - b/a from the segment's second moments of light (photutils)."""
        return self._number("ellip")

    @property
    def elongation_centroid(self):
        """a/b from the segment's second moments of light (photutils)."""
        return 1 / (1 - self.ellipticity_centroid)

    @property
    def orientation_centroid(self):
        """Angle of the major axis, counter-clockwise from +x (photutils)."""
        return float(self._row["theta"].to_value("rad"))

    @property
    def concentration(self):
        """5 log10(r80 / r20) (Bershady et al. 2000; Conselice 2003)."""
        return self._number("concentration")

    @property
    def asymmetry(self):
        """Asymmetry under a turn by 180 degrees (Conselice et al. 2000; 2003)."""
        return self._number("asymmetry")

    @property
    def smoothness(self):
        """Light of small structures, clumpiness (Conselice 2003; Lotz et al. 2004)."""
        return self._number("smoothness")

    @property
    def rms_asymmetry2(self):
        """Squared RMS asymmetry (Conselice et al. 2000; Sazonova et al. 2024)."""
        # The column keeps the sign of the square, which noise can make negative.
        value = self._number("rms_asymmetry")
        return value * abs(value)

    @property
    def gini(self):
        """Gini coefficient of the pixels above the light at R_p (Lotz et al. 2004)."""
        return self._number("gini")

    @property
    def m20(self):
        """Second moment of the brightest 20 % of the light (Lotz et al. 2004)."""
        return self._number("m20")

    @property
    def gini_m20_bulge(self):
        """Position along the Gini-M20 sequence (Rodriguez-Gomez et al. 2019)."""
        return -0.693 * self.m20 + 4.95 * self.gini - 3.96

    @property
    def gini_m20_merger(self):
        """Distance from the line of mergers (Rodriguez-Gomez et al. 2019)."""
        return 0.139 * self.m20 + 0.990 * self.gini - 0.327

    @property
    def rpetro_circ(self):
        """Circular Petrosian radius (Petrosian 1976; Lotz et al. 2004)."""
        return self._number("rpetro_circ")

    @property
    def rpetro_ellip(self):
        """Elliptical Petrosian semi-major axis (Petrosian 1976; Lotz et al. 2004)."""
        return self._number("rpetro_ellip")

    @property
    def r20(self):
        """
        Radius with 20 % of the light within 1.5 R_p (Conselice 2003).

        Semi-major axis in 'tohill2021', of a circle in 'statmorph' and
        'conselice2003'. So are ``r50`` and ``r80``.
        """
        return self._number("r20")

    @property
    def r50(self):
        """Radius with half of the light within 1.5 R_p (Conselice 2003)."""
        return self._number("r50")

    @property
    def r80(self):
        """Radius with 80 % of the light within 1.5 R_p (Conselice 2003)."""
        return self._number("r80")

    @property
    def rhalf_ellip(self):
        """
        Semi-major axis with half of the light: ``r50`` (Tohill et al. 2021).

        statmorph takes the light out to the farthest pixel of the galaxy instead.
        """
        return self._number("r50")

    @property
    def sn_per_pixel(self):
        """
        Mean S/N of a pixel within the Petrosian ellipse (Tohill et al. 2021, Eq. 3).

        Relative to the noise of the sky; statmorph's has that of each pixel.
        """
        return self._number("sn_per_pixel")

    @property
    def sky_median(self):
        """Level of the sky around the galaxy, in the image's unit (statmorph)."""
        return getattr(self._row["local_bkg"], "value", self._number("local_bkg"))

    @property
    def sky_sigma(self):
        """Noise of the sky per pixel, in the image's unit (statmorph)."""
        return getattr(self._row["sky_sigma"], "value", self._number("sky_sigma"))


def source_morphology(image, segmap, *, measurer=None, **arguments):
    """
    Measure all sources of a segmentation map, as statmorph's function does.

    Parameters
    ----------
    image : array_like
        See `~astro_cnnfit.CNNCASMeasurer`.
    segmap : array_like of int
        Labels of the sources, 0 for the sky.
    measurer : `~astro_cnnfit.CNNCASMeasurer` or \
`~astro_cnnfit.ClassicalCASMeasurer`, optional
        What measures; ``CNNCASMeasurer()`` by default.
    **arguments
        ``mask``, ``error`` (statmorph's ``weightmap``), ``psf`` and ``labels``.

    Returns
    -------
    list of `SourceMorphology`
        One for each label.
    """
    if measurer is None:
        from .measurer import CNNCASMeasurer

        measurer = CNNCASMeasurer()
    return measurer.source_morphology(image, segmap, **arguments)
