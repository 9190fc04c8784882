# Licensed under a 3-clause BSD style license - see LICENSE
"""Table of the PSFs that are made of stars, beside what they are."""

from benchmark_results import NOT_RUN, read
from generated_pages import list_table

__all__ = ["PARTS"]

METHODS = {"degree 0": "``psf_from_stars``", "degree 1": "``degree=1``"}


def from_stars():
    """Errors of the width and of all pixels, by the width of the PSF."""
    result = read("psf_from_stars")
    if result is None:
        return NOT_RUN
    text = (
        f"Mean of {result['settings']['fields']} fields each, seed {result['seed']}, "
        f"measured on {result['date']}; in each cell the error of the FWHM and the sum "
        "of the absolute differences of all pixels, in per cent:"
    )
    parts = [text]
    for kind, widths in result["kinds"].items():
        first = next(iter(widths.values()))
        names = [METHODS.get(name, name) for name in first]
        rows = [("FWHM (pixels)", "stars used (of which none)", *names)]
        for width, methods in widths.items():
            own = next(iter(methods.values()))
            cells = [
                f"{100 * one['fwhm']:.1f}, {100 * one['difference']:.1f}"
                for one in methods.values()
            ]
            count = f"{own['stars']:.0f} ({own['not stars']:.1f})"
            rows.append((width, count, *cells))
        parts += [f"**{kind[0].upper()}{kind[1:]}**", list_table(rows, _HEADER)]
    return "\n\n".join(parts)


_HEADER = "   :header-rows: 1"

PARTS = {"psf_from_stars.inc": from_stars}
