# Licensed under a 3-clause BSD style license - see LICENSE
"""Tests of the two measurers: calls, tables, methods."""

import json
import threading

import astropy.units as u
import numpy as np
import pytest
from astropy.io import fits
from astropy.nddata import CCDData, NDData, StdDevUncertainty
from astropy.wcs import WCS

from astro_cnnfit import ClassicalCASMeasurer, CNNCASMeasurer, flags
from astro_cnnfit.measures import LATENT_MEASURES, MEASURES, latent_index
from astro_cnnfit.morphology import COLUMNS, column_table
from astro_cnnfit.morphology.combination import COMBINED, FEATURES
from astro_cnnfit.psf import gaussian

NY, NX = 120, 230
Y, X = np.mgrid[:NY, :NX]
CENTRES = {1: (60.3, 58.8, 5.0), 4: (165.6, 62.1, 4.0)}


def _scene(seed=3):
    rng = np.random.default_rng(seed)
    data = rng.normal(0, 1, (NY, NX))
    labels = np.zeros((NY, NX), int)
    for label, (x, y, scale) in CENTRES.items():
        radius = np.hypot(X - x, (Y - y) / 0.8)
        data += 60 * np.exp(-radius / scale)
        labels[radius < 3.5 * scale] = label
    return data, labels


DATA, LABELS = _scene()
DATA.flags.writeable = LABELS.flags.writeable = False


def fit_of_combination():
    """Weights that are known: no bias, equal errors, no correlation."""
    n = len(FEATURES)
    terms = 1 + n + n * (n + 1) // 2 + n * (n + 1) * (n + 2) // 6
    table = {"coefficients": [0.0] * terms, "correlation": [0.0, 0.0]}
    sigma = np.linspace(0.02, 0.08, len(LATENT_MEASURES))
    return {
        "features": list(FEATURES),
        "centre": [0.0] * n,
        "width": [1.0] * n,
        "log_snr": [0.0, 1.0],
        "quantities": {
            name: {**table, "error": [sigma[latent_index(name)]] * 2, "scale": [1, 1]}
            for name in COMBINED
        },
    }


@pytest.fixture
def combination(morphology_network):
    fit = fit_of_combination()
    morphology_network.description = {"combination": fit}
    return fit


@pytest.fixture(params=["classical", "network", "combined"])
def measurer(request, morphology_network, combination):
    return CNNCASMeasurer(morphology_network, method=request.param)


def test_table(measurer):
    before = DATA.copy(), LABELS.copy()
    table = measurer(DATA, LABELS)
    assert table["id"].tolist() == [1, 4]
    assert np.allclose(table["x_centroid"], [60.3, 165.6], atol=0.3)
    assert np.allclose(table["y_centroid"], [58.8, 62.1], atol=0.3)
    assert np.allclose(table["xc_asymmetry"], [60.3, 165.6], atol=1)
    assert np.allclose(table["rpetro_ellip"], [17.5, 14.5], rtol=0.35)
    assert np.allclose(table["concentration"], 2.7, atol=0.5)
    assert (table["asymmetry"] < 0.1).all()
    assert np.allclose(table["sky_sigma"], 1, atol=0.1)
    assert np.allclose(table["local_bkg"], 0, atol=0.15)
    assert table["flags"].tolist() == [0, 0]
    assert np.array_equal(DATA, before[0])
    assert np.array_equal(LABELS, before[1])
    names = [c.name for c in COLUMNS if not c.needs]
    if measurer.method == "combined":
        names = [c.name for c in COLUMNS if c.needs in ("", "combined")]
    assert table.colnames == names
    assert table["theta"].unit == u.deg
    assert all(table[name].info.description for name in table.colnames)


def test_radii_are_consistent(measurer):
    table = measurer(DATA, LABELS)
    ratio = table["r20"] * 10 ** (table["concentration"] / 5) / table["r80"]
    assert np.allclose(ratio, 1, rtol=1e-3)


def test_meta_is_plain(measurer):
    meta = measurer(DATA, LABELS).meta
    assert json.loads(json.dumps(meta)) == meta
    assert meta["method"] == measurer.method
    assert "astro_cnnfit" in meta["versions"]
    assert ("sha256" in meta) == (measurer.method != "classical")


def test_network_alone_runs_no_classical_code(morphology_network, monkeypatch):
    def never(*arguments, **others):
        raise AssertionError

    monkeypatch.setattr("astro_cnnfit.morphology.methods.measure_stamps", never)
    table = CNNCASMeasurer(morphology_network, method="network")(DATA, LABELS)
    assert np.isfinite(table["gini"]).all()
    assert np.isnan(table["flux"]).all()
    errors = np.linspace(0.02, 0.08, 12)
    assert np.allclose(table["asymmetry_err"], errors[1])
    assert np.allclose(table["xc_asymmetry_err"], errors[latent_index("x")])


