# Licensed under a 3-clause BSD style license - see LICENSE
"""
Ways to measure C, A and their kin, each behind one function.

A method takes noisy stamps (N, 101, 101), in sky noises and without neighbours, and
what the methods before it found; it returns a `Measured`. What cannot be had (a
network that is not bundled, a package that is not installed) is left out with the
reason.
"""

from functools import partial
from pathlib import Path
from typing import NamedTuple

import numpy as np
from cas_regression import fit_regression, predict_regression, regression_inputs
from cas_segments import find_segments
from cas_statistics import QUANTITIES

from astro_cnnfit.measures import from_latent, latent_index

__all__ = ["METHODS", "Measured", "load_methods", "measure_all", "train_regression"]

# Other seeds than those of the tests, and other sources.
REGRESSION_SEED = 777


class Measured(NamedTuple):
    """Values and errors; NaN where there is none."""

    values: dict
    """(N,) arrays by the names of `cas_statistics.QUANTITIES`, and others."""
    errors: dict
    """(N,) arrays."""


def _measured(values, errors=None):
    """Fill up the quantities that a method does not have."""
    count = len(next(iter(values.values())))
    nothing = np.full(count, np.nan)
    errors = errors or {}
    return Measured(
        {**dict.fromkeys(QUANTITIES, nothing), **values},
        {**dict.fromkeys(QUANTITIES, nothing), **errors},
    )


def _bare(find, **_):
    from astro_cnnfit.weights import load_network

    network = load_network(find("cas"))

    def measure(stamps, _):
        return _measured(*from_latent(*network.predict(stamps)))

    return measure


def _measurer(method, precision="float32"):
    def load(find, *, clean):
        from astro_cnnfit import CNNCASMeasurer
        from astro_cnnfit.weights import load_network

        network = load_network(find("cas"), precision=precision)
        measurer = CNNCASMeasurer(network, method=method, clean=clean)

        def measure(stamps, _):
            table = _quietly(measurer, stamps)
            names = [n for n in table.colnames if f"{n}_err" in table.colnames]
            values, errors = (
                {name: _plain(table[name + end]) for name in names}
                for end in ("", "_err")
            )
            return _measured(values, errors)

        return measure

    return load


def _quietly(function, *arguments):
    import warnings

    with warnings.catch_warnings():
        # Bad rows are counted here.
        warnings.simplefilter("ignore")
        return function(*arguments)


def _plain(column):
    return np.asarray(getattr(column, "value", column), dtype=float)


def _classical(*_, **__):
    from astro_cnnfit.morphology.classical import measure_stamps

    def measure(stamps, _):
        found = measure_stamps(stamps, segments=find_segments(stamps), sky_sigma=1.0)
        errors = {
            name: found[f"{name}_err"] for name in QUANTITIES if f"{name}_err" in found
        }
        return _measured(found, errors)

    return measure


def _statmorph(*_, **__):
    from peers.statmorph_cas import measure

    return lambda stamps, _: _measured(measure(stamps, find_segments(stamps)))


def _casnet(find, suffix="", **_):
    from astro_cnnfit.morphology.preparation import unit_maximum_stamps
    from astro_cnnfit.weights import load_network

    networks = {
        "asymmetry": load_network(find(f"casnet_a{suffix}")),
        "concentration": load_network(find(f"casnet_c{suffix}")),
    }

    def measure(stamps, _):
        small = unit_maximum_stamps(stamps)
        good = np.isfinite(small).all(axis=(1, 2))
        values, errors = {}, {}
        for name, network in networks.items():
            mean, covariance = network.predict(np.where(good[:, None, None], small, 0))
            values[name] = np.where(good, mean[:, 0], np.nan)
            errors[name] = np.sqrt(covariance[:, 0, 0])
        return _measured(values, errors)

    return measure


METHODS = {
    "network": _measurer("network"),
    "bfloat16": _measurer("network", "bfloat16"),
    "bare": _bare,
    "combined": _measurer("combined"),
    "tohill2021": _classical,
    "statmorph": _statmorph,
    "casnet": _casnet,
    "casnet_tuned": partial(_casnet, suffix="_tuned"),
}
"""What loads each method; ``reg`` is trained, see `train_regression`. ``network`` and
``combined`` are whole calls, which find sky, noise and the galaxy's pixels themselves;
``bare`` is the network alone, told of sky and noise."""


def load_methods(names=tuple(METHODS), folder=None, *, clean=False):
    """
    Load methods.

    Parameters
    ----------
    names : sequence of str
        Keys of `METHODS`.
    folder : path-like, optional
        With networks that are taken instead of the bundled ones of the same names.
    clean : bool
        Whether measurers look for neighbours, which most stamps here do not have.

    Returns
    -------
    methods : dict of callable
    not_run : dict of str
        Why others could not be loaded.
    """

    def find(name):
        own = Path(folder or "") / name
        return own if folder and own.is_dir() else name

    methods, not_run = {}, {}
    for name in names:
        try:
            methods[name] = METHODS[name](find, clean=clean)
        except (ImportError, ValueError, OSError) as error:
            not_run[name] = f"{type(error).__name__}: {error}"
            print(f"{name} is left out: {not_run[name]}")
    return methods, not_run


def train_regression(number, snr=(1.5, 100.0)):
    """
    Train ``reg`` on noisy galaxies of the training sets, half of them real.

    Parameters
    ----------
    number : int
        Galaxies of each kind.
    snr : tuple
        Range of their S/N per pixel.

    Returns
    -------
    callable
        A method, to be run after ``tohill2021``.
    """
    from cas_galaxies import draw_galaxies, expose, kinds_at_hand

    classical = _classical()
    rng = np.random.default_rng(REGRESSION_SEED)
    inputs, targets = [], []
    for kind in kinds_at_hand():
        galaxies, _ = draw_galaxies(kind, number, REGRESSION_SEED, part="train")
        seen = expose(galaxies, snr, rng)
        inputs.append(regression_inputs(classical(seen.stamps, {}).values))
        columns = [latent_index(name) for name in QUANTITIES]
        targets.append(seen.labels[:, columns])
    fit = fit_regression(np.concatenate(inputs), np.concatenate(targets))

    def measure(_, found):
        own = regression_inputs(found["tohill2021"].values)
        values = predict_regression(fit, own)
        return _measured(dict(zip(QUANTITIES, values.T, strict=True)))

    return measure


def measure_all(methods, stamps, limits=None):
    """
    Measure stamps with all methods.

    Parameters
    ----------
    methods : dict of callable
        In an order in which each finds what it needs of those before it.
    stamps : `~numpy.ndarray`
        (N, 101, 101)
    limits : dict of int, optional
        For slow methods, how many of the stamps they measure; the others are NaN.

    Returns
    -------
    dict of `Measured`
    """
    found = {}
    for name, measure in methods.items():
        limit = (limits or {}).get(name, len(stamps))
        own = measure(stamps[:limit], found)
        found[name] = own if limit >= len(stamps) else _padded(own, len(stamps))
    return found


def _padded(measured, count):
    return Measured(
        *(
            {
                key: np.pad(
                    np.asarray(column, float),
                    (0, count - len(column)),
                    constant_values=np.nan,
                )
                for key, column in part.items()
            }
            for part in measured
        )
    )
