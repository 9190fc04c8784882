# Licensed under a 3-clause BSD style license - see LICENSE
"""
A narrower network's weights from those of a trained, wider one.

Channels that carry least are left out (Li et al. 2017, "Pruning Filters for
Efficient ConvNets"); what is left is a better start than random numbers.
"""

import numpy as np

__all__ = ["narrowed_sersic"]

# Arrays of the PSF's path, which come first and stay as they are.
_PSF_ARRAYS = 6
# Central pixels of both channels, which go straight to the dense layers.
_CORE = 2 * 17**2


def narrowed_sersic(arrays, filters):
    """
    Weights of the Sersic network with fewer filters.

    Parameters
    ----------
    arrays : list of `~numpy.ndarray`
        Weights of the wide network, with one residual block at each resolution, in
        the network's order.
    filters : sequence of int
        Filters of the narrow network, no more than those of the wide one.

    Returns
    -------
    list of `~numpy.ndarray`
        Weights of the narrow network. Of each group of channels those stay whose
        weights, on their way in and out, are largest.

    Raises
    ------
    ValueError
        If the network is another one, or has fewer filters.
    """
    psf, rest = arrays[:_PSF_ARRAYS], arrays[_PSF_ARRAYS:]
    levels = [rest[8 * i : 8 * i + 8] for i in range(len(filters))]
    head = rest[8 * len(filters) :]
    known = [len(level) == 8 and level[2].ndim == 4 for level in levels]
    if not all(known) or not head or head[0].shape[:2] != (1, 1):
        raise ValueError(
            f"arrays must be those of a network of {len(filters)} resolutions with one "
            f"residual block each, got {len(arrays)} arrays"
        )
    wide = [level[2].shape[-1] for level in levels]
    if any(new > old for new, old in zip(filters, wide, strict=True)):
        raise ValueError(f"filters must be no more than {wide}, got {list(filters)}")
    # What each level's channels go into.
    after = [level[2] for level in levels[1:]] + [head[0]]
    kept = [
        _largest(number, _on_the_way(level[2], level[6]), _out(level[4], following))
        for number, level, following in zip(filters, levels, after, strict=True)
    ]
    before = [np.arange(levels[0][2].shape[2]), *kept]
    narrow = list(psf)
    for level, old, new in zip(levels, before, kept, strict=False):
        narrow += _level(level, old, new)
    others = len(levels[0][0]) + _CORE
    return [*narrow, *_head(head, kept[-1], max(filters[-1] // 4, 1), others)]


def _on_the_way(*kernels):
    """Squares of the weights by output channel."""
    return sum(np.sum(kernel**2, axis=(0, 1, 2)) for kernel in kernels)


def _out(*kernels):
    """Squares of the weights by input channel."""
    return sum(np.sum(kernel**2, axis=(0, 1, 3)) for kernel in kernels)


def _largest(number, into, out_of):
    """Places, in order, of the channels with the largest weights in and out."""
    return np.sort(np.argsort(-into * out_of, kind="stable")[:number])


def _level(arrays, before, kept):
    """Modulation, strided convolution and residual block of one resolution."""
    scale, shift, entry, entry_bias, first, first_bias, second, second_bias = arrays
    inner = _largest(len(kept), _on_the_way(first), _out(second))
    both = np.concatenate([kept, entry.shape[-1] + kept])
    return [
        scale[:, both], shift[both],
        entry[:, :, before][..., kept], entry_bias[kept],
        first[:, :, kept][..., inner], first_bias[inner],
        second[:, :, inner][..., kept], second_bias[kept],
    ]  # fmt: skip


def _head(arrays, kept, number, others):
    """Last convolution and dense layers, the first of which sees others, too."""
    last, last_bias, dense = arrays[:3]
    old = last.shape[-1]
    # The dense layer takes position by position, and then what is not convolved.
    positions = (len(dense) - others) // old
    rows = np.arange(positions * old).reshape(positions, old)
    weight = np.sum(dense[rows] ** 2, axis=(0, 2))
    channels = _largest(number, _on_the_way(last), weight)
    places = [rows[:, channels].ravel(), np.arange(rows.size, len(dense))]
    return [
        last[:, :, kept][..., channels],
        last_bias[channels],
        dense[np.concatenate(places)],
        *arrays[3:],
    ]