def test_combined_is_between(morphology_network, combination):
    tables = {
        method: CNNCASMeasurer(morphology_network, method=method)(DATA, LABELS)
        for method in ("classical", "network", "combined")
    }
    found = tables["combined"]
    for name in ("concentration", "asymmetry", "gini", "m20"):
        assert np.allclose(found[f"{name}_weight"], 0.5)
        both = [tables[m][name] for m in ("classical", "network")]
        # The classical measurer uses more pixels of the sky.
        assert np.allclose(found[name], np.mean(both, axis=0), atol=0.01)
        error = tables["network"][f"{name}_err"]
        assert np.allclose(found[f"{name}_err"], error / np.sqrt(2))
    assert np.allclose(found["flux"], tables["classical"]["flux"], rtol=0.02)


def test_the_networks_value_where_there_is_no_classical_one(
    morphology_network, combination
):
    rng = np.random.default_rng(1)
    stamps = rng.normal(0, 1, (3, 101, 101))
    stamps[0] += DATA[8:109, 10:111]
    # So much light far out that the profile never ends.
    stamps[1] += 3000 / (100 + np.hypot(*np.mgrid[-50:51, -50:51]))
    found = CNNCASMeasurer(morphology_network)(stamps)
    network = CNNCASMeasurer(morphology_network, method="network")(stamps)
    with pytest.warns(UserWarning, match=r"1 of 3 galaxies.*1 no_petrosian"):
        classical = ClassicalCASMeasurer()(stamps)
    undefined = np.isnan(classical["asymmetry"])
    assert undefined.any()
    assert np.allclose(found["asymmetry"][undefined], network["asymmetry"][undefined])
    assert np.array_equal(found["asymmetry_weight"] == 1, undefined)


def test_bright_galaxies_are_left_to_the_classical(morphology_network, combination):
    data = DATA.copy()
    data[np.hypot(X - 60, Y - 59) < 40] *= 1000
    morphology_network.trained_ranges["sn_per_pixel"] = (1.5, 40.0)
    found = CNNCASMeasurer(morphology_network)(data, LABELS, labels=[1])
    assert found["asymmetry_weight"] == [0]
    assert not found["flags"][0] & flags.OUTSIDE_TRAINING_RANGE
    classical = CNNCASMeasurer(morphology_network, method="classical")
    expected = classical(data, LABELS, labels=[1])
    assert np.allclose(found["asymmetry"], expected["asymmetry"])


def test_positions_and_stacks_agree_with_the_map(measurer):
    table = measurer(DATA, LABELS)
    positions = [CENTRES[1][:2], CENTRES[4][:2]]
    placed = measurer(DATA, init_params=positions)
    labelled = measurer(DATA, LABELS, init_params=positions)
    cut = np.array([DATA[9:110, 10:111], DATA[12:113, 116:217]])
    stacked = measurer(cut)
    for other in (placed, labelled, stacked):
        assert other["id"].tolist() == [1, 2]
        # Which pixels are the galaxy's own and which the sky's differs.
        assert np.allclose(other["concentration"], table["concentration"], atol=0.2)
        assert np.allclose(other["asymmetry"], table["asymmetry"], atol=0.05)
        assert np.allclose(other["rpetro_ellip"], table["rpetro_ellip"], rtol=0.15)
    assert np.allclose(placed["x_centroid"], table["x_centroid"], atol=0.3)
    assert np.allclose(stacked["x_centroid"], [50.3, 49.6], atol=0.3)


def test_one_galaxy_in_the_centre(measurer):
    table = measurer(DATA[9:110, 10:111])
    assert len(table) == 1
    assert np.isfinite(table["concentration"][0])


def test_a_position_off_the_galaxy(measurer):
    right = measurer(DATA, init_params=[CENTRES[1][:2]])
    off = measurer(DATA, init_params=[[63.0, 56.4]])
    assert np.allclose(off["concentration"], right["concentration"], atol=0.1)
    assert np.allclose(off["x_centroid"], right["x_centroid"], atol=0.3)


FORMS = {
    "big-endian": lambda data: data.astype(">f8"),
    "float32": lambda data: data.astype(np.float32),
    "list": lambda data: data.tolist(),
    "not contiguous": lambda data: np.asfortranarray(data),
    "HDU": fits.ImageHDU,
    "NDData": NDData,
    "MaskedArray": lambda data: np.ma.array(data, mask=np.zeros(data.shape, bool)),
}


@pytest.mark.parametrize("form", FORMS)
def test_forms_of_an_image(form, morphology_network):
    measurer = CNNCASMeasurer(morphology_network, method="network")
    expected = measurer(DATA, LABELS)
    found = measurer(FORMS[form](DATA), LABELS)
    for name in ("concentration", "asymmetry", "rpetro_ellip", "xc_asymmetry"):
        assert np.allclose(found[name], expected[name], rtol=1e-4)


