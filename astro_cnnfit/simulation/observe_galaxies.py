# Licensed under a 3-clause BSD style license - see LICENSE
"""
Noise-free galaxies as a survey would show them: noise, sky, neighbours, gaps.

What was measured on the noise-free galaxy remains true of it; only the S/N and
the place on the stamp change.
"""

from typing import NamedTuple

import keras
import numpy as np
from keras import ops

from astro_cnnfit.compiled import compiled
from astro_cnnfit.measures import latent_index

from .masks import draw_masks, fill
from .noise import correlate

__all__ = ["IDEAL", "SURVEY", "Conditions", "Observed", "observe", "turn"]

_X, _Y = latent_index("x"), latent_index("y")
_SIZE, _SNR = latent_index("log_rpetro"), latent_index("log_snr")


class Conditions(NamedTuple):
    """What else than white noise of known size there is; nothing by default."""

    correlated: float = 0.0
    """Share of the stamps with correlated noise."""
    correlation: tuple = (0.1, 0.6)
    """Range of the weight of a neighbouring pixel, see
    `~astro_cnnfit.simulation.noise.correlate`."""
    poisson: float = 0.0
    """Share of the stamps with photon noise of the galaxy."""
    sky_error: float = 0.0
    """Standard deviation of the remaining sky, in noises of a pixel."""
    noise_error: float = 0.0
    """Relative error of the noise by which the stamp is divided."""
    neighbours: float = 0.0
    """Share of the stamps with one to three neighbours."""
    left_in: float = 0.0
    """Share of those in which the neighbours were not cleaned away."""
    masked: float = 0.0
    """Share of the stamps with masked pixels, filled from across the centre."""
    jitter: int = 0
    """Largest shift of the stamp, in pixels."""


IDEAL = Conditions()
SURVEY = Conditions(
    correlated=0.35,
    poisson=0.3,
    sky_error=0.04,
    noise_error=0.02,
    neighbours=0.4,
    left_in=0.12,
    masked=0.1,
    jitter=1,
)
"""What the default network is trained on."""


class Observed(NamedTuple):
    """Stamps and the truth about them."""

    stamps: np.ndarray
    """(N, size, size) float32, in sky noises of a pixel."""
    labels: np.ndarray
    """(N, 12), see `~astro_cnnfit.measures.LATENT_MEASURES`."""


def observe(stamps, labels, rng, *, snr=(1.5, 100.0), conditions=IDEAL):
    """
    Noisy stamps of noise-free galaxies.

    Parameters
    ----------
    stamps : `~numpy.ndarray`
        (N, size, size) noise-free.
    labels : `~numpy.ndarray`
        (N, 12), measured on them, in the order of
        `~astro_cnnfit.measures.LATENT_MEASURES`; ``log_snr`` is that for a noise of
        1 of the stamps' own unit.
    rng : `numpy.random.Generator`
        Source of random numbers.
    snr : tuple or `~numpy.ndarray`
        Range of the S/N per pixel, drawn log-uniformly, or an (N,) array.
    conditions : `Conditions`
        What else there is.

    Returns
    -------
    `Observed`
    """
    n = len(stamps)
    labels = np.array(labels, dtype=float)
    if isinstance(snr, tuple):
        snr = 10 ** rng.uniform(*np.log10(snr), n)
    factor = np.asarray(snr) / 10 ** labels[:, _SNR]
    labels[:, _SNR] = np.log10(snr)
    light = np.asarray(stamps, np.float32) * factor[:, None, None].astype(np.float32)
    light = _add_neighbours(light, labels, rng, conditions)
    if conditions.jitter:
        light, labels = _shift(light, labels, rng, conditions.jitter)
    columns = np.zeros((n, 4), np.float32)
    correlated = rng.random(n) < conditions.correlated
    columns[:, 0] = correlated * rng.uniform(*conditions.correlation, n)
    shot = rng.random(n) < conditions.poisson
    columns[:, 1] = shot * 10 ** rng.uniform(-2.5, -0.5, n)
    columns[:, 2] = rng.normal(0, conditions.sky_error, n)
    noise_error = 1 + rng.normal(0, conditions.noise_error, n)
    columns[:, 3] = noise_error
    normal = keras.random.normal(light.shape, seed=int(rng.integers(2**31)))
    seen = np.array(ops.convert_to_numpy(_expose(light, normal, columns)))
    _fill_masked(seen, rng, conditions.masked)
    # The S/N is that for the noise that a user would find.
    labels[:, _SNR] -= np.log10(noise_error)
    return Observed(seen, labels)


