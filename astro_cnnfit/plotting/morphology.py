# Licensed under a 3-clause BSD style license - see LICENSE
"""Where morphology is measured on a galaxy, and what it is made of."""

import numpy as np

from astro_cnnfit.figure_style import BLUE, DIFFERENCE_MAP, ORANGE, axes_for, pyplot
from astro_cnnfit.inputs import parse_image

from .pixels import asinh_norm, colour_bar, label_axes, robust_sigma, show, sky_of

__all__ = ["plot_morphology"]

# Semi-major axis of the aperture in Petrosian radii, and of what is drawn.
_APERTURE, _VIEW = 1.5, 2.0
# The residual's colours end here at least, in noises of the sky.
_LEAST_LIMIT = 5.0
_RADII = {"r20": "$r_{20}$", "r50": "$r_{50}$", "r80": "$r_{80}$"}


def plot_morphology(
    image, table, *, row=0, segmap=None, mask=None, bad_bits=None, limit=None, wcs=None,
    axes=None,
):  # fmt: skip
    """
    Draw a galaxy's apertures, its asymmetry and its growth curve.

    Three panels: the galaxy with the Petrosian ellipse, the aperture of 1.5 Petrosian
    radii and the ellipses that hold 20 % and 80 % of its light; the image minus itself
    turned by 180 degrees about the centre of asymmetry; and the light within growing
    ellipses, beside the ratio of the surface brightness to the mean within, which
    defines the Petrosian radius where it falls to 0.2.

    Parameters
    ----------
    image : array_like, `~astropy.units.Quantity`, `~astropy.nddata.NDData` or HDU
        What was measured: one image, or a stack.
    table : `~astropy.table.Table`, `~astropy.table.Row` or measurer
        What `~astro_cnnfit.CNNCASMeasurer` or `~astro_cnnfit.ClassicalCASMeasurer`
        returned, or one of these after its call.
    row : int
        Which galaxy of the table, and of a stack.
    segmap : array_like of int, optional
        The segmentation map of the call: pixels of other sources than ``id`` are left
        out. Without it only those of ``mask`` are.
    mask : array_like of bool or int, optional
        True or nonzero for pixels to leave out.
    bad_bits : sequence of int and str, optional
        Bits of the mask that make a pixel bad, as of the measurer's call.
    limit : float, optional
        The residual's colours end at plus and minus this many noises of the sky. By
        default 5, or more if 2 % of the aperture's pixels are beyond.
    wcs : `~astropy.wcs.WCS`, optional
        On which images of a new figure are drawn; that of ``image`` by default, if it
        has one.
    axes : sequence of three `~matplotlib.axes.Axes`, optional
        Where to draw; the first two may be
        `~astropy.visualization.wcsaxes.WCSAxes`. By default a new figure is made.

    Returns
    -------
    `~numpy.ndarray` of three `~matplotlib.axes.Axes`

    Raises
    ------
    ImportError
        If matplotlib is not installed: it comes with the extra ``plot``.
    ValueError
        If ``table`` has no morphology or none of that row, shapes differ or ``axes``
        are not three.

    Notes
    -----
    Radii are those of circles where ``table`` has no ellipticity
    (``method='network'``), or its definition takes circles. The curves are made from
    ``image``, less the sky of the table; pixels that are left out are replaced by
    those on the other side of the galaxy. Values of a network, which are written above
    the panels, are those without noise and need not be those of the curves.
    """
    measured = _measured(table, row)
    image = parse_image(image, mask=mask, bad_bits=bad_bits, argument="image")
    pixels, valid = _one_galaxy(image, row, segmap, measured.pop("id"))
    part = _cut(pixels, valid, measured)
    wcs = sky_of(image, wcs)
    axes = _new_axes(wcs) if axes is None else axes
    axes = axes_for(axes, 1, 3, figsize=None)
    _draw_image(axes[0], part, measured, image.unit)
    _draw_asymmetry(axes[1], part, measured, limit)
    label_axes(axes[:2])
    _draw_growth(axes[2], part, measured)
    return axes


def _measured(table, row):
    """What is drawn of one galaxy, as plain numbers."""
    if hasattr(table, "decode_flags"):
        if table.results is None:
            raise ValueError(
                "plot_morphology needs results: call the measurer with an image first"
            )
        table = table.results
    meta = getattr(table, "meta", {})
    galaxy = table[row] if hasattr(table, "add_column") else table
    needed = ("xc_asymmetry", "yc_asymmetry", "rpetro_ellip")
    names = (*needed, "id", "ellip", "theta", "rpetro_circ", "local_bkg", "sky_sigma")
    names += (*_RADII, "concentration", "asymmetry")
    names += ("concentration_err", "asymmetry_err")
    found = {name: _number(galaxy, name) for name in names}
    for name in needed:
        if not np.isfinite(found[name]):
            raise ValueError(f"table must have a finite {name} in row {row}, got nan")
    return found | _geometry(found, meta.get("definition", "tohill2021"))


