# Licensed under a 3-clause BSD style license - see LICENSE
"""
Five real galaxies with what is known of them.

Images are found through ``ASTRO_CNNFIT_TEST_DATA``; they are not part of the
package. Lengths are in pixels, positions in zero-based pixels, angles are left
out because peers disagree on where they start.
"""

from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from astropy.io import fits
from scipy.ndimage import gaussian_filter

__all__ = ["RealGalaxy", "load_galaxies"]


@dataclass(frozen=True)
class RealGalaxy:
    """A galaxy, its image, and published parameters where there are any."""

    name: str
    image: np.ndarray
    error: np.ndarray
    mask: np.ndarray
    psf: np.ndarray
    x: float
    y: float
    pixel_scale: float
    zeropoint: float
    published: dict = field(default_factory=dict)
    """mag, r_eff (semi-major axis, pixels), n and q, and their ``source``."""
    is_catalogue: bool = False
    """Whether ``published`` is from a catalogue, and so the one to agree with."""
    note: str = ""


def load_galaxies(folder):
    """
    Load the five galaxies.

    Parameters
    ----------
    folder : path-like
        The folder of real images.

    Returns
    -------
    list of `RealGalaxy`
    """
    folder = Path(folder)
    hsc = [_hsc(folder / "hsc_decals_galaxies", number) for number in (1, 2, 3)]
    return [*hsc, _goods(folder / "hst_goods"), _cosmos(folder / "hst_reference")]


def _hsc(folder, number):
    image, error, psf, mask = (
        np.load(folder / f"gal{number}_{part}.npy").astype(float)
        for part in ("im", "sig", "psf", "mask")
    )
    x, y = {1: (60, 60), 2: (60, 59), 3: (59, 59)}[number]
    published = {}
    if number == 2:
        # Medians of the posterior in example_fit.asdf beside the images: flux
        # 3757.2, r_eff 6.257, n 3.643, ellip 0.312.
        published = {
            "mag": 27 - 2.5 * np.log10(3757.2),
            "r_eff": 6.257,
            "n": 3.643,
            "q": 1 - 0.312,
            "source": "pysersic example, posterior medians (sky held at 0)",
        }
    return RealGalaxy(
        f"HSC {number}", image, error, mask > 0, psf / psf.sum(), x, y, 0.168, 27.0,
        published,
    )  # fmt: skip


def _goods(folder):
    image = fits.getdata(folder / "gal.fits").astype(float)
    psf = fits.getdata(folder / "psf.fits").astype(float)
    # Electrons (header), sky of 1.2 and noise of 8.53 from clipped statistics.
    error = np.sqrt(8.53**2 + _light(image - 1.2))
    rows, columns = np.indices(image.shape)
    mask = np.zeros(image.shape, dtype=bool)
    for x, y, radius in ((21, 46, 5), (54, 11, 8)):
        mask |= np.hypot(columns - x, rows - y) < radius
    return RealGalaxy(
        "GOODS-S", image, error, mask, psf / psf.sum(), 46, 47, 0.05,
        26.563 + 2.5 * np.log10(1040.0),
        note="the figures of GALFIT's example (m 20.089, R_e 5.116, n 4.249, "
        "q 0.757 at x 48.5, y 51.3) are the first guess of its input file and "
        "describe no fit: neither position nor flux are those of this galaxy",
    )  # fmt: skip


def _cosmos(folder):
    with fits.open(folder / "test_images.fits") as hdus:
        image, psf = hdus[0].data.astype(float), hdus[2].data.astype(float)
    # Sky variance of the catalogue, and 2028 s of exposure in counts a second.
    error = np.sqrt(8.225e-6 + _light(image) / 2028.0)
    # Lackner & Gunn's fit; its flux is that of their I_e, R_e, n and q.
    published = {
        "mag": 25.94 - 2.5 * np.log10(187.812),
        "r_eff": 36.757,
        "n": 1.280,
        "q": 0.2974,
        "source": "Lackner & Gunn (2012) fit, GalSim's COSMOS catalogue",
    }
    return RealGalaxy(
        "COSMOS 100533", image, error, np.zeros(image.shape, dtype=bool),
        psf / psf.sum(), 32, 99, 0.03, 25.94, published, True,
    )  # fmt: skip


def _light(image):
    """Smooth an image, so that its noise does not weight the fit."""
    return np.maximum(gaussian_filter(image, 1.5), 0.0)
