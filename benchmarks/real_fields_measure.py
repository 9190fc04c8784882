# Licensed under a 3-clause BSD style license - see LICENSE
"""Find and measure all objects of a real field, and what is left of them."""

import time
import warnings
from dataclasses import dataclass

import numpy as np
from astropy.table import QTable
from real_fields_data import RealField
from scipy.ndimage import binary_dilation

from astro_cnnfit import CNNSersicFitter, decode_flags
from astro_cnnfit.detection import Detections, GalaxyFinder
from astro_cnnfit.inputs import parse_image
from astro_cnnfit.psf import as_psf_stamps, fwhm

__all__ = ["Scene", "is_star", "measure", "statistics"]

ITERATIONS = 6


@dataclass(frozen=True)
class Scene:
    """A field that was measured."""

    field: RealField
    data: np.ndarray
    """Without the sky; NaN where a pixel is masked."""
    found: Detections
    table: QTable
    model: np.ndarray
    fwhm: float
    wcs: object
    seconds: dict

    @property
    def residual(self):
        """Data less model."""
        return self.data - self.model


def measure(field, positions=None, **settings):
    """
    Measure a field.

    ``positions`` are those of a catalogue, ``settings`` those of the fitter.
    """
    image = parse_image(field.image, **field.extra)
    shape = image.data.shape
    middle = [shape[1] / 2], [shape[0] / 2]
    width = float(fwhm(as_psf_stamps(field.psf, size=41, positions=middle))[0])
    start = time.perf_counter()
    finder = GalaxyFinder(**{"fwhm": width} | dict(field.finder))
    found = finder.find(image)
    seconds = {"detection": time.perf_counter() - start}
    settings = {"iterations": ITERATIONS} | settings
    fitter = CNNSersicFitter(
        pixel_scale=None if image.wcs is not None else field.pixel_scale,
        zeropoint=field.zeropoint,
        **settings,
    )
    start = time.perf_counter()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        table = fitter(
            image,
            field.psf,
            init_params=found.table if positions is None else positions,
        )
    seconds["measurement"] = time.perf_counter() - start
    data = np.asarray(image.data, float) - found.background
    if image.mask is not None:
        data = np.where(image.mask, np.nan, data)
    model = fitter.make_model_image(shape)
    model = np.asarray(getattr(model, "value", model))
    return Scene(field, data, found, table, model, width, image.wcs, seconds)


def is_star(table):
    """Objects that are rather unresolved than not."""
    return np.nan_to_num(np.asarray(table["point_like_prob"])) > 0.5


def statistics(scene):
    """Numbers of objects, and how much of their light the models leave."""
    table = scene.table
    names, counts = np.unique(
        [name for row in decode_flags(table["flags"]) for name in row],
        return_counts=True,
    )
    lost = ~np.isfinite(np.asarray(table["r_eff_fit"]))
    return {
        "shape": scene.data.shape,
        "psf": scene.field.psf_source,
        "psf_fwhm": scene.fwhm,
        "noise": "given" if "error" in scene.field.extra else "of the sky",
        "objects": len(table),
        "stars": int(is_star(table).sum()),
        "lost": int(lost.sum()),
        "flags": dict(zip(names.tolist(), counts.tolist(), strict=True)),
        "seconds": scene.seconds,
        **_left(scene),
    }


def _left(scene):
    """
    What is left within the objects' own pixels, and beside them.

    The first of the two shares has the noise in it, and the same is told of the noise
    alone: the mean absolute value that Gaussian noise has.
    """
    segments = scene.found.segmentation.data
    good = np.isfinite(scene.data)
    inside = good & (segments > 0)
    beside = good & ~binary_dilation(segments > 0, iterations=3)
    noise, residual = scene.found.noise, scene.residual
    light = scene.data[inside].sum()
    # Of each object: the chi-squared of its pixels.
    ratio = (residual / noise)[inside] ** 2, (scene.data / noise)[inside] ** 2
    labels = segments[inside]
    number = np.maximum(np.bincount(labels), 1)
    after, before = (np.bincount(labels, one)[1:] / number[1:] for one in ratio)
    counted = np.bincount(labels)[1:] > 0
    return {
        "light_left": np.abs(residual[inside]).sum() / light,
        "light_left_by_noise": np.sqrt(2 / np.pi) * noise[inside].sum() / light,
        "light_left_net": residual[inside].sum() / light,
        "chi2_before": np.mean(ratio[1]),
        "chi2_after": np.mean(ratio[0]),
        "object_chi2_before": np.median(before[counted]),
        "object_chi2_after": np.median(after[counted]),
        "object_chi2_below_2": np.mean(after[counted] < 2),
        "chi2_beside": np.mean((residual / noise)[beside] ** 2),
    }
