# Licensed under a 3-clause BSD style license - see LICENSE
"""`ClassicalCASMeasurer`: morphology from image and segmentation map, classically."""

from .call import Measurer
from .definitions import find_definition
from .methods import Classical

__all__ = ["ClassicalCASMeasurer"]


class ClassicalCASMeasurer(Measurer):
    """
    Measure concentration, asymmetry and smoothness as they were defined.

    How it is called is told at `~astro_cnnfit.morphology.Measurer`.

    Parameters
    ----------
    definition : {'tohill2021', 'statmorph', 'conselice2003'}
        Whose definition; they differ, see :doc:`/morphology`.
    pixel_scale : float or `~astropy.units.Quantity`, optional
        In arcsec per pixel. Adds radii in arcsec, which a WCS does too; if both
        are there, this one counts.
    subtract_sky : bool
        Whether to subtract the sky found around each galaxy. statmorph does not.
    clean : bool
        Whether to replace other sources by sky where there is no segmentation
        map, and they are found from the pixels.
    seed : int
        Of the draws from the sky that replace pixels of other sources.
    progress_bar : bool
        Whether to show a progress bar.

    Raises
    ------
    ValueError
        If a setting is out of its range.

    Notes
    -----
    Pixels are never averaged: a galaxy that does not fit a stamp of 101 x 101
    pixels is measured on a larger one.

    The classical asymmetry is biased where the noise matters: below a S/N per
    pixel of 5 it loses up to 0.2 of a strong asymmetry. `CNNCASMeasurer` gives
    what the galaxy would have without noise.

    Examples
    --------
    ::

        measurer = ClassicalCASMeasurer("statmorph", subtract_sky=False)
        table = measurer(image, segmap)
    """

    def __init__(
        self, definition="tohill2021", *, pixel_scale=None, subtract_sky=True,
        clean=True, seed=0, progress_bar=False,
    ):  # fmt: skip
        find_definition(definition)
        self.definition = definition
        super().__init__(
            Classical(definition),
            {"method": "classical", "definition": definition},
            average=False,
            combined=False,
            pixel_scale=pixel_scale,
            subtract_sky=subtract_sky,
            clean=clean,
            seed=seed,
            batch_size=64,
            progress_bar=progress_bar,
        )
