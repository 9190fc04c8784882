# Licensed under a 3-clause BSD style license - see LICENSE
"""
Refinement of measured galaxies to the maximum of the likelihood.

Levenberg-Marquardt in the package's own renderer, for all galaxies at once: an
iteration renders those that have not converged, in batches of one shape, and
solves small linear systems for all of them together. Started from a network,
most galaxies need two.
"""

from typing import NamedTuple

import numpy as np
from keras import ops

from astro_cnnfit.compiled import compiled
from astro_cnnfit.parameters import LATENT_NAMES
from astro_cnnfit.rendering.derivatives import render_circularised

from .circularised import circularise, covariance_to, uncircularise, within_bounds
from .least_cost import NormalEquations, inverse, minimise

__all__ = ["Refined", "refine_stamps"]

_N_LATENT = len(LATENT_NAMES)
# Largest steps: the model is not linear beyond. The sky is.
_STEP = np.array([2.0, 2.0, 0.3, 0.3, 0.3, 0.3, 0.3, np.inf])
# Squared Mahalanobis distance from the network's answer above which the
# refinement is not believed.
_IMPLAUSIBLE = 36.0
# By so much, beside their errors, the two may differ for a galaxy that is no Sersic
# profile, and which each of them therefore weights in its own way.
_ALLOWED = np.diag(np.square([0.15, 0.15, 0.015, 0.025, 0.05, 0.025, 0.025]))


class Refined(NamedTuple):
    """What `refine_stamps` found, a row a galaxy."""

    latent: np.ndarray
    """(N, 7) latent parameters."""
    covariance: np.ndarray
    """(N, 7, 7) covariance of ``latent``, marginalised over the sky."""
    sky: np.ndarray
    """(N,) sky pedestal that remained in the pixels."""
    reduced_chi2: np.ndarray
    """(N,) chi squared per degree of freedom, without the prior's part."""
    converged: np.ndarray
    """(N,) whether the rest of the row is to be used."""
    n_iterations: np.ndarray
    """(N,) evaluations of the model and its derivatives."""
    at_bound: np.ndarray
    """(N,) whether a parameter lies at its bound."""


def refine_stamps(
    pixels,
    psfs,
    error,
    mask,
    latent,
    covariance,
    *,
    use_prior=False,
    block=1,
    batch_size=16,
    max_iterations=10,
):
    """
    Refine the parameters of galaxies by maximum likelihood.

    Parameters
    ----------
    pixels : `~numpy.ndarray`, shape (N, ny, nx)
        Stamps, in one unit each, such as their sky noise; a pedestal that is
        small beside the galaxy may remain.
    psfs : `~numpy.ndarray`, shape (N, k, k) or (1, k, k)
        Effective PSFs, sampled ``block`` times a pixel.
    error : `~numpy.ndarray`, shape (N, ny, nx), or float
        Standard deviation of the pixels, in the same unit.
    mask : `~numpy.ndarray` of bool, shape (N, ny, nx), or None
        True for pixels to leave out, those of neighbours included. Pixels that
        are not finite, or whose error is not positive, are left out, too.
    latent : `~numpy.ndarray`, shape (N, 7)
        Where to start, the network's answer; in the order of
        `astro_cnnfit.parameters.LATENT_NAMES`, the centre in pixels from that
        of the stamp.
    covariance : `~numpy.ndarray`, shape (N, 7, 7)
        Covariance of ``latent``.
    use_prior : bool
        Whether to hold on to the network's answer in directions in which it
        claims to know more than the pixels do.
    block : int
        Pixels are modelled as means over so many finer ones along each axis:
        an image whose PSF is about as sharp as a pixel, as after averaging, is
        no longer band-limited.
    batch_size : int
        Galaxies rendered together; 16 keep the work within a CPU's cache.
    max_iterations : int
        Largest number of evaluations of a galaxy's model.

    Returns
    -------
    `Refined`

    Notes
    -----
    What is minimised is chi squared, with the sky pedestal as an eighth
    parameter. With ``use_prior``, (z - z_n)^T P (z - z_n) is added, where P is
    the positive part of C_n^-1 - F: C_n is the network's covariance and F the
    Fisher information of the pixels at z_n, marginalised over the sky. The
    network has seen the same pixels; so they count once and not twice, and the
    information of the result is F + P.

    ``converged`` is False where the cost did not settle within
    ``max_iterations``, where something is not finite, and where the answer lies
    so far from the network's that they do not measure the same galaxy (six
    standard deviations of the sum of both covariances and of a few per cent that
    are allowed for galaxies that are no Sersic profiles).
    """
    data = _data(pixels, psfs, error, mask) | {"block": block, "size": batch_size}
    n_used = np.count_nonzero(data["weight"], axis=(1, 2))
    freedom = np.maximum(n_used - _N_LATENT - 1, 1)
    network, spread, sound = _starting_point(latent, covariance)
    start = within_bounds(np.pad(network, ((0, 0), (0, 1))))[0]
    equations = _evaluate(data, np.arange(len(start)), start)
    equations.cost[~sound | (n_used <= _N_LATENT + 1)] = np.nan
    prior = np.zeros_like(spread)
    if use_prior:
        prior = _missing_information(equations.hessian, spread)

    def evaluate(rows, values):
        own = _evaluate(data, rows, values)
        return _with_prior(own, values, network[rows], prior[rows])

    minimum = minimise(
        evaluate, start, _with_prior(equations, start, network, prior),
        lambda values: within_bounds(values)[0], _STEP,
        scale=freedom, limit=max_iterations,
    )  # fmt: skip
    return _describe(minimum, network, spread, prior, freedom)


