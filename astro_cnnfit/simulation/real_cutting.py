# Licensed under a 3-clause BSD style license - see LICENSE
"""From a frame to its sources: which segments are galaxies, and what part has them."""

import hashlib
from typing import NamedTuple

import numpy as np
from scipy.ndimage import find_objects

from .denoise import DRIZZLED, WHITE, denoise
from .isolate import (
    ellipse_radius,
    find_segments,
    flatten,
    free_of_neighbours,
    shape_of,
    symmetry_centre,
    taper,
)
from .warp import edge_taper

__all__ = ["Source", "sources_of_frame"]

TRAIN_SHARE = 0.6

MIN_TOTAL_SNR = 60.0
"""Signal to noise of the whole segment, below which a galaxy is no source."""

GOOD_PIXEL_SNR = {"train": 11.0, "test": 13.0}
"""Mean S/N per pixel that a drawn galaxy has before denoising, at least: sources
below it are drawn smaller, which averages their pixels. What denoising leaves at 8
adds 0.013 to the asymmetry, and no measure of a noisier image can find it; where
galaxies are a test, their truth has to be better than in training, whose labels
hold for the picture as it is."""

BAND_SNR = 12.0
"""Mean S/N per pixel of all bands together from which each is a source of its own."""

MAX_ZOOM = 1.2

NOT_GALAXIES = frozenset(
    [
        "kids-856-172",
        "kids-859-1499",
        "kids-861-1236",
        "kids-867-347",
        "kids-867-1010",
        "kids-1203-2193",
    ]
)
"""Sources that looking at them showed to be stars, artefacts or badly cut."""


class Source(NamedTuple):
    """
    One galaxy in one band, without noise and neighbours.

    ``name`` is the source's own, ``galaxy`` shared by all bands and exposures of a
    galaxy, ``survey`` a word. ``image`` is (ny, nx) float32 of unit flux and zero
    outside the galaxy's own light; ``centre`` is (x, y), about which it is most
    symmetric; ``snr`` the mean S/N of a pixel of its segment; ``psf_fwhm`` the
    survey's usual one; ``r_petro`` a guess of the Petrosian semi-major axis;
    ``max_zoom`` by how much the image may be enlarged at most; lengths in pixels.
    """

    name: str
    survey: str
    image: np.ndarray
    centre: tuple
    snr: float
    psf_fwhm: float
    r_petro: float
    max_zoom: float
    galaxy: str


