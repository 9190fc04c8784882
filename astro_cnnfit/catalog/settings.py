# Licensed under a 3-clause BSD style license - see LICENSE
"""What is measured and how, checked before anything runs."""

import hashlib
import inspect
import os
from dataclasses import dataclass, field, fields, replace
from pathlib import Path
from typing import Any

import numpy as np
from astropy.modeling import CompoundModel, Model

from astro_cnnfit.inputs import parse_image

__all__ = ["MEASURERS", "Settings", "parse_settings"]

MEASURERS = ("sersic", "cas")
"""What can be measured, in the order of the columns."""

# Arguments of the measurers that are not the user's to give here.
_OURS = {"finder", "batch_size", "progress_bar", "precision"}
# What a model of a PSF consists of beside its parameters.
_OF_MODELS = ("data", "grid_xypos", "oversampling")
_CLASSES = {"sersic": "CNNSersicFitter", "cas": "CNNCASMeasurer"}


@dataclass(frozen=True)
class Settings:
    """
    What is measured of each galaxy and how: the same for all tiles.

    It is sent to every worker, so it holds plain values (and ``psf``, if that is
    one for all tiles).
    """

    sersic: dict | None = None
    """Arguments of `~astro_cnnfit.CNNSersicFitter`, all of them; None if Sersic
    parameters are not wanted. ``zeropoint`` may be a keyword of the header."""
    cas: dict | None = None
    """Arguments of `~astro_cnnfit.CNNCASMeasurer`, or None."""
    batch_size: int = 512
    """Stamps that a network sees together."""
    precision: str = "float32"
    """In which the networks compute: 'float32' or 'bfloat16'."""
    psf: Any = field(default=None, compare=False)
    """One PSF for all tiles, in any form that the fitter takes, or None."""
    psf_oversampling: float = 1.0
    """Samples of the PSFs per pixel of the images."""
    models: dict = field(default_factory=dict)
    """``name`` and ``sha256`` of the network of each measurer that has one."""

    def to_dict(self):
        """
        Everything that results depend on, as plain values.

        Returns
        -------
        dict
            For a fingerprint. Models are there by name and checksum, wherever
            their files lie; ``batch_size`` is not, as it changes no result.
        """
        values = {
            "precision": self.precision,
            "psf": None if self.psf is None else _digest(self.psf),
            "psf_oversampling": self.psf_oversampling,
        }
        for name in MEASURERS:
            arguments = getattr(self, name)
            if arguments is not None:
                model = self.models.get(name)
                arguments = {**arguments, "model": model and dict(model)}
            values[name] = arguments
        return values


def parse_settings(
    *, sersic=True, cas=None, batch_size=512, precision="float32", psf=None,
    psf_oversampling=1,
):  # fmt: skip
    """
    Check what is to be measured, down to the files of the networks.

    Parameters
    ----------
    sersic, cas : bool, dict or None
        Whether to measure Sersic parameters and morphology, or with which
        arguments of `~astro_cnnfit.CNNSersicFitter` and
        `~astro_cnnfit.CNNCASMeasurer`. The ``model`` is a name or a folder;
        ``zeropoint`` may be the keyword of the tiles' headers that holds it.
    batch_size : int
        Stamps that a network sees together.
    precision : {'float32', 'bfloat16'}
        In which the networks compute.
    psf : optional
        One PSF for all tiles: an array, NDData, or a model such as a
        `~photutils.psf.GriddedPSFModel`.
    psf_oversampling : float
        Samples of the PSFs per pixel of the images.

    Returns
    -------
    `Settings`

    Raises
    ------
    TypeError
        If an argument is of the wrong kind.
    ValueError
        If nothing is to be measured, or a value is not one that the measurers
        take. The message names the argument.
    """
    from .loading import load

    values = {"sersic": _arguments("sersic", sersic), "cas": _arguments("cas", cas)}
    if values["sersic"] is None and values["cas"] is None:
        raise ValueError("sersic or cas must be asked for, got neither")
    if not _is_number(psf_oversampling) or not psf_oversampling >= 1:
        raise ValueError(
            f"psf_oversampling must be at least 1, got {psf_oversampling!r}"
        )
    settings = Settings(
        **values,
        batch_size=batch_size,
        precision=precision,
        psf=psf,
        psf_oversampling=float(psf_oversampling),
    )
    wanted = [name for name in MEASURERS if values[name] is not None]
    networks = {name: load(settings, name).model for name in wanted}
    # From here on, a worker refuses another network in the same place.
    models = {
        name: {"name": network.name, "sha256": network.sha256}
        for name, network in networks.items()
        if network is not None
    }
    settings = replace(settings, models=models)
    if psf is not None:
        _check_psf(settings)
    return settings