def _number(galaxy, name):
    if name not in galaxy.colnames:
        return np.nan
    value = galaxy[name]
    if name == "theta" and hasattr(value, "to_value"):
        return float(value.to_value("rad"))
    value = float(getattr(value, "value", value))
    return np.radians(value) if name == "theta" else value


def _geometry(found, definition):
    """Ellipse, Petrosian radius and interpolation of a definition."""
    from astro_cnnfit.morphology.apertures import Ellipse
    from astro_cnnfit.morphology.definitions import find_definition

    definition = find_definition(definition)
    centre = found["xc_asymmetry"], found["yc_asymmetry"]
    ellipse, radius = Ellipse(*centre), found["rpetro_ellip"]
    if definition.aperture == "ellipse" and np.isfinite(found["ellip"]):
        ellipse = Ellipse(*centre, 1 - found["ellip"], found["theta"])
    elif definition.aperture == "circle" and np.isfinite(found["rpetro_circ"]):
        radius = found["rpetro_circ"]
    return {"ellipse": ellipse, "radius": radius, "order": definition.order}


def _one_galaxy(image, row, segmap, label):
    values, bad = image.data, image.mask
    bad = np.zeros(values.shape, bool) if bad is None else bad
    if segmap is not None:
        segmap = np.asarray(getattr(segmap, "data", segmap))
        if segmap.shape != values.shape:
            raise ValueError(
                f"segmap must have the shape of image, {values.shape}, got "
                f"{segmap.shape}"
            )
        own = label if values.ndim == 2 else segmap[row][tuple(
            length // 2 for length in segmap.shape[1:]
        )]  # fmt: skip
        bad = bad | ((segmap != 0) & (segmap != own))
    if values.ndim == 3:
        values, bad = values[row], bad[row]
    return values, ~bad


def _cut(pixels, valid, measured):
    """The part of the image that is drawn: sky-free, and where it begins."""
    ellipse, reach = measured["ellipse"], _VIEW * measured["radius"] + 2
    sides = [
        slice(max(0, int(centre - reach)), max(0, int(centre + reach) + 2))
        for centre in (ellipse.yc, ellipse.xc)
    ]
    pixels, valid = pixels[tuple(sides)], valid[tuple(sides)]
    if not valid.any():
        raise ValueError("image must have valid pixels where table has the galaxy")
    sky, sigma = measured["local_bkg"], measured["sky_sigma"]
    pixels = np.where(valid, pixels - (sky if np.isfinite(sky) else 0.0), np.nan)
    if not sigma > 0:
        sigma = robust_sigma(pixels)
    first = sides[1].start, sides[0].start
    moved = ellipse._replace(xc=ellipse.xc - first[0], yc=ellipse.yc - first[1])
    return {"pixels": pixels, "first": first, "ellipse": moved, "sigma": sigma,
            **_whole(pixels, valid, moved)}  # fmt: skip


def _whole(pixels, valid, ellipse):
    """The galaxy with its gaps filled from its other side, and where that is known."""
    from astro_cnnfit.morphology.rotation import partner_valid

    ny, nx = pixels.shape
    y, x = np.nonzero(~valid)
    other_y = np.rint(2 * ellipse.yc - y).astype(int)
    other_x = np.rint(2 * ellipse.xc - x).astype(int)
    inside = (other_y >= 0) & (other_y < ny) & (other_x >= 0) & (other_x < nx)
    filled = np.where(valid, pixels, 0.0)
    known = valid.copy()
    y, x, other_y, other_x = (v[inside] for v in (y, x, other_y, other_x))
    filled[y, x] = filled[other_y, other_x]
    known[y, x] = valid[other_y, other_x]
    pairs = partner_valid(valid, ellipse.xc, ellipse.yc, (0, ny, 0, nx))
    return {"filled": filled, "known": known, "pairs": pairs}


def _new_axes(wcs):
    figure = pyplot().figure(figsize=(12, 3.6), layout="constrained")
    first = figure.add_subplot(1, 3, 1, projection=wcs)
    second = figure.add_subplot(1, 3, 2, projection=wcs, sharex=first, sharey=first)
    if wcs is None:
        second.tick_params(labelleft=False)
    return [first, second, figure.add_subplot(1, 3, 3)]


def _outline(axis, ellipse, radius, line, label=None, *, colour="w"):
    """An ellipse; a white one stands out from light and dark alike."""
    from matplotlib.patches import Ellipse
    from matplotlib.patheffects import Stroke

    patch = Ellipse(
        (ellipse.xc, ellipse.yc), 2 * radius, 2 * radius * ellipse.q,
        angle=np.degrees(ellipse.theta), fill=False, edgecolor=colour, linewidth=1.4,
        linestyle=line, label=label,
    )  # fmt: skip
    if colour == "w":
        patch.set_path_effects([Stroke(linewidth=2.6, foreground="0.1"), Stroke()])
    axis.add_patch(patch)