def test_unit_and_wcs(measurer):
    wcs = WCS(naxis=2)
    wcs.wcs.ctype = "RA---TAN", "DEC--TAN"
    wcs.wcs.crpix = 60, 60
    wcs.wcs.crval = 150, 2
    wcs.wcs.cdelt = -0.2 / 3600, 0.2 / 3600
    plain = measurer(DATA, LABELS)
    table = measurer(CCDData(DATA, unit="nJy", wcs=wcs), LABELS)
    assert table["flux"].unit == table["sky_sigma"].unit == u.nJy
    assert np.array_equal(table["asymmetry"], plain["asymmetry"])
    assert np.allclose(table["r50_sky"].to_value(u.arcsec), 0.2 * table["r50"])
    assert (
        table["sky_centroid"][0].separation(
            wcs.pixel_to_world(table["x_centroid"][0], table["y_centroid"][0])
        )
        < 1e-6 * u.arcsec
    )
    scaled = CNNCASMeasurer(
        measurer.model or "cas", method=measurer.method, pixel_scale=0.1 * u.arcsec
    )
    table = scaled(DATA * u.nJy, LABELS)
    assert np.allclose(table["r50_sky"].to_value(u.arcsec), 0.1 * table["r50"])
    assert "sky_centroid" not in table.colnames


def test_masked_pixels(measurer):
    expected = measurer(DATA, LABELS)
    data = DATA.copy()
    data[55:57, 66:69] = np.nan
    data[70, 60] = np.inf
    mask = np.zeros(DATA.shape, bool)
    mask[20:25, 30:50] = True
    data[mask] = 1e9
    tables = [
        measurer(data, LABELS, mask=mask),
        measurer(np.ma.array(data, mask=mask), LABELS),
        measurer(NDData(data, mask=mask), LABELS),
    ]
    for table in tables:
        assert np.allclose(table["concentration"], expected["concentration"], atol=0.1)
        assert np.allclose(table["asymmetry"], expected["asymmetry"], atol=0.05)
        assert table["flags"].tolist() == [0, 0]
    data[58:60, 59:61] = np.nan
    assert measurer(data, LABELS, mask=mask)["flags"][0] & flags.MASKED_CORE


def test_errors_of_pixels(measurer):
    error = np.full(DATA.shape, 2.0)
    table = measurer(DATA, LABELS, error=error)
    assert np.allclose(table["sky_sigma"], 2)
    half = measurer(DATA, LABELS)["sn_per_pixel"] / 2
    assert np.allclose(table["sn_per_pixel"], half, rtol=0.1)
    again = measurer(NDData(DATA, uncertainty=StdDevUncertainty(error)), LABELS)
    assert np.array_equal(again["asymmetry"], table["asymmetry"])


def test_psf_flags_what_it_hides(measurer):
    assert measurer(DATA, LABELS, psf=gaussian(3.0)[0])["flags"].tolist() == [0, 0]
    flagged = measurer(DATA, LABELS, psf=gaussian(12.0, size=41)[0])["flags"]
    assert ((flagged & flags.UNRESOLVED) > 0).all()


def large_scene():
    rng = np.random.default_rng(2)
    y, x = np.mgrid[:401, :401] - 200.0
    radius = np.hypot(x, y)
    data = rng.normal(0, 1, x.shape) + 60 * np.exp(-radius / 20)
    return data, np.where(radius < 75, 1, 0)


def test_galaxies_larger_than_a_stamp(measurer):
    data, labels = large_scene()
    for table in (measurer(data, labels), measurer(data, init_params=[[200, 200]])):
        # Of an exponential profile, within 1.5 R_p.
        assert np.allclose(table["concentration"], 2.75, atol=0.15)
        assert np.allclose(table["r50"], 33, rtol=0.06)
        assert np.allclose(table["local_bkg"], 0, atol=0.25)
        assert np.allclose(table["sky_sigma"], 1, atol=0.1)
        averaged = (table["flags"][0] & flags.BLOCK_AVERAGED) > 0
        assert averaged == (measurer.method != "classical")
        assert (table["block_factor"][0] > 1) == averaged
        assert np.allclose(table["sn_per_pixel"], 9.5, rtol=0.25)


def test_chunks_and_batches_change_nothing(morphology_network):
    stack = np.array([DATA[9:110, 10 + i : 111 + i] for i in range(7)])
    expected = CNNCASMeasurer(morphology_network, method="network")(stack)
    measurer = CNNCASMeasurer(morphology_network, method="network", batch_size=2)
    morphology_network.calls.clear()
    table = measurer(stack)
    # Chunks are worked on side by side, in any order.
    assert sorted(morphology_network.calls) == [1, 2, 2, 2]
    for name in table.colnames:
        assert np.array_equal(table[name], expected[name], equal_nan=True)


