# Licensed under a 3-clause BSD style license - see LICENSE
"""A network with its weights and its calibration, ready to measure."""

import numpy as np
from keras import ops
from tqdm.auto import tqdm

from astro_cnnfit.compiled import compiled
from astro_cnnfit.networks import ARCHITECTURES, build

from .checking import check_shapes
from .files import is_bundled, read_arrays, read_description
from .precision import POLICIES, known_precision

__all__ = ["Network", "batches_of", "calibrate", "load_network"]

# Each batch size is a fourth of the one before, down to one of which a pass costs
# as much in starting as in computing. A batch is worth it from so much of it on.
_STEP, _SMALLEST, _FILLED = 4, 8, 0.625


class Network:
    """
    A trained network.

    Parameters
    ----------
    model : keras.Model
        Network with its weights.
    description : dict
        What ``model.json`` holds.
    precision : str
        Of the inner arithmetic of ``model``.

    Attributes
    ----------
    name : str
    needs_psf : bool
    stamp_size, psf_size : int
        Pixels on a side; ``psf_size`` is None for a network without PSF.
    trained_ranges : dict
        Smallest and largest value of ``r_eff``, ``n``, ``ellip``,
        ``psf_fwhm`` (pixels) and ``snr`` seen in training. ``snr`` is that within
        the effective radius, from the noise of the sky alone
        (`~astro_cnnfit.parameters.effective_snr`).
    description : dict
    sha256 : str
        Checksum of the weights.
    precision : str
    """

    def __init__(self, model, description, precision="float32"):
        self.model = model
        self.precision = known_precision(precision)
        self.description = description
        self.architecture = ARCHITECTURES[description["architecture"]]
        self.name = description.get("name", description["architecture"])
        self.needs_psf = self.architecture.needs_psf
        sizes = [shape[1] for shape in model.input_shape] if self.needs_psf else []
        self.stamp_size = sizes[0] if sizes else _only_shape(model)[1]
        self.psf_size = sizes[1] if sizes else None
        self.trained_ranges = description["trained_ranges"]
        self.sha256 = description["sha256"]
        self.forward = compiled(self._forward)

    def _forward(self, *inputs):
        return self.model(list(inputs), training=False)

    def predict(self, stamps, psfs=None, *, batch_size=512, progress_bar=False):
        """
        Measure stamps.

        Parameters
        ----------
        stamps : `~numpy.ndarray` or tensor
            (N, size, size) finite, in units of the sky noise of a pixel. Tensors of
            the backend stay on their device.
        psfs : `~numpy.ndarray` or tensor, optional
            (N, psf_size, psf_size) or (1, ...), of unit sum.
        batch_size : int
            Stamps per pass, at most; what is left over goes in smaller ones, of a
            fixed few sizes, as each new size is traced.
        progress_bar : bool
            Show a bar.

        Returns
        -------
        latent : `~numpy.ndarray`
            (N, K) float64 in the order of ``architecture.latent``:
            `astro_cnnfit.parameters.LATENT_NAMES` or
            `astro_cnnfit.measures.LATENT_MEASURES`.
        covariance : `~numpy.ndarray`
            (N, K, K) float64, calibrated.

        Raises
        ------
        ValueError
            If the network needs PSFs and none are given, or shapes do not fit.
        """
        inputs = [_checked(stamps, "stamps", self.stamp_size)]
        if self.needs_psf:
            if psfs is None:
                raise ValueError(f"psf must be given: network {self.name!r} needs one")
            psfs = _checked(psfs, "psf", self.psf_size)
            if len(psfs) not in (1, len(stamps)):
                raise ValueError(
                    f"psf must hold 1 or {len(stamps)} PSFs, got {len(psfs)}"
                )
            inputs.append(psfs)
        n = len(stamps)
        batches = tqdm(
            list(batches_of(n, batch_size)), disable=not progress_bar, unit="batch"
        )
        outputs = self._outputs(inputs, batches, n)
        empty = np.zeros((0, self.model.output_shape[-1]))
        output = np.concatenate([empty, *outputs])
        mean, covariance = self.architecture.posterior(output)
        calibration = self.description["calibration"]
        return calibrate(mean, covariance, calibration, self.architecture.latent)

    def _outputs(self, inputs, batches, n):
        """Outputs of batches, without what was shown again."""
        found = []
        for start, size in batches:
            # The last one shows some again rather than be padded.
            first = max(min(start, n - size), 0)
            parts = [_batch(array, first, size, n) for array in inputs]
            found.append((self.forward(*parts), start - first, n - first))
            if len(found) > 1:
                # A device has the next batch before the last one is asked for.
                found[-2] = _rows(*found[-2])
        return [*found[:-1], *(_rows(*last) for last in found[-1:])]