def sources_of_frame(frame):
    """
    Galaxies of one frame that are good enough for truth.

    Parameters
    ----------
    frame : `~astro_cnnfit.simulation.real_sources.Frame`

    Yields
    ------
    source : `Source`
    part : {'train', 'test'}
    """
    place = frame.place
    flat = {band: flatten(image, place.kind) for band, image in frame.images.items()}
    bad = np.any([b for _, b in flat.values()], axis=0)
    bands = {band: image for band, (image, _) in flat.items()}
    stack = sum(bands.values()) / np.sqrt(len(bands))
    segments = find_segments(stack, bad, place.deblend)
    if not segments.any():
        return
    extents = find_objects(segments)
    for label in _candidates(segments, place.kind):
        box = _box(extents[label - 1], segments.shape)
        cut = segments[box], label, bad[box]
        if not _is_good(stack[box], *cut, place):
            continue
        y, x = (s.start + (s.stop - s.start) // 2 for s in box)
        galaxy = f"{frame.name}-{x}-{y}"
        if place.split == "exposures":
            galaxy = f"{frame.name.split('_')[0]}-{x // 10}-{y // 10}"
        where = _part(frame.name, y / stack.shape[0], place.split)
        images = {"": stack[box]}
        if len(bands) > 1 and stack[box][segments[box] == label].mean() > BAND_SNR:
            images |= {f"-{band}": image[box] for band, image in bands.items()}
        for band, image in images.items():
            source = _source(image, *cut, place, GOOD_PIXEL_SNR[where])
            if source is not None and galaxy not in NOT_GALAXIES:
                name = f"{frame.name}-{x}-{y}{band}"
                yield source._replace(name=name, galaxy=galaxy), where


def _candidates(segments, kind):
    if kind == "field":
        labels, areas = np.unique(segments[segments > 0], return_counts=True)
        return labels[areas > 80]
    ny, nx = segments.shape
    y, x = np.nonzero(segments)
    nearest = np.argmin(np.hypot(y - (ny - 1) / 2, x - (nx - 1) / 2))
    return [segments[y[nearest], x[nearest]]]


def _box(extent, size):
    """Slices around a segment, wide enough for its taper."""
    margin = int(max(8, 0.6 * max(e.stop - e.start for e in extent)))
    return tuple(
        slice(max(0, e.start - margin), min(n, e.stop + margin))
        for e, n in zip(extent, size, strict=True)
    )


def _part(frame, height, split):
    """Part by a rule that adding other frames does not change."""
    if split in ("train", "test"):
        return split
    if split == "exposures":
        return "train"
    if split == "rows":
        return "train" if height < TRAIN_SHARE else "test"
    number = int(hashlib.sha256(frame.encode()).hexdigest()[:8], 16)
    return "train" if number / 16**8 < TRAIN_SHARE else "test"


def _is_good(image, segments, label, bad, place):
    """Whether a segment is a resolved galaxy that is whole and well isolated."""
    own = segments == label
    shape = shape_of(image, own)
    snr = shape.flux / np.sqrt(shape.area)
    star = 0.56 * place.psf_fwhm
    if snr < MIN_TOTAL_SNR or shape.r_half < 1.35 * star or shape.peak > 3000:
        return False
    touches = own[0].any() or own[-1].any() or own[:, 0].any() or own[:, -1].any()
    if touches and place.kind == "field":
        return False
    if place.deblend >= 1:
        return True
    ring = ellipse_radius(shape.covariance, own.shape, shape.x, shape.y)
    near = ring < 1.2 * np.sqrt(shape.area / np.pi)
    other = (segments > 0) & ~own | bad
    light = np.maximum(image, 0)
    return (
        other[near].mean() < 0.25
        and light[other & near].sum() < 0.5 * shape.flux
        and (place.kind == "central" or light[other].max(initial=0) < 3 * shape.peak)
    )


def _source(image, segments, label, bad, place, pixel_snr):
    own = segments == label
    shape = shape_of(image, own)
    image = image - _local_sky(image, segments)
    clean, _ = free_of_neighbours(image, segments, label, shape, bad)
    n_planes = int(np.clip(np.log2(np.sqrt(shape.area)), 3, 6))
    ratios = DRIZZLED if place.drizzled else WHITE
    quiet = denoise(clean, ratios, n_planes=n_planes) * taper(own)
    quiet *= edge_taper(quiet.shape, max(3, 0.06 * min(quiet.shape)))
    if not quiet.sum() > 0:
        return None
    snr = float(image[own].mean())
    r_petro = _petrosian(quiet, shape_of(quiet, own))
    max_zoom = min(MAX_ZOOM, snr / pixel_snr)
    # Of a star this share of the light falls on the brightest pixel.
    star = 0.94 / (1.13 * place.psf_fwhm**2)
    if max_zoom * r_petro < 5 or quiet.max() > 0.54 * star * quiet.sum():
        return None
    return Source(
        "", place.survey, (quiet / quiet.sum()).astype(np.float32),
        symmetry_centre(quiet), snr, place.psf_fwhm, r_petro, max_zoom, "",
    )  # fmt: skip


def _local_sky(image, segments):
    """Clipped median around the galaxy; 0 where too little sky is there."""
    values = image[segments == 0]
    values = values[np.abs(values) < 3]
    return np.median(values) if len(values) > 200 else 0.0


def _petrosian(image, shape):
    """Semi-major axis of the ellipse whose edge is 0.2 of its mean brightness."""
    radius = ellipse_radius(shape.covariance, image.shape, shape.x, shape.y)
    ring = radius.astype(int).ravel()
    number = np.bincount(ring)
    light = np.bincount(ring, image.ravel())
    edge = light / np.maximum(number, 1)
    mean = np.cumsum(light) / np.maximum(np.cumsum(number), 1)
    faint = np.nonzero(edge[1:] < 0.2 * mean[1:])[0]
    circular = faint[0] + 1.5 if len(faint) else len(edge)
    values = np.linalg.eigvalsh(shape.covariance)
    return float(circular * (values[1] / values[0]) ** 0.25)
