# Licensed under a 3-clause BSD style license - see LICENSE
"""
Real galaxies with what is known of them.

`DATA_SETS` names the sets and how each is loaded. Images are found through
``ASTRO_CNNFIT_TEST_DATA``; they are not part of the package. Lengths are in
pixels, positions in zero-based pixels, angles are left out because peers disagree
on where they start.

Left out are NGC 5419, whose image lies well inside its effective radius, and the
images without a PSF.
"""

from pathlib import Path

import numpy as np
from astropy.io import fits
from astropy.table import Table
from real_images import RealGalaxy, make_galaxy, smooth_light

__all__ = ["DATA_SETS", "load_galaxies", "load_set"]

GAMA_WAVELENGTHS = {
    "u": 354.3, "g": 477.0, "r": 623.1, "i": 762.5, "z": 913.4,
    "Y": 1030.5, "J": 1248.3, "H": 1631.3, "K": 2201.0,
}  # fmt: skip
# Counts a second to AB magnitudes.
ACS_F606W, ACS_F814W, WFC3_F105W = 26.49, 25.94, 26.27


def load_galaxies(folder):
    """
    Load the five galaxies that are compared one by one.

    Parameters
    ----------
    folder : path-like
        The folder of real images.

    Returns
    -------
    list of `RealGalaxy`
    """
    return [
        galaxy
        for name in ("HSC", "GOODS", "COSMOS 100533")
        for galaxy in load_set(name, folder)
    ]


def load_set(name, folder):
    """
    Load a set of `DATA_SETS`.

    Parameters
    ----------
    name : str
        Key of `DATA_SETS`.
    folder : path-like
        The folder of real images.

    Returns
    -------
    list of `RealGalaxy`
    """
    where, load = DATA_SETS[name]
    return load(Path(folder) / where)


def _hsc(folder):
    return [_hsc_galaxy(folder, number) for number in (1, 2, 3)]


def _hsc_galaxy(folder, number):
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
    error = np.sqrt(8.53**2 + smooth_light(image - 1.2))
    rows, columns = np.indices(image.shape)
    mask = np.zeros(image.shape, dtype=bool)
    for x, y, radius in ((21, 46, 5), (54, 11, 8)):
        mask |= np.hypot(columns - x, rows - y) < radius
    galaxy = RealGalaxy(
        "GOODS-S", image, error, mask, psf / psf.sum(), 46, 47, 0.05,
        26.563 + 2.5 * np.log10(1040.0),
        note="the figures of GALFIT's example (m 20.089, R_e 5.116, n 4.249, "
        "q 0.757 at x 48.5, y 51.3) are the first guess of its input file and "
        "describe no fit: neither position nor flux are those of this galaxy",
    )  # fmt: skip
    return [galaxy]


def _cosmos_100533(folder):
    with fits.open(folder / "test_images.fits") as hdus:
        image, psf = hdus[0].data.astype(float), hdus[2].data.astype(float)
    # Sky variance of the catalogue, and 2028 s of exposure in counts a second.
    error = np.sqrt(8.225e-6 + smooth_light(image) / 2028.0)
    # Lackner & Gunn's fit; its flux is that of their I_e, R_e, n and q.
    published = {
        "mag": 25.94 - 2.5 * np.log10(187.812),
        "r_eff": 36.757,
        "n": 1.280,
        "q": 0.2974,
        "source": "Lackner & Gunn (2012) fit, GalSim's COSMOS catalogue",
    }
    galaxy = RealGalaxy(
        "COSMOS 100533", image, error, np.zeros(image.shape, dtype=bool),
        psf / psf.sum(), 32, 99, 0.03, 25.94, published, True,
    )  # fmt: skip
    return [galaxy]


def _hsc_field(folder):
    found = []
    for band in "gri":
        name = folder / f"222.51551376,0.09749601_300x300_{band}.fits"
        with fits.open(name) as hdus:
            image, planes, variance = (hdu.data for hdu in hdus[1:4])
        psf = fits.getdata(folder / f"222.51551376,0.09749601_{band}_psf.fits")
        # Bad, saturated and missing pixels, by the planes of the header.
        bad = np.bitwise_and(planes, 1 << 0 | 1 << 1 | 1 << 8) > 0
        found.append(
            make_galaxy(
                f"HSC spiral {band}", image, np.sqrt(variance), psf, (150, 150),
                0.168, 27.0, bad=bad, note="a large spiral with a bar",
            )
        )  # fmt: skip
    return found


def _hsc_blend(folder):
    with np.load(folder / "hsc_cosmos_35.npz") as scene:
        images, variances, psfs = (scene[key] for key in ("images", "variance", "psfs"))
    # The brightest galaxy of seven sources; the brightest of all is a star, and
    # masked as the others are.
    galaxy = make_galaxy(
        "HSC blend", images[2], np.sqrt(variances[2]), psfs[2], (31, 36), 0.168,
        27.0, split=True, note="a galaxy that overlaps with a star",
    )  # fmt: skip
    return [galaxy]


