# Licensed under a 3-clause BSD style license - see LICENSE
"""
Catalogues: tiles and positions in, one Parquet data set out, on Dask.

The public names are imported when they are first used. Nothing here loads Keras
before galaxies are measured, and nothing loads Dask before a cluster is asked for.
"""

from importlib import import_module

# Each public name and the module that defines it.
_MODULE_OF = {
    "CatalogRun": "run",
    "RunStopped": "scheduler",
    "measure_catalog": "run",
    "read_catalog": "dataset",
    "to_fits": "export",
    "to_hats": "hats",
}

__all__ = [*_MODULE_OF]


def __getattr__(name):
    if name not in _MODULE_OF:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = getattr(import_module(f"{__name__}.{_MODULE_OF[name]}"), name)
    globals()[name] = value
    return value


def __dir__():
    return sorted({*globals(), *__all__})