def _arguments(name, given):
    """All arguments of a measurer, those not given by default; None without it."""
    if given is None or given is False:
        return None
    if given is True:
        given = {}
    if not isinstance(given, dict):
        raise TypeError(
            f"{name} must be True, False or a dictionary of arguments, got "
            f"{type(given).__name__}"
        )
    import astro_cnnfit

    signature = inspect.signature(getattr(astro_cnnfit, _CLASSES[name]))
    known = {
        key: parameter.default
        for key, parameter in signature.parameters.items()
        if key not in _OURS
    }
    unknown = sorted(set(given) - set(known))
    if unknown:
        raise ValueError(
            f"{name} must have arguments among {', '.join(known)}; got {unknown[0]!r}"
        )
    return _plain(name, known | given)


def _plain(name, values):
    """Arguments as plain values that another process understands as well."""
    from astro_cnnfit.sersic.arguments import parse_zeropoint
    from astro_cnnfit.sersic.sky import parse_pixel_scale

    values = dict(values)
    values["pixel_scale"] = parse_pixel_scale(values["pixel_scale"])
    if "zeropoint" in values and not isinstance(values["zeropoint"], str):
        values["zeropoint"] = parse_zeropoint(values["zeropoint"])
    model = values["model"]
    if not isinstance(model, (str, os.PathLike)):
        raise TypeError(
            f"{name} must have as model the name of a network or a folder, which "
            f"workers can load, got {type(model).__name__}"
        )
    # A worker may run in another folder.
    if Path(model).is_dir():
        values["model"] = str(Path(model).resolve())
    return {
        key: value.item() if isinstance(value, np.generic) else value
        for key, value in values.items()
    }


def _is_number(value):
    return isinstance(value, (int, float, np.number)) and not isinstance(value, bool)


def _check_psf(settings):
    from astro_cnnfit.psf import as_psf_stamps

    one = np.zeros(1)
    oversampling = settings.psf_oversampling
    as_psf_stamps(settings.psf, n=1, positions=(one, one), oversampling=oversampling)


def _digest(psf):
    """Checksum of what a PSF is, the same in every process."""
    from astro_cnnfit.psf.forms import recognised

    psf = recognised(psf)
    if hasattr(psf, "at"):
        psf = getattr(psf, "model", psf)  # of one that was made of stars
        parts = [type(psf).__name__]
        parts += [np.asarray(getattr(psf, one.name), float) for one in fields(psf)]
    elif isinstance(psf, Model):
        parts = [type(psf).__name__, str(psf.param_names), psf.parameters]
        if isinstance(psf, CompoundModel):
            parts.append(str(psf))
        found = (getattr(psf, name, None) for name in _OF_MODELS)
        parts += [np.asarray(value, float) for value in found if value is not None]
    else:
        parts = [parse_image(psf, argument="psf").data]
    digest = hashlib.sha256()
    for part in parts:
        if isinstance(part, np.ndarray):
            digest.update(str(part.shape).encode())
            part = np.ascontiguousarray(part, float).tobytes()
        digest.update(part if isinstance(part, bytes) else part.encode())
    return digest.hexdigest()
