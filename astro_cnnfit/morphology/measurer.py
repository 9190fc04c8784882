# Licensed under a 3-clause BSD style license - see LICENSE
"""`CNNCASMeasurer`: from images to a table of morphology, with a network."""

from astro_cnnfit.measures import LATENT_MEASURES
from astro_cnnfit.sersic.arguments import parse_model, parse_positive

from .call import Measurer
from .definitions import find_definition
from .methods import ByNetwork, Classical, Combined, latent_of

__all__ = ["CNNCASMeasurer"]

_METHODS = ("combined", "network", "classical")
# What networks learn: values of another definition are the classical measure's.
_LEARNED = "tohill2021"
_TASKS = ("cas", "casnet")


class CNNCASMeasurer(Measurer):
    """
    Measure concentration, asymmetry and smoothness of galaxies with a network.

    How it is called is told at `~astro_cnnfit.morphology.Measurer`.

    Parameters
    ----------
    model : str, path-like or `~astro_cnnfit.weights.Network`
        Name of a bundled network or the folder of a trained one. ``'cas'`` (the
        default) measures all quantities. ``'casnet_a'`` and ``'casnet_c'``, the
        networks of Tohill et al. (2021), measure asymmetry or concentration
        alone: the other columns are NaN.
    method : {'combined', 'network', 'classical'}
        ``'combined'`` weights the network's value and the classical one, freed
        of its bias, by their errors, and adds the columns ``*_weight``; where
        the classical measure is undefined, it is the network's. ``'network'`` is
        some seven times faster.
    definition : {'tohill2021', 'statmorph', 'conselice2003'}
        Whose definition. Networks know the first; the others are for
        ``method='classical'``.
    pixel_scale : float or `~astropy.units.Quantity`, optional
        In arcsec per pixel. Adds radii in arcsec, which a WCS does too; if both
        are there, this one counts.
    subtract_sky : bool
        Whether to subtract the sky found around each galaxy. An image whose sky
        is off zero has the flag ``sky_pedestal``.
    clean : bool
        Whether to replace other sources by sky where there is no segmentation
        map, and they are found from the pixels. Turn it off for stamps that show
        one galaxy alone: a part of it that stands apart may pass for another.
    seed : int
        Of the draws from the sky that replace pixels of other sources.
    batch_size : int
        Stamps that the network sees together. More need more memory.
    precision : {'float32', 'bfloat16'}, optional
        Of the network's arithmetic. 'bfloat16' is faster on processors that have it
        and refused where it costs the model accuracy, or its description does not say
        what it costs. A network that is brought keeps its own.
    progress_bar : bool
        Whether to show a progress bar.

    Raises
    ------
    ValueError
        If ``model`` is unknown or its files are damaged, or a setting is out of
        its range, or ``model`` and ``definition`` do not go with ``method``.

    Notes
    -----
    Values refer to the galaxy as the PSF shows it, without noise. The network
    sees stamps of 101 x 101 pixels in units of the sky noise. A galaxy with a
    Petrosian radius above 33 pixels is measured on averaged pixels, where the
    image goes on beyond the stamp, and has the flag ``block_averaged``.

    Examples
    --------
    ::

        measurer = CNNCASMeasurer(pixel_scale=0.2)
        table = measurer(image, segmap)
    """

    def __init__(
        self, model="cas", *, method="combined", definition=_LEARNED,
        pixel_scale=None, subtract_sky=True, clean=True, seed=0, batch_size=512,
        precision=None, progress_bar=False,
    ):  # fmt: skip
        if method not in _METHODS:
            raise ValueError(
                f"method must be one of {', '.join(map(repr, _METHODS))}, got "
                f"{method!r}"
            )
        find_definition(definition)
        if method != "classical" and definition != _LEARNED:
            raise ValueError(
                f"definition must be {_LEARNED!r}, which networks learn, with "
                f"method={method!r}; got {definition!r}"
            )
        batch_size = parse_positive(batch_size, "batch_size")
        self.method, self.definition = method, definition
        self.model = None
        if method != "classical":
            self.model = parse_model(model, _TASKS, precision)
        settings = {"method": method, "definition": definition}
        if self.model is not None:
            settings |= {"model": self.model.name, "sha256": self.model.sha256}
            settings["precision"] = getattr(self.model, "precision", "float32")
        super().__init__(
            _method(method, self.model, definition, batch_size),
            settings,
            average=method != "classical",
            combined=method == "combined",
            pixel_scale=pixel_scale,
            subtract_sky=subtract_sky,
            clean=clean,
            seed=seed,
            batch_size=batch_size,
            progress_bar=progress_bar,
        )


def _method(name, network, definition, batch_size):
    if name == "classical":
        return Classical(definition)
    if name == "network":
        return ByNetwork(network, batch_size)
    if latent_of(network) != LATENT_MEASURES:
        raise ValueError(
            f"method must be 'network' with model {network.name!r}, which measures "
            f"{', '.join(latent_of(network))} alone; got 'combined'"
        )
    fit = getattr(network, "description", {}).get("combination")
    if fit is None:
        raise ValueError(
            f"method must be 'network' or 'classical' with model {network.name!r}, "
            "which does not say how to combine it with the classical measure; see "
            "astro_cnnfit.morphology.combination_fit.add_combination"
        )
    return Combined(network, fit, batch_size)
