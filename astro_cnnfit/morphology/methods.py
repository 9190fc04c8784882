# Licensed under a 3-clause BSD style license - see LICENSE
"""
Ways to measure prepared stamps: a network, the classical measure, or both.

Each takes `~astro_cnnfit.morphology.stamps.Prepared` and the number of stamps at
once, and gives columns of the table at the scale of the image, with flags.
"""

from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np

from astro_cnnfit import flags
from astro_cnnfit.measures import LATENT_MEASURES, MEASURES, from_latent, latent_index

from .classical import measure_stamps
from .combination import classical_latent, combine
from .preparation import unit_maximum_stamps
from .results import WEIGHTED
from .stamps import UNMEASURABLE

__all__ = ["Classical", "Combined", "ByNetwork", "latent_of"]

# Lengths are multiplied, S/N of a pixel divided by the side of averaged blocks.
_LENGTHS = ("r20", "r50", "r80", "rpetro_ellip", "rpetro_circ")
# What the classical measure alone gives, beside what it shares with a network.
_CLASSICAL_ONLY = ("rpetro_circ", "ellip", "theta", "flux")
# A trained range is one of true values; measured ones scatter beyond it.
_SLACK = 0.02
_LATENT_OF = {
    "r20": "log_r20",
    "r50": "log_r50",
    "rpetro_ellip": "log_rpetro",
    "sn_per_pixel": "log_snr",
}
_SNR = latent_index("log_snr")


def latent_of(network):
    """
    Names of what a network measures, in its order.

    Parameters
    ----------
    network : `~astro_cnnfit.weights.Network`

    Returns
    -------
    tuple of str
    """
    return tuple(network.architecture.latent)


def _measurable(prepared):
    """Rows that can be shown to a method."""
    good = (prepared.flags & UNMEASURABLE) == 0
    return np.flatnonzero(good & np.isfinite(prepared.sky_sigma))


def _without_noise(prepared):
    """Rows that a network cannot be shown, as the sky does not tell the noise."""
    good = (prepared.flags & UNMEASURABLE) == 0
    return np.flatnonzero(good & ~np.isfinite(prepared.sky_sigma))


def _not_finite(mean):
    return np.where(np.isfinite(mean).all(axis=1), 0, flags.NON_FINITE)


@dataclass(frozen=True)
class ByNetwork:
    """The network alone."""

    network: Any
    batch_size: int = 512
    needs_masks: ClassVar[bool] = False
    view: ClassVar[float] = 1.0

    def __call__(self, prepared):
        """Measure prepared stamps: columns and flags."""
        rows = _measurable(prepared)
        stamps = prepared.stamps
        if len(rows) < len(stamps):
            stamps = stamps[rows]
        mean, covariance = _predict(self.network, stamps, self)
        latent = latent_of(self.network)
        if latent == LATENT_MEASURES:
            values, errors = from_latent(mean, covariance)
        else:
            values = dict(zip(latent, mean.T, strict=True))
            sigma = np.sqrt(np.einsum("ijj->ij", covariance))
            sigma = np.where(sigma > 0, sigma, np.nan)
            errors = dict(zip(latent, sigma.T, strict=True))
        bits = _range_bits(values, self.network.trained_ranges)
        bits |= _not_finite(mean)
        result = _at_scale(prepared, rows, values, errors, bits)
        result["flags"][_without_noise(prepared)] |= flags.NO_BACKGROUND
        return result


@dataclass(frozen=True)
class Classical:
    """The classical measure alone."""

    definition: str = "tohill2021"
    needs_masks: ClassVar[bool] = True

    @property
    def view(self):
        """How much of the image it looks at: statmorph cuts out 2.5 segments."""
        return 1.0 if self.definition == "tohill2021" else 2.6

    def __call__(self, prepared):
        """Measure prepared stamps: columns and flags."""
        rows = np.flatnonzero((prepared.flags & UNMEASURABLE) == 0)
        values, bits = _classical(prepared, rows, self.definition)
        errors = {
            name.removesuffix("_err"): values.pop(name)
            for name in list(values)
            if name.endswith("_err")
        }
        return _at_scale(prepared, rows, values, errors, bits)


