# Licensed under a 3-clause BSD style license - see LICENSE
"""The end of a run: errors calibrated, ranges and provenance written down."""

import datetime as dt
import platform
from dataclasses import replace
from importlib.metadata import version

import keras
import numpy as np

from astro_cnnfit.evaluation import sersic_summary
from astro_cnnfit.networks import build
from astro_cnnfit.parameters import decode, effective_snr, encode
from astro_cnnfit.psf import fwhm
from astro_cnnfit.simulation.priors import SKY_SIGMA, ZEROPOINT
from astro_cnnfit.weights import Network, write_model
from astro_cnnfit.weights.files import numpy_values

from .calibration import fit_calibration
from .stream import SceneStream

__all__ = ["finish"]

# Added to the seed, so that calibration never sees a scene of the training.
_HELD_OUT = 1_000_003
_CHUNK = 4096
# Magnitude of a flux of one sky noise in KiDS.
_ZEROPOINT = ZEROPOINT - 2.5 * np.log10(SKY_SIGMA)


def finish(model, config, output, state, backgrounds=None, command=None):
    """
    Calibrate the trained network and write it with its description.

    Parameters
    ----------
    model : keras.Model
        The trained network.
    config : `~astro_cnnfit.training.TrainingConfig`
        How it was trained.
    output : path-like
        Folder to write to.
    state : dict
        Step, loss and seconds of the run.
    backgrounds : `~numpy.ndarray`, optional
        Real sky, as in training.
    command : str, optional
        The command to record.

    Returns
    -------
    `~pathlib.Path`
    """
    held_out = _held_out(config, backgrounds)
    unscaled = {"scale": [1.0] * 7, "covariance": np.zeros((7, 7)).tolist()}
    description = {
        "name": config.architecture,
        "architecture": config.architecture,
        "arguments": config.arguments,
        "trained_ranges": held_out["ranges"],
        "calibration": unscaled,
        "sha256": "",
    }
    full = build(config.architecture, **config.arguments)
    # What is written is float16; what is calibrated is what is written.
    full.set_weights([w.astype(np.float16) for w in numpy_values(model.weights)])
    mean, covariance = Network(full, description).predict(
        held_out["stamps"], held_out["psfs"]
    )
    description["calibration"] = fit_calibration(mean, covariance, held_out["latent"])
    description["training"] = _provenance(config, state, backgrounds, command)
    description["metrics"] = _metrics(mean, held_out["latent"])
    return write_model(output, full, description)


def _held_out(config, backgrounds):
    pool = -(-config.calibration_samples // _CHUNK) * _CHUNK
    other = replace(
        config, seed=config.seed + _HELD_OUT, pool=pool, batch_size=_CHUNK // 4
    )
    stream = SceneStream(other, backgrounds)
    batches = [stream.observed(step) for step in range(pool * 4 // _CHUNK)]
    stamps, psfs, params = (np.concatenate(part) for part in zip(*batches, strict=True))
    widths = fwhm(psfs)
    values = {"r_eff": params[:, 3], "n": params[:, 4], "ellip": params[:, 5]}
    values |= {"psf_fwhm": widths, "snr": effective_snr(params, widths)}
    ranges = {k: np.quantile(v, [0.001, 0.999]).tolist() for k, v in values.items()}
    return {
        "stamps": stamps,
        "psfs": psfs,
        "latent": encode(params),
        "ranges": {k: [float(f"{x:.4g}") for x in v] for k, v in ranges.items()},
    }


def _metrics(mean, true):
    """Figures on the held-out scenes of the training's own priors."""
    table = sersic_summary(decode(mean), decode(true), zeropoint=_ZEROPOINT)
    return {
        str(row["metric"]): {
            name: float(f"{row[name]:.4g}")
            for name in table.colnames
            if name != "metric"
        }
        for row in table
    }


def _provenance(config, state, backgrounds, command):
    packages = ("astro_cnnfit", "keras", keras.backend.backend(), "numpy")
    return {
        "command": command,
        "config": config.as_dict(),
        "commit": state.get("commit"),
        "started_from": state.get("started_from"),
        "backend": keras.backend.backend(),
        "versions": {name: version(name) for name in packages},
        "python": platform.python_version(),
        "processor": platform.machine(),
        "real_sky_stamps": 0 if backgrounds is None else len(backgrounds),
        "steps": state["step"],
        "seconds": round(state["seconds"]),
        "loss": state["loss"],
        "date": dt.date.today().isoformat(),
    }
