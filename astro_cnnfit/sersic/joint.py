# Licensed under a 3-clause BSD style license - see LICENSE
"""
Refinement of all galaxies of an image together.

Levenberg-Marquardt, as in `~astro_cnnfit.sersic.refine`, but with one chi squared for
the whole image, so that galaxies that overlap share their light between them.
"""

from typing import NamedTuple

import numpy as np

from astro_cnnfit.parameters import LATENT_NAMES

from .circularised import circularise, covariance_to, uncircularise, within_bounds
from .joint_background import noise_excess, residual_error, smooth_sky
from .joint_equations import SIDES, JointEquations
from .joint_prior import population_prior
from .joint_solve import joint_covariance, joint_step
from .least_cost import inverse
from .refine import _ALLOWED, _IMPLAUSIBLE, _STEP, _missing_information

__all__ = ["JointlyRefined", "refine_field"]

_N = len(LATENT_NAMES)
_LOG_FLUX = LATENT_NAMES.index("log_flux")
# Galaxies fitted at once: their derivatives take 110 kB each.
_GROUP = 2500
# How larger groups are divided, the first time and the second.
_SHARES = 0.5, 0.65
# A step shorter than this, in standard deviations at fixed neighbours, is not made.
_SAME = 0.1
_DAMPING, _LEAST_DAMPING, _MORE = 1e-2, 1e-4, 1e3
# Iterations for the others after some galaxies went back to the network's answer.
_LAST = 3
# With a prior, standard deviation of the place about the network's, in pixels.
_PLACE = 1.0
# Least factor by which galaxies too faint to be found raise the variance, where there
# are enough galaxies for a population: at twice the density of KiDS, 68 % of errors
# then are below one standard deviation.
_CONFUSION = 1.4
# S/N of the flux at fixed other parameters below which pixels do not tell a galaxy.
_SEEN = 1.0


class JointlyRefined(NamedTuple):
    """What `refine_field` found, a row a galaxy; NaN for those left alone."""

    latent: np.ndarray
    """(N, 7) latent parameters, the centre in pixels of the image."""
    covariance: np.ndarray
    """(N, 7, 7) of ``latent``, marginalised over the neighbours."""
    sky: np.ndarray
    """(N,) sky per pixel at the galaxy's place."""
    converged: np.ndarray
    """(N,) whether the rest of the row is to be used. Others were kept as they were
    measured while those around them were refined."""
    at_bound: np.ndarray
    """(N,) whether a parameter lies at its bound."""


