# Licensed under a 3-clause BSD style license - see LICENSE
"""Where galaxies are in the folder of real images, in one table."""

import warnings
from pathlib import Path
from typing import NamedTuple

import numpy as np
from astropy.io import fits
from astropy.utils.exceptions import AstropyUserWarning

__all__ = ["FRAMES", "Frame", "Place", "read_frames"]


class Place(NamedTuple):
    """
    Files of one survey and how galaxies are cut from them.

    ``bands`` is what each band's name replaces in ``pattern``; all of them show
    the same sky. ``hdu`` is an index, ``"all"`` for one galaxy an HDU, or
    ``"npz"`` / ``"npy"``. ``split`` says what decides the part: the place of the
    galaxy in the frame, the frame's name, or a fixed part for frames that may
    share galaxies (``"exposures"``: training, several exposures of a galaxy).
    """

    survey: str
    pattern: str
    bands: tuple = ("",)
    hdu: int | str = 0
    kind: str = "central"
    split: str = "name"
    psf_fwhm: float = 3.0
    drizzled: bool = False
    deblend: float = 0.02


class Frame(NamedTuple):
    """Images of one piece of sky, a band each, and the place they come from."""

    name: str
    images: dict
    place: Place


FRAMES = (
    Place("kids", "kids_field/{}.fits", tuple("gri"), 1, "field", "rows", 3.2,
          deblend=0.005),
    Place("viking", "kids_field/mystery_VIKING_Z.fits", hdu=0, kind="field",
          psf_fwhm=2.6, deblend=0.005),
    Place("cosmos", "cosmos_f814w/real_galaxy_images_extension.fits", hdu="all",
          psf_fwhm=3.2, drizzled=True),
    Place("aegis", "hst_reference/AEGIS_{}_images_01.fits", ("F606w", "F814w"), "all",
          psf_fwhm=3.2, drizzled=True),
    Place("aegis", "hst_reference/AEGIS_{}_images_02.fits", ("F606w", "F814w"), "all",
          psf_fwhm=3.2, drizzled=True),
    Place("cosmos", "hst_reference/test_images.fits", hdu=0, psf_fwhm=3.2,
          drizzled=True),
    Place("hsc", "hsc_field/*_300x300_{}.fits", tuple("gri"), 1, "field", "test", 3.6,
          deblend=0.005),
    Place("hsc", "hsc_field/*_300x300_{}.fits", tuple("gri"), 1, "central", "test", 3.6,
          deblend=0.05),
    Place("hsc", "hsc_decals_galaxies/gal?_im.npy", hdu="npy", kind="field",
          psf_fwhm=3.8),
    Place("hsc", "hsc_hst_blends/hsc_cosmos.npz", hdu="npz", kind="field",
          psf_fwhm=3.8),
    Place("hsc", "hsc_hst_blends/hsc_cosmos_35.npz", hdu="npz", kind="field",
          psf_fwhm=3.8),
    Place("hsc-hst", "hsc_hst_blends/Cut_HST1.fits", kind="field", split="train",
          psf_fwhm=3.2, drizzled=True),
    Place("decals", "hsc_decals_galaxies/cutout_59.1067_-30.4848.fits", tuple("135"),
          "band", "field", psf_fwhm=4.5, deblend=0.005),
    Place("decam", "decam/*_ooi_*[0-9].fits", hdu=1, kind="field", split="exposures",
          psf_fwhm=4.5),
    Place("a2744", "hst_a2744/abell_2744_*_f105w.fits.gz", kind="field", split="train",
          psf_fwhm=3.0, drizzled=True),
    Place("goods", "hst_goods/gal.fits", psf_fwhm=2.2, drizzled=True),
    Place("sdss", "nearby/ic3478rss_256.fits", split="train",
          psf_fwhm=3.0, deblend=1.0),
    Place("sdss", "nearby/n3073rss_small.fits", split="test",
          psf_fwhm=3.0, deblend=1.0),
    Place("frei", "nearby/ngc5585_R_frei.fits", split="train",
          psf_fwhm=3.0, deblend=1.0),
    Place("sdss", "nearby/sdss_edge_on.fits", psf_fwhm=3.0, deblend=1.0),
    Place("nearby", "nearby/spiral_with_segmap.fits", split="test",
          psf_fwhm=3.0, deblend=0.1),
    Place("nearby", "nearby/ntt_field.fits", kind="field", psf_fwhm=3.0,
          deblend=0.005),
    Place("gama", "gama_9band/t10_5.34_{}.fits", tuple("griz"), psf_fwhm=3.5),
)  # fmt: skip
"""All places, in the order in which sources are numbered."""


def read_frames(folder):
    """
    Every frame in the folder; places whose files are missing are passed over.

    Parameters
    ----------
    folder : path-like
        The data set's folder.

    Yields
    ------
    `Frame`
        Images are float64, in whatever linear units the file has.
    """
    folder = Path(folder)
    for place in FRAMES:
        if place.hdu == "band":
            yield from _bands_in_one_file(folder, place)
        elif len(place.bands) > 1:
            yield from _bands_in_files(folder, place)
        else:
            for path in sorted(folder.glob(place.pattern)):
                for key, image in _read(path, place.hdu).items():
                    yield Frame(f"{path.stem}{key}", {"": image}, place)


def _bands_in_one_file(folder, place):
    for path in sorted(folder.glob(place.pattern)):
        with fits.open(path) as hdus:
            images = {band: _plain(hdus[int(band)].data) for band in place.bands}
        yield Frame(path.stem, images, place)


def _bands_in_files(folder, place):
    found = {}
    for band in place.bands:
        for path in sorted(folder.glob(place.pattern.format(band)))[:1]:
            for key, image in _read(path, place.hdu).items():
                found.setdefault(key, {})[band] = image
    stem = Path(place.pattern).name.split(".fits")[0].replace("{}", "").strip("*_")
    for key, images in found.items():
        yield Frame(f"{place.survey}{stem}{key}", images, place)


def _read(path, hdu):
    """Images of one file by the key that tells them apart."""
    if hdu == "npy":
        return {"": _plain(np.load(path))}
    if hdu == "npz":
        with np.load(path) as arrays:
            return {"": _plain(arrays["images"][1:4].sum(axis=0))}
    # Old headers break rules that say nothing about the pixels.
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", AstropyUserWarning)
        with fits.open(path) as hdus:
            if hdu == "all":
                return {f"-{i}": _plain(h.data) for i, h in enumerate(hdus)}
            return {"": _plain(hdus[hdu].data)}


def _plain(data):
    return np.array(data, dtype=float)
