# Licensed under a 3-clause BSD style license - see LICENSE
"""
Sersic parameters and morphology of galaxies with convolutional neural networks.

The public names are imported when they are first used, so that
``import astro_cnnfit`` stays quick: it loads neither tensorflow nor keras.
"""

from importlib import import_module

__version__ = "0.1.0"

# Each public name and the module that defines it.
_MODULE_OF = {
    "BayesianHyperparameterSearch": "tuning",
    "CNNCASMeasurer": "morphology",
    "CNNSersicFitter": "sersic",
    "CNNSersicModelFitter": "sersic",
    "ClassicalCASMeasurer": "morphology",
    "decode_flags": "flags",
    "load_network": "weights",
    "measure_catalog": "catalog",
    "render_sersic": "rendering",
}

__all__ = ["__version__", *_MODULE_OF]


def __getattr__(name):
    if name not in _MODULE_OF:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = getattr(import_module(f"{__name__}.{_MODULE_OF[name]}"), name)
    globals()[name] = value
    return value


def __dir__():
    return sorted({*globals(), *__all__})
