# Licensed under a 3-clause BSD style license - see LICENSE
"""Parts of galaxies that were taken for galaxies of their own."""

import numpy as np

__all__ = ["joined_knots"]

# A part is joined to a brighter one unless its peak is so many times higher than the
# saddle between them ...
_PROMINENCE = 1.1
# ... and so many times where it holds, above the saddle, less than this share of
# the light of a galaxy that covers so many pixels, in squares of the PSF's width.
_OF_KNOTS, _SHARE, _LARGE = 3.0, 0.05, 100.0


def joined_knots(snr, labels, fwhm):
    """
    Join parts that hardly stand out of what they lie on.

    Arms and knots of a spiral are peaks, but the way from one of them to the next
    leads over light that is nearly as bright; that to another galaxy or a star
    leads through a valley.

    Parameters
    ----------
    snr : `~numpy.ndarray`
        (ny, nx) smoothed image.
    labels : `~numpy.ndarray`
        (ny, nx) int, 0 where there is no object.
    fwhm : float
        Width of a point source before smoothing, in pixels.

    Returns
    -------
    `~numpy.ndarray`
        (ny, nx), the labels of what was joined those of the highest peak.
    """
    saddles = _saddles(snr, labels)
    if not saddles:
        return labels
    light = _light(snr, labels, {label for _, *pair in saddles for label in pair})
    owner = np.arange(labels.max() + 1)

    def find(label):
        while owner[label] != label:
            label = owner[label]
        return label

    # From the highest saddle down, so that what is joined counts as one from then on.
    for saddle, first, second in saddles:
        first, second = find(first), find(second)
        if first == second:
            continue
        low, high = sorted((first, second), key=lambda i: (light[i].max(), -i))
        own = np.maximum(light[low] - saddle, 0).sum()
        is_large = light[high].size > _LARGE * fwhm**2
        is_knot = is_large and own < _SHARE * light[high].sum()
        if light[low].max() < saddle * (_OF_KNOTS if is_knot else _PROMINENCE):
            owner[low] = high
            light[high] = np.concatenate([light[high], light.pop(low)])
    return np.array([find(label) for label in range(len(owner))])[labels]


def _light(snr, labels, wanted):
    """Values of the pixels of each label that is wanted."""
    inside = np.isin(labels, list(wanted))
    label, values = labels[inside], snr[inside]
    order = np.argsort(label, kind="stable")
    names, starts = np.unique(label[order], return_index=True)
    parts = np.split(values[order], starts[1:])
    return dict(zip(names.tolist(), parts, strict=True))


def _saddles(snr, labels):
    """Highest points of the borders of labels that touch, the highest first."""
    values, pairs = [], []
    for one, other in (
        ((slice(None), slice(None, -1)), (slice(None), slice(1, None))),
        ((slice(None, -1), slice(None)), (slice(1, None), slice(None))),
    ):
        touch = (labels[one] != labels[other]) & (labels[one] > 0) & (labels[other] > 0)
        ends = np.stack([labels[one][touch], labels[other][touch]], axis=1)
        pairs.append(np.sort(ends, axis=1))
        values.append(np.minimum(snr[one][touch], snr[other][touch]))
    pairs, values = np.concatenate(pairs), np.concatenate(values)
    pairs, group = np.unique(pairs, axis=0, return_inverse=True)
    highest = np.zeros(len(pairs))
    np.maximum.at(highest, group.ravel(), values)
    order = np.argsort(-highest, kind="stable")
    return [(highest[i], *pairs[i].tolist()) for i in order.tolist()]
