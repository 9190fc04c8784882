# Licensed under a 3-clause BSD style license - see LICENSE
"""Three definitions of C, A and S that differ, in one table."""

from typing import NamedTuple

__all__ = ["DEFINITIONS", "Definition", "find_definition"]


class Definition(NamedTuple):
    """Choices that published definitions make differently."""

    name: str
    aperture: str
    """'ellipse' or 'circle': of the asymmetry, the growth curve, the smoothness."""
    order: int
    """Interpolation of the rotated image: 1 is linear, 3 a cubic spline."""
    centre: str
    """How the centre of asymmetry is searched."""
    background: str
    """Of the asymmetry: 'cells', 'box' or 'least'."""
    boxcar: float
    """Width of the smoothness's filter in Petrosian radii."""
    inner: float
    """Inner radius of the smoothness's aperture in Petrosian radii. How much of the
    centre 'conselice2003' cuts out is this package's choice: a twentieth of the
    aperture."""
    smoothness_factor: float
    source: str


DEFINITIONS = (
    Definition(
        "tohill2021", "ellipse", 3, "nelder-mead", "cells", 0.25, 0.25, 1.0,
        "Tohill et al. 2021; Ferrari et al. 2015 (Morfometryka); smoothness as "
        "Lotz et al. 2004",
    ),
    Definition(
        "statmorph", "circle", 1, "nelder-mead", "box", 0.25, 0.25, 1.0,
        "Rodriguez-Gomez et al. 2019; Lotz et al. 2004",
    ),
    Definition(
        "conselice2003", "circle", 1, "hill climb", "least", 0.3, 0.075, 10.0,
        "Conselice 2003; Conselice et al. 2000",
    ),
)  # fmt: skip


def find_definition(name):
    """
    Row of a definition.

    Parameters
    ----------
    name : {'tohill2021', 'statmorph', 'conselice2003'}

    Returns
    -------
    Definition

    Raises
    ------
    ValueError
        If there is no such definition.
    """
    for definition in DEFINITIONS:
        if definition.name == name:
            return definition
    names = ", ".join(repr(definition.name) for definition in DEFINITIONS)
    raise ValueError(f"definition must be one of {names}, got {name!r}")
