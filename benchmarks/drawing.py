# Licensed under a 3-clause BSD style license - see LICENSE
"""What all figures of the benchmarks are drawn with."""

__all__ = ["pyplot"]


def pyplot():
    """Matplotlib without a display."""
    import matplotlib as mpl

    mpl.use("Agg")
    import matplotlib.pyplot as plt

    return plt