def refine_field(
    image, residual, psfs, latent, covariance, *, reach, snr, drawn=None, fixed=None,
    use_prior=False, max_iterations=12,
):  # fmt: skip
    """
    Refine the parameters of all galaxies of an image at once.

    Parameters
    ----------
    image : `~astro_cnnfit.inputs.Image`
        One image, with all its light.
    residual : `~numpy.ndarray`, shape (ny, nx)
        The same, less the models of all galaxies and stars; the sky is in it.
    psfs : `~numpy.ndarray`, shape (N, k, k) or (1, k, k)
        Effective PSFs.
    latent : `~numpy.ndarray`, shape (N, 7)
        The network's answers, the centre in pixels of the image, in the order of
        `astro_cnnfit.parameters.LATENT_NAMES`. Rows that are not finite are left
        alone.
    covariance : `~numpy.ndarray`, shape (N, 7, 7)
        Covariance of ``latent``.
    reach : `~numpy.ndarray`, shape (N,)
        Pixels out to which each galaxy's light matters. Beyond its stamp, of 61,
        121 or 241 pixels, its light stays as it was drawn.
    snr : `~numpy.ndarray`, shape (N,)
        Signal-to-noise ratios.
    drawn : `~numpy.ndarray`, shape (N, 7), optional
        Latent parameters that were subtracted from ``residual``, if not ``latent``.
    fixed : `~numpy.ndarray` of bool, shape (N,), optional
        Rows that stay as they are, such as stars.
    use_prior : bool
        Whether to expect of each galaxy what the galaxies of the image are like (see
        `~astro_cnnfit.sersic.joint_prior.population_prior`), and, where there are
        too few to tell, to hold on to the network's answer as
        `~astro_cnnfit.sersic.refine.refine_stamps` does.
    max_iterations : int
        Largest number of steps.

    Returns
    -------
    `JointlyRefined`

    Notes
    -----
    The sky is not a parameter of each galaxy: where stamps overlap, their pedestals
    could not be told apart. It is what the image has left, smooth over 128 pixels,
    and is determined anew before each step.

    A galaxy whose stamp is described worse after a step takes it back, and its next
    ones are shorter. Those whose answer is as far from the network's as
    `~astro_cnnfit.sersic.refine.refine_stamps` does not believe go back to it, and
    the others are refined again.

    Galaxies too faint to be found make the image noisier on the scale of a PSF than
    its errors say. The likelihood is weighted, and the covariance multiplied, by
    what the residuals show of that, and with ``use_prior`` by no less than 1.4.
    """
    latent = np.asarray(latent, dtype=float)
    drawn = latent if drawn is None else np.asarray(drawn, dtype=float)
    result = _nothing(len(latent))
    good = np.isfinite(latent).all(axis=1) & np.isfinite(drawn).all(axis=1)
    good &= np.isfinite(covariance).all(axis=(1, 2)) & np.isfinite(reach)
    if fixed is not None:
        good &= ~fixed
    rows = np.flatnonzero(good)
    if rows.size == 0:
        return result
    pixels = _Pixels(image, residual, latent[rows])
    network = circularise(latent[rows] - pixels.shift)
    spread = covariance_to("circularised", network, np.asarray(covariance)[rows])
    values = _bounded(circularise(drawn[rows] - pixels.shift), network)
    # The model that is subtracted need not lie within bounds, nor the start differ.
    psfs = psfs if len(psfs) == 1 else psfs[rows]
    prior = population_prior(network, spread, snr[rows]) if use_prior else None
    done = np.zeros(len(rows), dtype=bool)
    found = np.empty_like(spread)
    # What a border cuts apart is together the second time.
    for share in _SHARES if len(rows) > _GROUP else _SHARES[:1]:
        for some in _groups(network[:, :2], share):
            own = None if prior is None else tuple(array[some] for array in prior)
            if use_prior and own is None:
                own = "network"
            values[some], found[some], done[some] = _refine_group(
                pixels, psfs if len(psfs) == 1 else psfs[some], values[some],
                (network[some], spread[some]), own, reach[rows[some]],
                max_iterations,
            )  # fmt: skip
    result.latent[rows] = uncircularise(values) + pixels.shift
    result.covariance[rows] = covariance_to("latent", values, found)
    result.sky[rows] = pixels.sky_at(values)
    result.converged[rows] = done
    result.at_bound[rows] = within_bounds(_relative(values, network))[1]
    return result


def _nothing(n):
    return JointlyRefined(
        np.full((n, _N), np.nan), np.full((n, _N, _N), np.nan), np.full(n, np.nan),
        np.zeros(n, dtype=bool), np.zeros(n, dtype=bool),
    )  # fmt: skip


class _Pixels:
    """Residuals and weights of an image, in units of its typical error."""

    def __init__(self, image, residual, latent):
        residual = np.asarray(residual, dtype=float)
        used = np.isfinite(residual)
        if image.mask is not None:
            used &= ~image.mask
        error = image.error
        if error is None:
            error = residual_error(image, residual, used, latent)
        used &= np.isfinite(error) & (error > 0)
        self.unit = float(np.median(error[used])) if used.any() else 1.0
        self.weight = np.zeros(residual.shape, np.float32)
        np.divide(self.unit, error, out=self.weight, where=used, casting="unsafe")
        self.residual = np.where(used, residual, 0.0) / self.unit
        self.sky = np.zeros(residual.shape)
        self.shift = np.zeros(_N)
        self.shift[_LOG_FLUX] = np.log10(self.unit)
        self.subtract_sky()

    def subtract_sky(self):
        """Take the sky, as it is by now, out of the residual."""
        sky = smooth_sky(self.residual, self.weight)
        self.residual -= sky
        self.sky += sky

    def sky_at(self, values):
        """Sky at galaxies, in the unit of the image."""
        places = (
            np.clip(np.rint(values[:, axis]).astype(int), 0, n - 1)
            for axis, n in ((1, self.sky.shape[0]), (0, self.sky.shape[1]))
        )
        return self.sky[tuple(places)] * self.unit