@compiled
def _expose(light, normal, columns):
    """What the camera records, in noises."""
    correlation, poisson, sky, noise_error = ops.unstack(
        columns[:, :, None, None], axis=1
    )
    noise = correlate(normal, correlation) * ops.sqrt(1 + ops.relu(light) * poisson)
    return (light + noise + sky) / noise_error


def turn(stamps, labels, kind):
    """
    One of the eight flips and quarter turns of square stamps.

    Parameters
    ----------
    stamps : `~numpy.ndarray`
        (N, size, size)
    labels : `~numpy.ndarray`
        (N, 12), of which the centre turns with the stamps.
    kind : int
        0 to 7: bit 1 mirrors x, bit 2 mirrors y, bit 4 exchanges x and y.

    Returns
    -------
    stamps, labels : `~numpy.ndarray`
        A view of the stamps, and new labels.
    """
    labels = np.array(labels)
    if kind & 1:
        stamps = stamps[:, :, ::-1]
        labels[:, _X] *= -1
    if kind & 2:
        stamps = stamps[:, ::-1]
        labels[:, _Y] *= -1
    if kind & 4:
        stamps = stamps.swapaxes(1, 2)
        labels[:, [_X, _Y]] = labels[:, [_Y, _X]]
    return stamps, labels


def _shift(light, labels, rng, jitter):
    """Move stamps by whole pixels, as an uncertain centre does."""
    steps = rng.integers(-jitter, jitter + 1, (len(light), 2))
    shifted = np.empty_like(light)
    for row, (j, i) in enumerate(steps):
        shifted[row] = _moved(light[row], j, i)
    labels = labels.copy()
    labels[:, _Y] += steps[:, 0]
    labels[:, _X] += steps[:, 1]
    return shifted, labels


def _moved(image, j, i):
    """Image moved by (j, i) pixels, zeros where it came from."""
    out = np.zeros_like(image)
    ny, nx = image.shape
    if abs(j) >= ny or abs(i) >= nx:
        return out
    out[max(j, 0) : ny + min(j, 0), max(i, 0) : nx + min(i, 0)] = image[
        max(-j, 0) : ny + min(-j, 0), max(-i, 0) : nx + min(-i, 0)
    ]
    return out


def _add_neighbours(light, labels, rng, conditions):
    """
    Put galaxies of the same batch beside others, and clean most of them away.

    Cleaning puts sky where the neighbour is brighter than both the galaxy and a
    threshold, as segmentation maps do; fainter wings stay.
    """
    n, size = light.shape[:2]
    chosen = np.flatnonzero(rng.random(n) < conditions.neighbours)
    if n < 2 or not chosen.size:
        return light
    light = light.copy()
    total = light.sum(axis=(1, 2))
    radius = 10 ** labels[:, _SIZE]
    seen = light.copy()
    for row in chosen:
        others = np.zeros((size, size), np.float32)
        left_in = rng.random() < conditions.left_in
        for _ in range(rng.integers(1, 4)):
            other = int((row + rng.integers(1, n)) % n)
            nearest = 0.9 * radius[row] + 0.5 * radius[other]
            distance = rng.uniform(nearest, max(nearest + 15.0, 0.7 * size))
            angle = rng.uniform(0, 2 * np.pi)
            ratio = 10 ** rng.uniform(-1.7, -0.3 if left_in else 0.3)
            ratio *= total[row] / max(total[other], 1e-9)
            step = np.round(distance * np.array([np.sin(angle), np.cos(angle)]))
            others += ratio * _moved(light[other], *step.astype(int))
        seen[row] += others
        if not left_in:
            threshold = rng.uniform(0.5, 2.0)
            cleaned = (others > threshold) & (others > light[row])
            seen[row][cleaned] = 0
    return seen


def _fill_masked(stamps, rng, share):
    """Mask pixels and fill them as the measurer does, in place."""
    chosen = np.flatnonzero(rng.random(len(stamps)) < share)
    if not chosen.size:
        return
    parts = 10 ** rng.uniform(-3, -1.3, chosen.size)
    masks = draw_masks(rng, parts, stamps.shape[1])
    stamps[chosen] = fill(stamps[chosen], masks, rng)
