# Licensed under a 3-clause BSD style license - see LICENSE
"""
What networks are trained on, in one table.

A task makes the stream of batches of a configuration, and scenes that the
training never saw, on which errors are calibrated.
"""

from collections.abc import Callable
from dataclasses import replace
from typing import NamedTuple

import numpy as np

from astro_cnnfit.evaluation import sersic_summary
from astro_cnnfit.measures import LATENT_MEASURES, MEASURES, latent_index
from astro_cnnfit.parameters import decode, effective_snr, encode
from astro_cnnfit.psf import fwhm
from astro_cnnfit.simulation import PRIORS, find_data, load_backgrounds
from astro_cnnfit.simulation.priors import SKY_SIGMA, ZEROPOINT

from .galaxies import GalaxyStream
from .stream import SceneStream

__all__ = ["TASKS", "HeldOut", "Task"]

# Added to the seed, so that calibration never sees a scene of the training.
_HELD_OUT = 1_000_003
_CHUNK = 4096
# Magnitude of a flux of one sky noise in KiDS.
_ZEROPOINT = ZEROPOINT - 2.5 * np.log10(SKY_SIGMA)


class HeldOut(NamedTuple):
    """Scenes for calibration."""

    inputs: list
    """Arrays as the network takes them."""
    latent: np.ndarray
    """(N, K) truth."""
    ranges: dict
    """0.1 and 99.9 % quantiles of what was trained on."""


class Task(NamedTuple):
    """One kind of training."""

    priors: tuple
    """Names that the configuration's ``priors`` may have."""
    stream: Callable
    """(config, data) -> object with ``batches(start, stop)``."""
    held_out: Callable
    """(config, data) -> `HeldOut`."""
    metrics: Callable
    """(mean, true), latent -> plain values for the description."""
    data: Callable
    """(data) -> data: what is loaded where the caller gives none."""
    describe: Callable
    """(data) -> plain values for the description."""


def _sky(backgrounds):
    """Real sky, where the images are at hand."""
    folder = find_data()
    if backgrounds is None and folder:
        return load_backgrounds(folder, "train")
    return backgrounds


def _held_out_scenes(config, backgrounds):
    # A short run does not draw more than it asks for, in groups of four by four.
    chunk = min(_CHUNK, -(-config.calibration_samples // 16) * 16)
    pool = -(-config.calibration_samples // chunk) * chunk
    other = replace(
        config, seed=config.seed + _HELD_OUT, pool=pool, batch_size=chunk // 4
    )
    stream = SceneStream(other, backgrounds)
    batches = [stream.observed(step) for step in range(pool * 4 // chunk)]
    stamps, psfs, params = (np.concatenate(part) for part in zip(*batches, strict=True))
    widths = fwhm(psfs)
    values = {"r_eff": params[:, 3], "n": params[:, 4], "ellip": params[:, 5]}
    values |= {"psf_fwhm": widths, "snr": effective_snr(params, widths)}
    inputs = [stamps, psfs]
    return HeldOut(inputs, encode(params), _ranges(values))


def _ranges(values):
    ranges = {k: np.quantile(v, [0.001, 0.999]).tolist() for k, v in values.items()}
    return {k: [float(f"{x:.4g}") for x in v] for k, v in ranges.items()}


def _sersic_metrics(mean, true):
    table = sersic_summary(decode(mean), decode(true), zeropoint=_ZEROPOINT)
    return {
        str(row["metric"]): {
            name: float(f"{row[name]:.4g}")
            for name in table.colnames
            if name != "metric"
        }
        for row in table
    }


def _need_galaxies(galaxies):
    """Library of galaxies, which only the caller can measure."""
    if galaxies is None:
        raise ValueError(
            "data must hold the training and the held-out library of galaxies: "
            "see astro_cnnfit.morphology.library"
        )
    return galaxies


def _held_out_galaxies(config, galaxies):
    seed = config.seed + _HELD_OUT
    other = replace(config, seed=seed, batch_size=_CHUNK // 4, pool=_CHUNK)
    stream = GalaxyStream(other, galaxies[1])
    steps = -(-config.calibration_samples // other.batch_size)
    batches = [stream.observed(step) for step in range(steps)]
    stamps, labels = (np.concatenate(part) for part in zip(*batches, strict=True))
    measured = {
        "sn_per_pixel": 10 ** labels[:, latent_index("log_snr")],
        "rpetro_ellip": 10 ** labels[:, latent_index("log_rpetro")],
    }
    named = [measure.name for measure in MEASURES]
    measured |= {
        name: labels[:, place]
        for place, name in enumerate(LATENT_MEASURES)
        if name in named
    }
    return HeldOut([stamps], labels, _ranges(measured))


def _cas_metrics(mean, true):
    """Mean and scatter of the error of each latent quantity, in bins of S/N."""
    snr = 10 ** true[:, latent_index("log_snr")]
    found = {}
    for low, high in ((2, 3), (3, 5), (5, 10), (10, 20), (20, 100)):
        rows = (snr >= low) & (snr < high)
        if rows.sum() < 2:
            continue
        error = mean[rows] - true[rows]
        found[f"S/N {low}-{high}"] = {
            name: {
                "bias": float(f"{error[:, place].mean():.3g}"),
                "std": float(f"{error[:, place].std():.3g}"),
            }
            for place, name in enumerate(LATENT_MEASURES)
        }
    return found


def _fixed_set(config, galaxies):
    """Refuse what the loop does not train."""
    del galaxies
    raise ValueError(
        f"architecture {config.architecture!r} learns from a fixed set of stamps: see "
        "astro_cnnfit.morphology.casnet_training"
    )


TASKS = {
    "sersic": Task(
        tuple(PRIORS),
        SceneStream,
        _held_out_scenes,
        _sersic_metrics,
        _sky,
        lambda sky: {"real_sky_stamps": 0 if sky is None else len(sky)},
    ),
    "cas": Task(
        ("procedural", "real"),
        lambda config, galaxies: GalaxyStream(config, galaxies[0]),
        _held_out_galaxies,
        _cas_metrics,
        _need_galaxies,
        lambda galaxies: {
            "galaxies": len(galaxies[0].labels),
            "held_out": len(galaxies[1].labels),
        },
    ),
    "casnet": Task(
        ("procedural", "real"),
        _fixed_set,
        _fixed_set,
        _cas_metrics,
        _need_galaxies,
        lambda galaxies: {},
    ),
}