def test_seed(measurer):
    data, labels = DATA.copy(), LABELS.copy()
    star = np.hypot(X - 72, Y - 59) < 5
    data[star], labels[star] = 300, 9
    settings = {"method": measurer.method}
    model = measurer.model or "cas"
    tables = [
        CNNCASMeasurer(model, seed=seed, **settings)(data, labels, labels=[1])
        for seed in (0, 0, 1)
    ]
    assert tables[0]["asymmetry"] == tables[1]["asymmetry"]
    assert tables[0]["asymmetry"] != tables[2]["asymmetry"]


def test_results_and_flags(measurer):
    assert measurer.results is None
    with pytest.raises(ValueError, match="decode_flags needs results"):
        measurer.decode_flags()
    table = measurer(DATA, LABELS)
    assert measurer.results is table
    assert measurer.decode_flags() == [[], []]


def test_two_threads(morphology_network):
    measurer = CNNCASMeasurer(morphology_network, method="network")
    scenes = [_scene(seed) for seed in (1, 2)]
    expected = [measurer(*scene)["concentration"] for scene in scenes]
    found = {}

    def work(number):
        found[number] = [measurer(*scenes[number])["concentration"] for _ in range(5)]

    threads = [threading.Thread(target=work, args=(number,)) for number in (0, 1)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    for number in (0, 1):
        assert all(np.array_equal(one, expected[number]) for one in found[number])


def test_a_network_of_one_quantity(asymmetry_network):
    measurer = CNNCASMeasurer(asymmetry_network, method="network")
    table = measurer(DATA, LABELS)
    assert np.isfinite(table["asymmetry"]).all()
    assert np.isnan(table["concentration"]).all()
    assert table["flags"].tolist() == [0, 0]
    with pytest.raises(ValueError, match="method must be 'network' with model"):
        CNNCASMeasurer(asymmetry_network)


def test_a_result_that_is_not_finite(morphology_network, monkeypatch):
    predict = morphology_network.predict

    def broken(stamps, **others):
        mean, covariance = predict(stamps, **others)
        mean[0] = np.nan
        return mean, covariance

    monkeypatch.setattr(morphology_network, "predict", broken)
    measurer = CNNCASMeasurer(morphology_network, method="network")
    with pytest.warns(UserWarning, match=r"1 of 2 galaxies.*1 non_finite"):
        table = measurer(DATA, LABELS)
    assert table["flags"].tolist() == [flags.NON_FINITE, 0]
    assert np.isnan(table["concentration"][0])


def test_settings_out_of_range(morphology_network):
    bad = {
        "method": "guess",
        "definition": "mine",
        "pixel_scale": -1,
        "batch_size": 0,
    }
    for name, value in bad.items():
        with pytest.raises(ValueError, match=f"{name} must be"):
            CNNCASMeasurer(morphology_network, **{"method": "network", name: value})
    with pytest.raises(ValueError, match="definition must be 'tohill2021', which"):
        CNNCASMeasurer(morphology_network, method="network", definition="statmorph")
    with pytest.raises(ValueError, match="definition must be one of"):
        ClassicalCASMeasurer("mine")
    with pytest.raises(ValueError, match="model must be"):
        CNNCASMeasurer("nothing")
    with pytest.raises(TypeError, match="model must be"):
        CNNCASMeasurer(3)


def test_without_the_errors_of_both(morphology_network):
    with pytest.raises(ValueError, match="method must be 'network' or 'classical'"):
        CNNCASMeasurer(morphology_network)


def test_the_default_network_has_a_name(bundled):
    assert CNNCASMeasurer(method="network").model is bundled["cas"]


def test_the_classical_measurer_is_the_same():
    found = ClassicalCASMeasurer()(DATA, LABELS)
    expected = CNNCASMeasurer(method="classical")(DATA, LABELS)
    for name in found.colnames:
        assert np.array_equal(found[name], expected[name], equal_nan=True)


@pytest.mark.parametrize("definition", ["statmorph", "conselice2003"])
def test_other_definitions(definition):
    table = ClassicalCASMeasurer(definition)(DATA, LABELS)
    assert np.allclose(table["concentration"], 2.7, atol=0.3)
    assert table.meta["definition"] == definition


def test_every_quantity_has_a_column():
    names = {column.name for column in COLUMNS}
    for measure in MEASURES:
        assert {measure.name, f"{measure.name}_err"} <= names
    text = column_table()
    assert "``asymmetry``, ``asymmetry_err``" in text
    assert "no_petrosian" in text
