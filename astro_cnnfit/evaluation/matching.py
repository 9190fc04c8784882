# Licensed under a 3-clause BSD style license - see LICENSE
"""Which detection is which object, how many are found, and how many are real."""

from typing import NamedTuple

import numpy as np
from astropy.table import Table
from scipy.spatial import KDTree

from astro_cnnfit.inputs import parse_positions

__all__ = ["Match", "completeness_and_purity", "match_catalogs"]


class Match(NamedTuple):
    """Pairs of rows of two catalogues; no row is in two of them."""

    truth: np.ndarray
    """(K,) rows of the first catalogue, in ascending order."""
    found: np.ndarray
    """(K,) rows of the second one that go with them."""
    distance: np.ndarray
    """(K,) in pixels."""

    def has_partner(self, n_truth, n_found):
        """
        Which rows of each catalogue are in a pair.

        Parameters
        ----------
        n_truth, n_found : int
            Lengths of the catalogues.

        Returns
        -------
        truth, found : `~numpy.ndarray` of bool
            (n_truth,) and (n_found,).
        """
        flags = np.zeros(n_truth, bool), np.zeros(n_found, bool)
        flags[0][self.truth] = flags[1][self.found] = True
        return flags


def match_catalogs(truth, found, radius):
    """
    Match two catalogues one to one, the nearest pairs first.

    Parameters
    ----------
    truth, found : `~astropy.table.Table` or array_like
        N and M positions in pixels, as `~astro_cnnfit.inputs.parse_positions` takes
        them: tables, or arrays (N, 2).
    radius : float
        Largest distance of a pair, in pixels.

    Returns
    -------
    `Match`
        Of pairs that are equally near the one with the earlier rows counts: put the
        brightest first. Positions that are not finite have no partner.

    Raises
    ------
    ValueError
        If ``radius`` is not positive.
    """
    if not 0 < radius < np.inf:
        raise ValueError(f"radius must be positive, got {radius}")
    places, rows = zip(
        *(_finite(catalogue) for catalogue in (truth, found)), strict=True
    )
    if min(map(len, rows)) == 0:
        return Match(np.zeros(0, int), np.zeros(0, int), np.zeros(0))
    near = KDTree(places[0]).sparse_distance_matrix(
        KDTree(places[1]), radius, output_type="ndarray"
    )
    order = np.lexsort((near["j"], near["i"], near["v"]))
    taken = set(), set()
    pairs = []
    for i, j, distance in near[order].tolist():
        if i not in taken[0] and j not in taken[1]:
            taken[0].add(i)
            taken[1].add(j)
            pairs.append((i, j, distance))
    pairs = np.array(sorted(pairs)).reshape(-1, 3)
    first, second = pairs[:, :2].astype(int).T
    return Match(rows[0][first], rows[1][second], pairs[:, 2])


def _finite(catalogue):
    positions = parse_positions(catalogue)
    places = np.column_stack([positions.x, positions.y])
    rows = np.flatnonzero(np.isfinite(places).all(axis=1))
    return places[rows], rows


def completeness_and_purity(match, truth_values, found_values, edges):
    """
    How many objects are found, and how many detections are objects, in bins.

    Parameters
    ----------
    match : `Match`
        What `match_catalogs` returned.
    truth_values, found_values : array_like, shape (N,) and (M,)
        What is binned, such as the magnitude or S/N of every row: true ones for
        the completeness, measured ones for the purity.
    edges : array_like, shape (K + 1,)
        Edges of the bins, ascending.

    Returns
    -------
    `~astropy.table.Table`
        A row a bin: ``low``, ``high``, ``n_truth``, ``completeness``, ``n_found``,
        ``purity``. NaN where a bin is empty.
    """
    truth_values, found_values = np.asarray(truth_values), np.asarray(found_values)
    edges = np.asarray(edges, dtype=float)
    flags = match.has_partner(len(truth_values), len(found_values))
    table = Table({"low": edges[:-1], "high": edges[1:]})
    columns = ("n_truth", "completeness"), ("n_found", "purity")
    for names, values, flag in zip(
        columns, (truth_values, found_values), flags, strict=True
    ):
        number = np.histogram(values, edges)[0]
        paired = np.histogram(values[flag], edges)[0]
        table[names[0]] = number
        with np.errstate(invalid="ignore"):
            table[names[1]] = paired / number
    return table
