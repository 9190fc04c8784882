# Licensed under a 3-clause BSD style license - see LICENSE
"""
Fit the probability that an object is a point source.

Scenes of the network's own training are drawn anew, from the priors that its
description records, with point sources in place of half of the galaxies; neighbours,
noise and PSFs are as they were. Galaxies that are far too small to be resolved count as
point sources. The large network
measures them, and a small one learns from what it says::

    python -m astro_cnnfit.training.point_like sersic

writes it into the description of that model.
"""

import argparse
import logging
from dataclasses import replace

import numpy as np

from astro_cnnfit.parameters import effective_snr
from astro_cnnfit.psf import fwhm
from astro_cnnfit.simulation import (
    PRIORS,
    draw_scenes,
    find_data,
    load_backgrounds,
    log_uniform,
    normal,
    observe,
    parse_prior,
)
from astro_cnnfit.weights import load_network
from astro_cnnfit.weights.files import read_description, write_description
from astro_cnnfit.weights.point_like import FEATURES, point_like_features

from .classifier import fit_layers, round_digits

__all__ = [
    "UNRESOLVED",
    "draw_objects",
    "fit_point_like",
    "measure_objects",
    "record_point_like",
]

logger = logging.getLogger(__name__)

SEED = 31
UNRESOLVED = 0.15
"""R_eff over the FWHM of the PSF below which a galaxy counts as a point source: it is
4 % broader than one, about what a PSF may be wrong by."""

# R_eff in pixels of what is drawn as a point.
_POINT = 1e-3
_SNR = 5.0, 3000.0
# Of what is measured, whose S/N is not that which was drawn.
_LEAST_SNR = 4.0
# Relative error of the PSF's width. A PSF that is too narrow by a few per cent, as one
# that was made of stars may be, would make galaxies of all bright stars.
_PSF_ERROR = 0.02
# Of the bundled network's training: of a network that does not say its own.
_SHARES = {"table1": 0.45, "wide": 0.45, "blocks": 0.1}
_CHUNK = 2000


def _with_points(prior):
    """Galaxies and points in equal numbers, at each S/N as many."""

    def r_eff(rng, n):
        return np.where(rng.random(n) < 0.5, _POINT, prior.r_eff(rng, n))

    return replace(
        prior,
        r_eff=r_eff,
        snr=log_uniform(*_SNR),
        min_snr=0.0,
        psf_error=normal(0.0, _PSF_ERROR),
    )


def draw_objects(n, rng, *, shares=None, own=None, backgrounds=None):
    """
    Draw stamps, half of them of point sources.

    Parameters
    ----------
    n : int
        Number of objects.
    rng : `numpy.random.Generator`
        Source of random numbers.
    shares : dict, optional
        Share of each prior; by default that of the bundled network's training.
    own : dict of `~astro_cnnfit.simulation.Prior`, optional
        Priors that are not bundled, by name.
    backgrounds : `~numpy.ndarray`, optional
        Stamps of real sky.

    Yields
    ------
    stamps, psfs, params, poisson : `~numpy.ndarray`
        As `~astro_cnnfit.simulation.observe` returns them, and the Poisson variance
        per unit of flux.

    Raises
    ------
    ValueError
        If a prior is known by its name alone.
    """
    known = {**PRIORS, **(own or {})}
    shares = _SHARES if shares is None else shares
    unknown = sorted(set(shares) - set(known))
    if unknown:
        raise ValueError(
            f"shares must be of {', '.join(known)}, got {unknown}: the network's "
            "description does not say what these priors are"
        )
    total = sum(shares.values())
    for start in range(0, n, _CHUNK):
        for name, share in shares.items():
            # Groups of four scenes share a PSF.
            count = round(min(_CHUNK, n - start) * share / total / 4) * 4
            if count:
                scenes = draw_scenes(_with_points(known[name]), rng, count)
                stamps, psfs, params = observe(scenes, rng, backgrounds)
                yield np.asarray(stamps), psfs, params, scenes.poisson


def measure_objects(network, objects):
    """
    Have a network measure stamps.

    Parameters
    ----------
    network : `~astro_cnnfit.weights.Network`
        What measures.
    objects : iterable
        What `draw_objects` yields.

    Returns
    -------
    dict of `~numpy.ndarray`
        ``latent, covariance, psf_fwhm, is_point, snr, params``, a row an object.
    """
    parts = []
    for stamps, psfs, params, poisson in objects:
        latent, covariance = network.predict(stamps, psfs)
        widths = fwhm(psfs)
        part = {"latent": latent, "covariance": covariance, "psf_fwhm": widths}
        part |= {"params": params, "is_point": params[:, 3] < UNRESOLVED * widths}
        parts.append(part | {"snr": effective_snr(params, widths, poisson)})
        logger.info("measured %d objects", sum(len(p["snr"]) for p in parts))
    return {key: np.concatenate([part[key] for part in parts]) for key in parts[0]}


def fit_point_like(measured, seed=SEED):
    """
    Fit the probability to measured objects.

    Parameters
    ----------
    measured : dict
        What `measure_objects` returned.
    seed : int
        Of the weights with which the fit begins.

    Returns
    -------
    dict
        As `~astro_cnnfit.weights.point_like.point_like_probability` takes it.
    """
    widths = measured["psf_fwhm"]
    seen = point_like_features(measured["latent"], measured["covariance"], widths)
    ranges = {
        "psf_fwhm": round_digits([widths.min(), widths.max()]),
        "snr": [_LEAST_SNR, _SNR[1]],
    }
    found = fit_layers(seen, measured["is_point"], seed)
    return {"features": list(FEATURES), **found, "ranges": ranges}


def record_point_like(name_or_path, *, n=40_000, seed=SEED):
    """
    Fit the probability of a model and write it into its description.

    Parameters
    ----------
    name_or_path : str or path-like
        Name of a bundled model or folder of one, with the priors of its training in
        its description.
    n : int
        Number of objects to fit to.
    seed : int
        Of the scenes.

    Returns
    -------
    dict
        What was written.

    Raises
    ------
    ValueError
        If the description names a prior and does not say what it is.
    """
    network = load_network(name_or_path)
    folder, description = read_description(name_or_path)
    config = description.get("training", {}).get("config", {})
    shares, tables = config.get("priors"), config.get("prior") or {}
    if not shares:
        logger.warning("%s does not say its priors: those of sersic", name_or_path)
    own = {name: parse_prior(table, name) for name, table in tables.items()}
    data = find_data()
    sky = None if data is None else load_backgrounds(data, "train")
    rng = np.random.default_rng(seed)
    objects = draw_objects(n, rng, shares=shares, own=own, backgrounds=sky)
    found = fit_point_like(measure_objects(network, objects), seed)
    found["training"] = {
        "n": n,
        "seed": seed,
        "shares": shares or _SHARES,
        "unresolved": UNRESOLVED,
    }
    if own:
        found["training"]["prior"] = tables
    write_description(folder, {**description, "point_like": found})
    return found


def main():
    """Read the command line and fit."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n\n")[0])
    parser.add_argument("model", help="name or folder")
    parser.add_argument("--n", type=int, default=40_000, help="number of objects")
    parser.add_argument("--seed", type=int, default=SEED)
    arguments = parser.parse_args()
    logging.basicConfig(level=logging.INFO)
    record_point_like(arguments.model, n=arguments.n, seed=arguments.seed)


if __name__ == "__main__":
    main()