def _draw_image(axis, part, measured, unit):
    norm = asinh_norm(part["sigma"], part["pixels"])
    drawn = show(axis, part["pixels"], first=part["first"], norm=norm)
    colour_bar(
        axis, drawn, "per pixel" + ("" if unit is None else f" ({unit})"), norm=norm
    )
    ellipse, radius = measured["ellipse"], measured["radius"]
    _outline(axis, ellipse, radius, "-", r"$R_\mathrm{p}$")
    _outline(axis, ellipse, _APERTURE * radius, ":", r"1.5 $R_\mathrm{p}$")
    for name, label in (("r20", "$r_{20}$, $r_{80}$"), ("r80", None)):
        if np.isfinite(measured[name]):
            _outline(axis, ellipse, measured[name], "--", label)
    axis.legend(loc="lower left", fontsize=8, labelcolor="w", facecolor="0.25")
    axis.set_title("image")


def _draw_asymmetry(axis, part, measured, limit):
    from astro_cnnfit.morphology.apertures import coverage
    from astro_cnnfit.morphology.rotation import clipped_box, rotatable, rotated

    ellipse, (ny, nx) = part["ellipse"], part["pixels"].shape
    y0, y1, x0, x1 = box = clipped_box((0, ny, 0, nx), ellipse.xc, ellipse.yc, (ny, nx))
    residual = np.full((ny, nx), np.nan)
    source = rotatable(part["filled"], measured["order"])
    turned = rotated(source, ellipse.xc, ellipse.yc, box)
    residual[y0:y1, x0:x1] = part["filled"][y0:y1, x0:x1] - turned
    residual = np.where(part["pairs"], residual, np.nan) / part["sigma"]
    inside = coverage(ellipse, _APERTURE * measured["radius"], (0, ny, 0, nx)) > 0.5
    if limit is None:
        beyond = np.abs(residual[inside & np.isfinite(residual)])
        limit = max(_LEAST_LIMIT, np.percentile(beyond, 98) if beyond.size else 0)
    style = {"cmap": DIFFERENCE_MAP, "vmin": -limit, "vmax": limit}
    drawn = show(axis, residual, first=part["first"], **style)
    colour_bar(axis, drawn, "image - turned image (sky sigma)")
    aperture = _APERTURE * measured["radius"]
    _outline(axis, measured["ellipse"], aperture, ":", colour="0.1")
    centre = measured["ellipse"].xc, measured["ellipse"].yc
    axis.plot(*centre, "+", color="k", markersize=9)
    axis.set_title(_written("asymmetry $A$", measured, "asymmetry", 3))


def _draw_growth(axis, part, measured):
    from astro_cnnfit.morphology.growth import flux_within, growth_curve
    from astro_cnnfit.morphology.petrosian import ETA, petrosian_ratio

    radius = measured["radius"]
    growth = growth_curve(
        part["filled"], part["known"], part["ellipse"], _VIEW * radius
    )
    total = flux_within(growth, _APERTURE * radius)
    fraction = growth.flux / total if total > 0 else np.full_like(growth.flux, np.nan)
    axis.plot(growth.radii, fraction, color=BLUE, linewidth=2, label="light within $R$")
    axis.plot(
        *petrosian_ratio(growth), color=ORANGE, linestyle="--", marker=".",
        label=r"$I(R)$ / mean within",
    )  # fmt: skip
    axis.axhline(ETA, color="0.4", linewidth=0.8, linestyle=":")
    places = {label: measured[name] for name, label in _RADII.items()}
    for label, place in (places | {r"$R_\mathrm{p}$": radius}).items():
        if np.isfinite(place):
            axis.axvline(place, color="0.4", linewidth=0.8)
            axis.annotate(
                label, (place, 1.17), xytext=(2, 0), textcoords="offset points",
                va="center", fontsize=9,
            )  # fmt: skip
    kind = "radius" if measured["ellipse"].q == 1 else "semi-major axis"
    axis.set(xlim=(0, _VIEW * radius), ylim=(0, 1.25), xlabel=f"{kind} (pixels)")
    axis.set_ylabel("fraction")
    axis.legend(loc="center right", fontsize=9)
    axis.set_title(_written("concentration $C$", measured, "concentration", 2))


def _written(label, measured, name, places):
    value, error = measured[name], measured[f"{name}_err"]
    text = f"{label} = {value:.{places}f}"
    return text + (f" ± {error:.{places}f}" if np.isfinite(error) else "")
