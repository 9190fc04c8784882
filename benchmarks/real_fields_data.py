# Licensed under a 3-clause BSD style license - see LICENSE
"""
Whole real fields, each as its survey delivers it.

`FIELDS` names the fields and how each is loaded. The images are found through
``ASTRO_CNNFIT_TEST_DATA``; they are not part of the package.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from astropy.io import fits
from astropy.nddata import NDData
from astropy.wcs import WCS

from astro_cnnfit.psf import psf_from_stars, read_psf

__all__ = ["FIELDS", "RealField"]

# Of the KiDS field: rows and columns. The PSF is that of the quarter around it.
KIDS_PART = slice(0, 500), slice(500, 1000)
HSC_ZEROPOINT, DECALS_ZEROPOINT = 27.0, 22.5
HSC_PLACE = "222.51551376,0.09749601"
HSC_BAD = ("BAD", "SAT", "EDGE")
# Band, files and, where there is one, the PsfEx model of a cut-out of a DECam chip.
DECAM = {
    "N26": ("r", "testcase9_c4d_141029_043420_{}_r_ls9.N26.fits", True),
    "N15": ("r", "testcase12_c4d_170916_045042_{}_r_ls9.N15.fits", True),
    "N6": ("r", "testcase8_c4d_171113_060340_{}_r_ls9.N6.fits", False),
}


@dataclass(frozen=True)
class RealField:
    """An image and what is needed to measure all that is in it."""

    name: str
    figure: str
    """Fields that share a figure have the same."""
    image: Any
    """Array or HDU."""
    psf: Any
    psf_source: str
    pixel_scale: float | None = None
    """Arcsec; None where it is not known."""
    zeropoint: float | None = None
    """AB, where no keyword tells it."""
    extra: Mapping = field(default_factory=dict)
    """``mask``, ``error``, ``bad_bits`` of a call."""
    finder: Mapping = field(default_factory=dict)
    """Settings of the finder that are not its defaults."""


def kids(folder):
    """A part of the KiDS field in r, whose PSF its own stars tell."""
    image = fits.getdata(folder / "kids_field" / "r.fits")
    psf = psf_from_stars(image[:1300, :1300])
    image = image[KIDS_PART]
    yield RealField("KiDS r", "kids", image, psf, "stars of the field")


def hsc(folder):
    """The spiral of HSC and its neighbours, in g, r and i."""
    folder = folder / "hsc_field"
    for band in "gri":
        with fits.open(folder / f"{HSC_PLACE}_300x300_{band}.fits") as hdus:
            yield RealField(
                f"HSC {band}",
                "hsc",
                _unlazy(hdus[1]),
                fits.getdata(folder / f"{HSC_PLACE}_{band}_psf.fits"),
                "survey",
                0.168,
                2.5 * np.log10(hdus[0].header["FLUXMAG0"]),
                {
                    "error": np.sqrt(hdus[3].data),
                    "mask": _unlazy(hdus[2]),
                    "bad_bits": HSC_BAD,
                },
                "FLUXMAG0 of the first HDU",
            )


def hsc_blends(folder):
    """Two blends of HSC in i; the second one without a variance."""
    folder = folder / "hsc_hst_blends"
    for number, name in enumerate(("hsc_cosmos_35", "hsc_cosmos"), start=1):
        with np.load(folder / f"{name}.npz") as scene:
            image, psf = scene["images"][2], scene["psfs"][2]
            extra = {}
            if "variance" in scene:
                extra = {"error": np.sqrt(scene["variance"][2])}
        yield RealField(
            f"HSC blend {number}", "hsc_blends", image, psf, "survey", 0.168,
            HSC_ZEROPOINT, extra, "survey",
        )  # fmt: skip


def hsc_hst(folder):
    """One scene in HSC's i and in F814W; the zero-points are not told."""
    folder = folder / "hsc_hst_blends"
    for name, file, scale in (("HSC", "HSC1", 0.168), ("HST", "HST1", 0.03)):
        with fits.open(folder / f"Cut_{file}.fits") as hdus:
            data, wcs = hdus[0].data, WCS(hdus[0].header).celestial
        psf = fits.getdata(folder / f"PSF_{name}.fits")
        if data.ndim == 3:
            data, psf = data[2], psf[2]
        else:
            # It has its maximum a pixel beside the middle.
            psf = psf[2:, 2:]
        image = NDData(data.astype(float), wcs=wcs)
        # The images have no zero-point.
        yield RealField(
            f"{name} scene", "hsc_hst", image, psf, "survey", scale, HSC_ZEROPOINT
        )


def decals(folder):
    """A galaxy of the Legacy Surveys and its field, in g, r and z."""
    place = "59.1067_-30.4848.fits"
    folder = folder / "hsc_decals_galaxies"
    with fits.open(folder / f"cutout_{place}") as hdus:
        with fits.open(folder / f"copsf_{place}") as psfs:
            for number, band in enumerate("grz"):
                weight = hdus[2 * number + 2].data.astype(float)
                with np.errstate(divide="ignore"):
                    error = 1 / np.sqrt(weight)
                yield RealField(
                    f"DECaLS {band}", "decals", _unlazy(hdus[2 * number + 1]),
                    psfs[number].data.astype(float), "survey", 0.262,
                    DECALS_ZEROPOINT, {"error": error}, "survey",
                )  # fmt: skip


def decam(folder):
    """Cut-outs of three chips of DECam: single exposures, with all of their sky."""
    for chip, (band, file, has_psf) in DECAM.items():
        path = folder / "decam" / file.format("ooi")
        with fits.open(path) as hdus:
            image = _unlazy(hdus[1])
        weight, quality = (
            fits.getdata(folder / "decam" / file.format(kind), 1).astype(kind_of)
            for kind, kind_of in (("oow", float), ("ood", int))
        )
        with np.errstate(divide="ignore"):
            error = 1 / np.sqrt(weight)
        if has_psf:
            name = path.name.replace(f".{chip}.fits", f"-{chip}-psfex.fits")
            psf, source = read_psf(path.parent / name), "PsfEx"
        else:
            psf = psf_from_stars(image.data, mask=quality > 0, error=error)
            source = "stars of the field"
        extra = {"error": error, "mask": quality}
        yield RealField(
            f"DECam {chip} {band}", "decam", image, psf, source, 0.262, None, extra,
            finder={"box_size": 64},
        )  # fmt: skip


def ntt(folder):
    """The NTT's field of stars and galaxies, whose PSF its own stars tell."""
    image = fits.getdata(folder / "nearby" / "ntt_field.fits").astype(float)
    # No more than two stars stand alone.
    psf = psf_from_stars(image, min_stars=2)
    yield RealField("NTT", "ntt", image, psf, "stars of the field")


def _unlazy(hdu):
    """Copy an image HDU out of a file that is about to be closed."""
    return fits.ImageHDU(np.array(hdu.data), hdu.header)


FIELDS = {
    "kids": kids,
    "hsc": hsc,
    "hsc_blends": hsc_blends,
    "hsc_hst": hsc_hst,
    "decals": decals,
    "decam": decam,
    "ntt": ntt,
}


def load(folder, names=None):
    """Load fields, one at a time."""
    for name in names or FIELDS:
        yield from FIELDS[name](Path(folder))
