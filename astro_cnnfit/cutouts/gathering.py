# Licensed under a 3-clause BSD style license - see LICENSE
"""Where the pixels of stamps lie in an image, and copies of them, edges and all."""

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view

__all__ = ["are_inside", "gather", "gather_all", "placed"]


def placed(position, length, size, factor):
    """Return the stamps' central coordinate, first pixel, and whether it is inside."""
    inside = np.isfinite(position) & (position >= -0.5) & (position < length - 0.5)
    half = 0.5 * (factor % 2)
    # Centres of pixels for odd blocks, corners for even ones.
    origin = np.floor(position + half) + (0.5 - half)
    first = np.where(inside, origin, 0) - (size * factor - 1) / 2
    return origin, np.floor(first + 0.25).astype(int), inside


def gather_all(image, where, width):
    """Copy windows of an image's data, mask and error."""
    data = gather(image.data, where, width, np.nan)
    error = None if image.error is None else gather(image.error, where, width, np.nan)
    if image.mask is None:
        mask = _beyond(image.data.shape[-2:], where, width)
    else:
        mask = gather(image.mask, where, width, True)
    return data, mask, error


def gather(array, where, width, beyond):
    """Copy windows out of (stacked) images, ``beyond`` where there is no image."""
    array = array if array.ndim == 3 else array[np.newaxis]
    planes, y_first, x_first = where
    ny, nx = array.shape[1:]
    if _are_whole_stack(array.shape, where, width):
        window = array[
            :, y_first[0] : y_first[0] + width, x_first[0] : x_first[0] + width
        ]
        if array.dtype == bool:
            return window.copy()
        window.flags.writeable = False
        return window
    result = np.empty((len(planes), width, width), dtype=array.dtype)
    inside = are_inside((ny, nx), where, width)
    if inside.any():
        windows = sliding_window_view(array, (width, width), axis=(1, 2))
        if inside.all():
            return windows[where]
        result[inside] = windows[planes[inside], y_first[inside], x_first[inside]]
    if not inside.all():
        edge = tuple(index[~inside] for index in where)
        rows = edge[1][:, None] + np.arange(width)
        columns = edge[2][:, None] + np.arange(width)
        values = array[
            edge[0][:, None, None],
            np.clip(rows, 0, ny - 1)[:, :, None],
            np.clip(columns, 0, nx - 1)[:, None, :],
        ]
        values[_beyond((ny, nx), edge, width)] = beyond
        result[~inside] = values
    return result


def _are_whole_stack(shape, where, width):
    """Whether the windows are the same part, inside, of each image of a stack."""
    planes, y_first, x_first = where
    return (
        len(planes) == shape[0]
        and len(planes) > 0
        and np.array_equal(planes, np.arange(shape[0]))
        and np.all(y_first == y_first[0])
        and np.all(x_first == x_first[0])
        and 0 <= y_first[0] <= shape[1] - width
        and 0 <= x_first[0] <= shape[2] - width
    )


def are_inside(shape, where, width):
    """Whether windows lie in the image as a whole."""
    _, y_first, x_first = where
    beyond = np.maximum(x_first + width - shape[1], y_first + width - shape[0])
    return (np.minimum(x_first, y_first) >= 0) & (beyond <= 0)


def _beyond(shape, where, width):
    """Pixels of windows that lie beyond the edges of the image."""
    _, y_first, x_first = where
    beyond = np.zeros((len(y_first), width, width), bool)
    edge = ~are_inside(shape, where, width)
    rows = y_first[edge, None] + np.arange(width)
    columns = x_first[edge, None] + np.arange(width)
    rows = (rows < 0) | (rows >= shape[0])
    columns = (columns < 0) | (columns >= shape[1])
    beyond[edge] = rows[:, :, None] | columns[:, None, :]
    return beyond