def _groups(place, share):
    """Rows of galaxies that are near each other, no more than fit into memory."""
    groups = [np.arange(len(place))]
    while len(groups[0]) > _GROUP:
        rows = groups.pop(0)
        axis = np.argmax(np.ptp(place[rows], axis=0))
        order = rows[np.argsort(place[rows, axis], kind="stable")]
        groups += np.split(order, [int(np.ceil(share * len(order)))])
        groups.sort(key=len, reverse=True)
    return groups


def _refine_group(pixels, psfs, values, network, prior, reach, limit):
    """Values, covariances and whether they are to be believed, of some galaxies."""
    network, spread = network
    place = np.minimum(np.searchsorted(SIDES, 2 * reach + 1), len(SIDES) - 1)
    equations = JointEquations(
        pixels.residual, pixels.weight, psfs, values, np.array(SIDES)[place]
    )
    if prior is None:
        prior = network, np.zeros_like(spread), 1.0
    elif isinstance(prior, str):
        alone = equations.alone()
        prior = network, _missing_information(alone, spread), 1.0
    else:
        prior[1][:, [0, 1], [0, 1]] = 1 / _PLACE**2
        prior = *prior, _CONFUSION
    seen = equations.blocks[:, _LOG_FLUX, _LOG_FLUX] > (_SEEN * np.log(10)) ** 2
    seen &= equations.pixels_used() > _N + 1
    free = _minimise(pixels, equations, network, prior, seen, limit)
    excess = max(noise_excess(pixels.residual, pixels.weight), prior[2])
    covariance = joint_covariance(
        equations.blocks / excess + prior[1], equations.pairs,
        equations.couplings / excess,
    )  # fmt: skip
    offset = equations.values - network
    near = _squared(offset, inverse(covariance + spread + _ALLOWED)) < _IMPLAUSIBLE
    lost = np.flatnonzero(free & ~near)
    if lost.size:
        equations.move(lost, _bounded(network[lost], network[lost]))
        _minimise(pixels, equations, network, prior, free & near, _LAST)
    return equations.values, covariance, free & near


def _minimise(pixels, equations, network, prior, free, limit):
    """Change what is free until nothing changes; what was free."""
    centre, information, least = prior
    damping = np.full(len(free), _DAMPING)
    for _ in range(limit):
        pixels.subtract_sky()
        excess = max(noise_excess(pixels.residual, pixels.weight), least)
        # What is expected counts the more, the less the pixels tell.
        expected = information * excess
        old, blocks = equations.values.copy(), equations.blocks + expected
        pull = np.einsum("nij,nj->ni", expected, centre - old)
        gradient = equations.gradient() + pull
        held = _held(old, network, gradient) | ~free[:, None]
        step = joint_step(equations.matrix(blocks), blocks, gradient, damping, ~held)
        length = np.sqrt(np.maximum(_squared(step, blocks), 0.0))
        moved = np.flatnonzero(free & (length > _SAME))
        if moved.size == 0:
            break
        step /= np.maximum((np.abs(step) / _STEP[:_N]).max(axis=1, keepdims=True), 1)
        before = equations.costs() + _squared(centre - old, expected)
        equations.move(moved, _bounded((old + step)[moved], network[moved]))
        after = equations.costs() + _squared(centre - equations.values, expected)
        # Written so that NaN is worse, too.
        worse = moved[~(after < before + 1)[moved]]
        equations.move(worse, old[worse])
        damping[moved] = np.maximum(damping[moved] / 10, _LEAST_DAMPING)
        damping[worse] *= _MORE
    return free


def _held(values, network, gradient):
    """Parameters at a bound that want to go beyond."""
    further = values + 1e-6 * np.sign(gradient)
    return np.abs(_bounded(further, network) - further) > 1e-9


def _relative(values, network):
    """With the centre relative to where the network found it, as bounds are."""
    relative = values.copy()
    relative[:, :2] -= network[:, :2]
    return relative


def _bounded(values, network):
    bounded = within_bounds(_relative(values, network))[0]
    bounded[:, :2] += network[:, :2]
    return bounded


def _squared(offset, matrices):
    return np.einsum("ni,nij,nj->n", offset, matrices, offset)
