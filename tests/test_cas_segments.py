# Licensed under a 3-clause BSD style license - see LICENSE
"""Tests of what is measured: labels, positions, stacks."""

import numpy as np
import pytest
from astropy.io import fits

from astro_cnnfit import flags
from astro_cnnfit.inputs import parse_image
from astro_cnnfit.morphology.segments import parse_segmap, sources_of

SHAPE = (40, 60)


def segmap():
    labels = np.zeros(SHAPE, int)
    labels[10:20, 5:25] = 3
    labels[30:40, 40:50] = 9
    labels[2, 50] = 11
    return labels


def image():
    return parse_image(np.ones(SHAPE), argument="image")


class Segmentation:
    """Stands in for photutils's class, which holds its labels in ``data``."""

    def __init__(self, data):
        self.data = data


@pytest.mark.parametrize(
    "form",
    [
        lambda labels: labels.astype(">i4"),
        lambda labels: labels.astype(np.uint8),
        lambda labels: labels.tolist(),
        lambda labels: np.ma.array(labels, mask=labels < 0),
        Segmentation,
        fits.ImageHDU,
    ],
)
def test_forms_of_a_map(form):
    labels = parse_segmap(form(segmap()), SHAPE)
    assert labels.dtype.kind in "iu"
    assert labels.dtype.isnative
    assert np.array_equal(labels, segmap())


def test_a_mask_is_a_map_of_one_galaxy():
    assert np.array_equal(parse_segmap(segmap() > 0, SHAPE), segmap() > 0)


def test_bad_maps():
    with pytest.raises(TypeError, match=r"segmap must be .* integers.* float64"):
        parse_segmap(segmap().astype(float), SHAPE)
    with pytest.raises(ValueError, match=r"segmap must have the shape .*\(40, 60\)"):
        parse_segmap(segmap().T, SHAPE)
    with pytest.raises(ValueError, match="negative label -1"):
        parse_segmap(segmap() - 1, SHAPE)


def test_all_labels():
    sources = sources_of(image(), segmap())
    assert sources.ids.tolist() == [3, 9, 11]
    assert np.allclose(sources.x, [14.5, 44.5, 50])
    assert np.allclose(sources.y, [14.5, 34.5, 2])
    assert sources.extent.tolist() == [10, 5, 0.5]
    assert sources.flags.tolist() == [0, flags.SEGMENT_AT_EDGE, flags.SEGMENT_SMALL]


def test_centre_is_that_of_light():
    data = np.ones(SHAPE)
    data[10:20, 20:25] = 21
    data[15, 22] = np.nan
    sources = sources_of(parse_image(data), segmap())
    assert sources.x[0] > 20


def test_some_labels_and_one_that_is_not_there():
    sources = sources_of(image(), segmap(), labels=[9, 4])
    assert sources.ids.tolist() == [9, 4]
    assert sources.flags.tolist() == [flags.SEGMENT_AT_EDGE, flags.LABEL_MISSING]
    assert np.isnan(sources.x[1])


def test_an_empty_map():
    empty = np.zeros(SHAPE, int)
    assert len(sources_of(image(), empty).ids) == 0
    assert sources_of(image(), empty, labels=[1]).flags == [flags.LABEL_MISSING]


def test_positions_take_the_label_that_they_stand_on():
    positions = [[14.2, 15.1], [0, 0], [np.nan, 3], [80, 3]]
    sources = sources_of(image(), segmap(), positions)
    assert sources.labels.tolist() == [3, 0, 0, 0]
    assert sources.x[0] == 14.2
    assert sources.flags.tolist() == [0, flags.LABEL_MISSING, 0, 0]


def test_a_stack_has_a_galaxy_in_each_centre():
    stack = parse_image(np.ones((3, 21, 21)))
    labels = np.zeros((3, 21, 21), int)
    labels[0, 8:13, 8:13] = 5
    labels[1, :, 8:13] = 2
    assert np.array_equal(sources_of(stack).x, [10, 10, 10])
    sources = sources_of(stack, labels)
    assert sources.labels.tolist() == [5, 2, 0]
    assert sources.ids.tolist() == [1, 2, 3]
    expected = [0, flags.SEGMENT_AT_EDGE, flags.LABEL_MISSING]
    assert sources.flags.tolist() == expected
    assert sources.extent.tolist()[:2] == [2.5, 10.5]


def test_bad_calls():
    with pytest.raises(TypeError, match="labels must be integers"):
        sources_of(image(), segmap(), labels=[1.5])
    for arguments in ({}, {"segmap": segmap(), "init_params": [[3, 3]]}):
        with pytest.raises(ValueError, match="labels must be those"):
            sources_of(image(), labels=[1], **arguments)
    stack = parse_image(np.ones((3, 21, 21)))
    with pytest.raises(ValueError, match="init_params must have a row for each image"):
        sources_of(stack, None, [[3, 3]])