def _data(pixels, psfs, error, mask):
    pixels = np.asarray(pixels, dtype=np.float32)
    error = np.broadcast_to(np.asarray(error, dtype=np.float32), pixels.shape)
    used = np.isfinite(pixels) & np.isfinite(error) & (error > 0)
    if mask is not None:
        used &= ~np.asarray(mask, dtype=bool)
    return {
        "pixels": np.where(used, pixels, np.float32(0)),
        "weight": np.divide(1, error, out=np.zeros_like(pixels), where=used),
        "psfs": np.asarray(psfs, dtype=np.float32),
    }


def _starting_point(latent, covariance):
    """Circularised answers of the network, and which of them are numbers."""
    latent = np.asarray(latent, dtype=float)
    covariance = np.asarray(covariance, dtype=float)
    sound = np.isfinite(latent).all(axis=1) & np.isfinite(covariance).all(axis=(1, 2))
    latent = np.where(sound[:, None], latent, 0.0)
    covariance = np.where(sound[:, None, None], covariance, np.eye(_N_LATENT))
    values = circularise(latent)
    return values, covariance_to("circularised", values, covariance), sound


def _all_products(values, psf, pixels, weight, block):
    """Products of all pairs of the derivatives and the residuals, (N, 9, 9)."""
    shape = tuple(pixels.shape[1:])
    # A block holds the sum of the flux in its finer pixels, of which it is the mean.
    shift = [0.0, 0.0, 2 * np.log10(block), np.log10(block), 0.0, 0.0, 0.0]
    scale = np.array([block, block, 1, 1, 1, 1, 1], "float32")
    fine = values[:, :_N_LATENT] * scale + np.array(shift, "float32")
    model, derivatives = render_circularised(fine, psf, shape, block)
    derivatives = derivatives * scale[:, None, None]
    residuals = (pixels - model - values[:, _N_LATENT:, None]) * weight
    columns = ops.concatenate(
        [derivatives * weight[:, None], weight[:, None], residuals[:, None]], axis=1
    )
    columns = ops.reshape(columns, (-1, _N_LATENT + 2, shape[0] * shape[1]))
    return ops.matmul(columns, ops.transpose(columns, (0, 2, 1)))


_products = compiled(_all_products, static=(4,))


def _evaluate(data, rows, values):
    """Normal equations of the galaxies at these rows, for as many values."""
    size, psfs = data["size"], data["psfs"]
    products = np.empty((len(rows), _N_LATENT + 2, _N_LATENT + 2))
    for start in range(0, len(rows), size):
        part = slice(start, start + size)
        # Filled up to one batch shape: each new shape would be traced anew.
        missing = size - len(rows[part])
        some = np.pad(rows[part], (0, missing), mode="edge")
        found = _products(
            np.pad(values[part], ((0, missing), (0, 0)), mode="edge").astype("float32"),
            psfs[some] if len(psfs) > 1 else psfs,
            data["pixels"][some],
            data["weight"][some],
            data["block"],
        )
        products[part] = ops.convert_to_numpy(found)[: size - missing]
    return NormalEquations(
        products[:, :-1, :-1].copy(), products[:, :-1, -1].copy(), products[:, -1, -1]
    )


def _with_prior(equations, values, centre, information):
    offset = centre - values[:, :_N_LATENT]
    pull = np.einsum("nij,nj->ni", information, offset)
    hessian, gradient = equations.hessian.copy(), equations.gradient.copy()
    hessian[:, :_N_LATENT, :_N_LATENT] += information
    gradient[:, :_N_LATENT] += pull
    return NormalEquations(
        hessian, gradient, equations.cost + np.sum(offset * pull, axis=1)
    )


def _missing_information(hessian, covariance):
    """Positive part of what the network claims to know beyond the pixels."""
    sky = hessian[:, :_N_LATENT, _N_LATENT:]
    least = np.finfo(np.float32).tiny
    pixels = hessian[:, :_N_LATENT, :_N_LATENT] - sky * np.swapaxes(
        sky, 1, 2
    ) / np.maximum(hessian[:, -1:, -1:], least)
    # In units of the network's errors its information is the unit matrix, and
    # the comparison does not depend on the parameters' own units.
    unit, vectors = np.linalg.eigh(covariance)
    unit = np.sqrt(np.maximum(unit, 1e-12))[:, None, :]
    root, back = vectors * unit, vectors / unit
    share, vectors = np.linalg.eigh(np.swapaxes(root, 1, 2) @ pixels @ root)
    missing = back @ (vectors * np.sqrt(np.maximum(1 - share, 0.0))[:, None, :])
    return missing @ np.swapaxes(missing, 1, 2)


def _describe(minimum, network, spread, prior, freedom):
    latent = minimum.values[:, :_N_LATENT]
    covariance = inverse(minimum.equations.hessian)[:, :_N_LATENT, :_N_LATENT]
    offset = latent - network
    chi2 = minimum.equations.cost - _squared(offset, prior)
    near = _squared(offset, inverse(covariance + spread + _ALLOWED)) < _IMPLAUSIBLE
    return Refined(
        latent=uncircularise(latent),
        covariance=covariance_to("latent", latent, covariance),
        sky=minimum.values[:, _N_LATENT],
        reduced_chi2=chi2 / freedom,
        converged=minimum.converged & near,
        n_iterations=minimum.n_evaluations,
        at_bound=within_bounds(latent)[1],
    )


def _squared(offset, matrices):
    return np.einsum("ni,nij,nj->n", offset, matrices, offset)