def batches_of(n, batch_size):
    """
    How stamps go through a network: in few passes, of few sizes, with few in vain.

    Parameters
    ----------
    n : int
        Number of stamps.
    batch_size : int
        Largest batch.

    Yields
    ------
    start, size : int
        First stamp and size of each batch: the largest, a fourth of it, a fourth of
        that and so on, but not below 8, nor below ``n`` where that is 1. The last
        batch may reach beyond ``n``.
    """
    sizes = [batch_size]
    while sizes[-1] // _STEP >= _SMALLEST:
        sizes.append(sizes[-1] // _STEP)
    if n == 1:
        sizes = [1]
    start = 0
    while start < n:
        rest = n - start
        size = next((size for size in sizes if rest >= _FILLED * size), sizes[-1])
        yield start, size
        start += size


def _batch(array, first, size, n):
    """Rows of an array of n, or its one row, as often as a batch has them."""
    count = len(array)
    if count == n and n >= size:
        if isinstance(array, np.ndarray):
            return array[first : first + size]
        return ops.slice(array, (first, 0, 0), (size, *array.shape[1:]))
    # One for all, or fewer than a batch: the last one is repeated.
    if isinstance(array, np.ndarray):
        return np.concatenate([array, np.repeat(array[-1:], size - count, axis=0)])
    return ops.concatenate([array, ops.repeat(array[-1:], size - count, axis=0)])


def _rows(output, start, stop):
    return ops.convert_to_numpy(output)[start:stop]


def calibrate(mean, covariance, calibration, latent):
    """
    Apply what held-out scenes said about the errors.

    Parameters
    ----------
    mean : `~numpy.ndarray`
        (N, K)
    covariance : `~numpy.ndarray`
        (N, K, K)
    calibration : dict
        ``scale``, a factor on each standard deviation, and ``covariance``
        (K, K), added after that. With ``slopes`` (K, M) the logarithm of the
        factor changes linearly with the M latent ``features``, less their
        ``centre``, over their ``width``, kept within ``clip`` of zero.
    latent : sequence of str
        Names of the K quantities.

    Returns
    -------
    mean, covariance : `~numpy.ndarray`
    """
    scale = np.asarray(calibration["scale"], dtype=float)
    added = np.asarray(calibration["covariance"], dtype=float)
    if "slopes" in calibration:
        index = [latent.index(name) for name in calibration["features"]]
        seen = (mean[:, index] - calibration["centre"]) / calibration["width"]
        seen = np.clip(seen, -calibration["clip"], calibration["clip"])
        scale = scale * np.exp(seen @ np.transpose(calibration["slopes"]))
    else:
        scale = np.broadcast_to(scale, mean.shape)
    return mean, covariance * scale[:, :, None] * scale[:, None, :] + added


def load_network(name_or_path="sersic", *, precision="float32"):
    """
    Load a network with its weights.

    Parameters
    ----------
    name_or_path : str or path-like
        ``'sersic'`` (the default network), ``'sersic_wide'``, ``'galnet1'`` or
        ``'galnet2'``;
        ``'cas'``, ``'casnet_a'`` or ``'casnet_c'`` for morphology; or a folder
        that a training run wrote.
    precision : {'float32', 'bfloat16'}
        Of the network's inner arithmetic. 'bfloat16' is up to 1.7 times faster
        on processors that have it. What it costs is in the model's description;
        the measurers refuse it where that is too much, this function does not.

    Returns
    -------
    `Network`

    Raises
    ------
    ValueError
        If there is no such model, its files are damaged, or the precision is
        neither.
    """
    known_precision(precision)
    folder, description = read_description(name_or_path)
    arrays = read_arrays(folder, description["sha256"])
    if not is_bundled(folder):
        try:
            check_shapes(description, arrays)
        except ValueError as error:
            raise ValueError(f"model's {error}: {folder}") from None
    model = build(
        description["architecture"],
        policy=POLICIES[precision],
        **description["arguments"],
    )
    model.set_weights(arrays)
    return Network(model, {"name": folder.name, **description}, precision)


def _only_shape(model):
    shape = model.input_shape
    return shape[0] if isinstance(shape, list) else shape


def _checked(array, argument, size):
    if ops.is_tensor(array):
        array = ops.cast(array, "float32")
    else:
        array = np.asarray(array, dtype=np.float32)
    if array.ndim != 3 or tuple(array.shape[1:]) != (size, size):
        raise ValueError(
            f"{argument} must have shape (N, {size}, {size}), got {tuple(array.shape)}"
        )
    return array
