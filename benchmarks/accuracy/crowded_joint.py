# Licensed under a 3-clause BSD style license - see LICENSE
"""AstroPhot's joint fits of galaxies in a crowded field, beside ours of the same."""

import json
import time

import numpy as np
from crowded_scores import COLUMNS, summary

__all__ = ["GOAL_DENSITY", "joint"]

GOAL_DENSITY = 2
"""Density at which the goal is set, in that of KiDS."""
# Pixels on a side of the cut-outs whose objects are fitted together.
JOINT = 71


def joint(field, detections, rows, true, tables, arguments):
    """AstroPhot's joint fits of some galaxies, beside ours of the same ones."""
    place = np.column_stack([detections["x_centroid"], detections["y_centroid"]])
    margin = JOINT // 2
    inside = np.all((place[rows] > margin) & (place[rows] < arguments.side - margin), 1)
    rng = np.random.default_rng(arguments.seed)
    some = rng.permutation(np.flatnonzero(inside))[: arguments.n_joint]
    if arguments.joint_from:
        earlier = json.loads(arguments.joint_from.read_text())["densities"]
        found = earlier[f"{GOAL_DENSITY}"]["joint"]
        if found["number"] != len(some) or found["failed"]:
            raise SystemExit("--joint-from: other galaxies, or fits that failed")
        return found | joint_scores(tables, some, true)
    try:
        from peers.astrophot_joint import fit_scene
    except ImportError as error:
        return {"not_run": str(error)}
    seconds = []
    params, errors = np.full((2, len(some), 7), np.nan)
    for number, index in enumerate(some):
        corner = np.rint(place[rows[index]]).astype(int) - margin
        part = tuple(slice(first, first + JOINT) for first in corner[::-1])
        near = np.all(np.abs(place - place[rows[index]]) < margin + 5, axis=1)
        near[rows[index]] = False
        objects = np.r_[rows[index], np.flatnonzero(near)]
        guesses = guess(detections[objects])
        guesses[:, :2] -= corner
        start = time.perf_counter()
        try:
            params[number], errors[number] = fit_scene(
                field.image[part], field.psf, field.error[part], guesses
            )
            params[number, :2] += corner
        except Exception as error:  # a fit that fails is a result, too
            print(f"AstroPhot: {type(error).__name__}: {error}"[:100])
        seconds.append(time.perf_counter() - start)
    good = np.isfinite(params).all(axis=1)
    found = {"number": len(some), "failed": int(np.sum(~good))}
    found["seconds"] = float(np.median(seconds))
    found |= joint_scores(tables, some[good], true)
    table = summary(params[good], true[some[good]])
    found["AstroPhot"] = {r["metric"]: {c: float(r[c]) for c in COLUMNS} for r in table}
    return found


def joint_scores(tables, some, true):
    """What our methods make of the same galaxies."""
    found = {}
    for name, (values, _, _) in tables.items():
        table = summary(values[some], true[some])
        found[name] = {r["metric"]: {c: float(r[c]) for c in COLUMNS} for r in table}
    return found


def guess(detections):
    """What the finder says, as parameters."""
    axes = np.asarray(detections["b"]) / np.asarray(detections["a"])
    theta = detections["theta"]
    theta = theta.to_value("rad") if hasattr(theta, "to_value") else np.radians(theta)
    return np.column_stack(
        [
            *(detections["x_centroid"], detections["y_centroid"]),
            np.maximum(detections["flux"], 1e-3),
            np.clip(np.nan_to_num(detections["r_eff_init"], nan=2.0), 1.0, 30.0),
            np.full(len(detections), 1.5),
            np.clip(1 - axes, 0.05, 0.8),
            theta,
        ]
    )