def _decals(folder):
    place = "59.1067_-30.4848.fits"
    found = []
    with fits.open(folder / f"cutout_{place}") as hdus:
        with fits.open(folder / f"copsf_{place}") as psfs:
            for number, band in enumerate("grz"):
                image, weight = (hdus[2 * number + i].data for i in (1, 2))
                error = np.sqrt(1 / np.maximum(weight, 1e-30))
                found.append(
                    make_galaxy(
                        f"DECaLS {band}", image, error, psfs[number].data,
                        (128, 128), 0.262, 22.5, bad=weight <= 0,
                    )
                )  # fmt: skip
    return found


def _gama(folder):
    found = []
    for band, wavelength in GAMA_WAVELENGTHS.items():
        image = fits.getdata(folder / f"t10_5.34_{band}.fits").astype(float)
        mask = fits.getdata(folder / f"t10_5.34_{band}_mask.fits")
        psf = fits.getdata(folder / f"psf_{band}.fits")
        # Position of GALFITM's input file, which counts from 1.
        found.append(
            make_galaxy(
                f"GAMA {band}", image, None, psf, (31, 35), 0.339, 30.0,
                bad=mask > 0, find=False, wavelength=wavelength,
                note="two clumps, 4 pixels apart",
            )
        )  # fmt: skip
    return found


def _a2744(folder):
    psf = fits.getdata(folder / "f105w_psf.fits.gz")
    rms = fits.getdata(folder / "abell_2744_dwarf_galaxy_f105w_rms.fits.gz")
    # File, position, error, and whether other peaks of the same object are others.
    images = {
        "spiral": ("spiral_galaxy", (75, 76), None, False),
        "dwarf": ("dwarf_galaxy", (100, 100), rms, True),
        "group": ("group_of_galaxies", (43, 69), None, True),
        "cD": ("cd_galaxy", (194, 197), None, False),
    }
    found = []
    for name, (stem, place, error, split) in images.items():
        image = fits.getdata(folder / f"abell_2744_{stem}_f105w.fits.gz")
        found.append(
            make_galaxy(
                f"A2744 {name}", image, error, psf, place, 0.06, WFC3_F105W,
                exposure=68_952.0, split=split,
            )
        )  # fmt: skip
    return found


def _sdss(folder):
    psf = fits.getdata(folder / "psf_moffat_51.fits")
    images = {
        "IC 3478": ("ic3478rss_256", (128, 128)),
        "NGC 3073": ("n3073rss_small", (100, 96)),
    }
    found = []
    for name, (stem, place) in images.items():
        image = fits.getdata(folder / f"{stem}.fits").astype(float)
        mask = fits.getdata(folder / f"{stem}_mask.fits")
        # Gain of SDSS's r band, electrons a count.
        found.append(
            make_galaxy(
                name, image, None, psf, place, 0.396, 30.0, bad=mask > 0,
                exposure=4.7, find=False, note="magnitudes have no zero-point",
            )
        )  # fmt: skip
    return found


def _aegis(folder):
    found = []
    for band, zeropoint in (("F606w", ACS_F606W), ("F814w", ACS_F814W)):
        catalogue = Table.read(folder / f"AEGIS_{band}_catalog.fits")
        found += [
            _from_catalogue(folder, row, f"AEGIS {row['IDENT']} {band}", zeropoint)
            for row in catalogue
        ]
    return found


def _cosmos(folder):
    stem = "real_galaxy_catalog_26_extension_example"
    catalogue = Table.read(folder / f"{stem}.fits")
    return [
        _from_catalogue(folder, row, f"COSMOS {row['IDENT']}", ACS_F814W)
        for row in catalogue
    ]


def _from_catalogue(folder, row, name, zeropoint):
    """A galaxy of a catalogue of GalSim's form."""
    image, psf = (
        fits.getdata(folder / str(row[f"{kind}_FILENAME"]).strip(), row[f"{kind}_HDU"])
        for kind in ("GAL", "PSF")
    )
    published = {"mag": float(row["MAG"]), "source": "SExtractor, not the total flux"}
    centre = [(length - 1) / 2 for length in image.shape[::-1]]
    return make_galaxy(
        name, image, np.sqrt(float(row["NOISE_VARIANCE"])), psf, centre,
        float(row["PIXEL_SCALE"]), zeropoint, exposure=2028.0, published=published,
    )  # fmt: skip


# By name: where the files are, and what makes galaxies of them.
DATA_SETS = {
    "HSC": ("hsc_decals_galaxies", _hsc),
    "GOODS": ("hst_goods", _goods),
    "COSMOS 100533": ("hst_reference", _cosmos_100533),
    "HSC spiral": ("hsc_field", _hsc_field),
    "HSC blend": ("hsc_hst_blends", _hsc_blend),
    "DECaLS": ("hsc_decals_galaxies", _decals),
    "GAMA": ("gama_9band", _gama),
    "A2744": ("hst_a2744", _a2744),
    "SDSS": ("nearby", _sdss),
    "AEGIS": ("hst_reference", _aegis),
    "COSMOS": ("cosmos_f814w", _cosmos),
}