@dataclass(frozen=True)
class Combined:
    """Both, weighted by their errors."""

    network: Any
    fit: dict
    batch_size: int = 512
    needs_masks: ClassVar[bool] = True
    view: ClassVar[float] = 1.0

    def __call__(self, prepared):
        """Measure prepared stamps: columns and flags."""
        rows = _measurable(prepared)
        mean, covariance = _predict(self.network, prepared.stamps[rows], self)
        found, bits = _classical(prepared, rows, "tohill2021")
        ranges = self.network.trained_ranges
        low, high = ranges.get("sn_per_pixel", (0, np.inf))
        # Brighter galaxies than any of the training are left to the classical measure,
        # which is at its best there: no reason for a flag.
        trusted = mean[:, _SNR] <= np.log10(high * (1 + _SLACK))
        classical = classical_latent(found)
        mean, covariance, weights = combine(
            classical, mean, covariance, self.fit, trusted=trusted
        )
        values, errors = from_latent(mean, covariance)
        values |= {name: found[name] for name in _CLASSICAL_ONLY}
        values |= {
            f"{name}_weight": weights[:, latent_index(_LATENT_OF.get(name, name))]
            for name in WEIGHTED
        }
        bits |= _range_bits(values, {**ranges, "sn_per_pixel": (low, np.inf)})
        bits |= _not_finite(mean)
        result = _at_scale(prepared, rows, values, errors, bits)
        rest = _without_noise(prepared)
        if rest.size:
            for name, column in Classical()(prepared.rows(rest)).items():
                result[name][rest] = column
            for name in WEIGHTED:
                result[f"{name}_weight"][rest] = 0
        return result


def _predict(network, stamps, method):
    if network.stamp_size < stamps.shape[1]:
        # The networks of Tohill et al. see smaller stamps, of unit maximum.
        stamps = unit_maximum_stamps(stamps, network.stamp_size)
        stamps = np.nan_to_num(stamps)
    return network.predict(stamps, batch_size=method.batch_size)


def _classical(prepared, rows, definition):
    """Classical values of some stamps, the centre relative to the stamps'."""
    stamps, own = prepared.stamps[rows], prepared.own[rows]
    sigma = np.isfinite(prepared.sky_sigma[rows])
    # Without noise of the sky there is none to correct for.
    parts = []
    for noisy in (True, False):
        some = np.flatnonzero(sigma == noisy)
        mask = None
        if definition != "tohill2021":
            mask = prepared.excluded[rows][some]
        parts.append(
            (
                some,
                measure_stamps(
                    stamps[some],
                    segments=own[some],
                    sky_sigma=1.0 if noisy else None,
                    mask=mask,
                    definition=definition,
                ),
            )
        )
    values = {}
    for name, like in parts[0][1].items():
        values[name] = np.empty(len(rows), like.dtype)
        for some, found in parts:
            values[name][some] = found[name]
    middle = (stamps.shape[-1] - 1) / 2
    for name in ("xc_asymmetry", "yc_asymmetry"):
        values[name] = values[name] - middle
    return values, _classical_bits(values)


_CLASSICAL_FLAGS = {
    "no_petrosian": flags.NO_PETROSIAN,
    "aperture_outside": flags.APERTURE_OUTSIDE,
    "no_background_cell": flags.NO_BACKGROUND,
    "centre_not_found": flags.CENTRE_NOT_FOUND,
}


def _classical_bits(values):
    bits = np.zeros(len(values["concentration"]), int)
    for name, bit in _CLASSICAL_FLAGS.items():
        if name in values:
            bits |= np.where(values[name], bit, 0)
    undefined = np.isnan(values["concentration"]) & ((bits & flags.NO_PETROSIAN) == 0)
    return bits | np.where(undefined, flags.NON_FINITE, 0)


def _range_bits(values, ranges):
    """Bits of galaxies beyond what the network was trained on."""
    n = len(next(iter(values.values())))
    bits = np.zeros(n, int)
    for name, (low, high) in ranges.items():
        if name not in values:
            continue
        slack = _SLACK * (high - low)
        if name == "sn_per_pixel":
            bits |= np.where(values[name] < low * (1 - _SLACK), flags.LOW_SNR, 0)
            low = -np.inf
        beyond = (values[name] < low - slack) | (values[name] > high + slack)
        bits |= np.where(beyond, flags.OUTSIDE_TRAINING_RANGE, 0)
    return bits


def _at_scale(prepared, rows, values, errors, bits):
    """Columns at the scale of the image, NaN for rows that were not measured."""
    n, factor = len(prepared.flags), prepared.factor[rows]
    known = {*_CLASSICAL_ONLY, *(measure.name for measure in MEASURES)}
    columns = {
        f"{name}{end}": found
        for found_of, end in ((values, ""), (errors, "_err"))
        for name, found in found_of.items()
        if name in known or name.endswith("_weight")
    }
    result = {name: np.full(n, np.nan) for name in columns}
    for name, found in columns.items():
        plain = name.removesuffix("_err")
        scale = 1.0
        if plain in _LENGTHS or plain in ("xc_asymmetry", "yc_asymmetry"):
            scale = factor
        elif plain == "sn_per_pixel":
            scale = 1 / factor
        elif plain == "flux":
            scale = prepared.unit[rows] * factor**2
        result[name][rows] = found * scale
    for axis in "xy":
        name = f"{axis}c_asymmetry"
        if name in result:
            result[name] += getattr(prepared, f"{axis}_origin")
    result["flags"] = prepared.flags.copy()
    result["flags"][rows] |= bits
    for name in set(result) - {"flags"}:
        result[name][(result["flags"] & flags.NON_FINITE) > 0] = np.nan
    return result
