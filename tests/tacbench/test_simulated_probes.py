"""Probes with few labels on windows that are made up: features that hold the answer are read, and only the labelled rows teach."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from simtouch._checks import ArgumentError
from simtouch.models.scores import f1_score, mean_absolute_error
from simtouch.tacbench.simulated import SimulatedWindows
from simtouch.tacbench.simulated_probes import attentive_predictions, labelled, linear_predictions

CLIPS, EACH = 50, 8


@pytest.fixture
def made():
    """Windows of 40 clips to fit to and 10 to test on; features that are the force and a number that is large where it slips."""
    rng = np.random.default_rng(0)
    clip = np.repeat(np.arange(CLIPS), EACH)
    force, slip = rng.normal(size=(len(clip), 3)), rng.integers(2, size=len(clip))
    windows = SimulatedWindows(
        images=torch.zeros(len(clip), 6, 1, 1, dtype=torch.uint8),
        truth={"force": force, "shear": np.linalg.norm(force[:, :2], axis=1), "slip": slip},
        clip=clip,
        held_out=clip >= 40,
    )
    noise = rng.normal(size=(len(clip), 4))
    return windows, np.concatenate([force, 4 * slip[:, None] + 0.3 * noise[:, :1], noise], 1)


def test_rows_to_fit_to_are_half_of_the_windows_of_a_share_of_the_clips(made):
    windows, _ = made
    rows = labelled(windows, 0.25, seed=0)
    assert len(rows) == 10 * EACH // 2
    assert len(np.unique(windows.clip[rows])) <= 10
    assert not windows.held_out[rows].any()
    assert (np.diff(rows) > 0).all()
    np.testing.assert_array_equal(rows, labelled(windows, 0.25, seed=0))
    assert set(rows) != set(labelled(windows, 0.25, seed=1))


def test_the_smallest_share_still_has_three_clips(made):
    windows, _ = made
    assert len(np.unique(windows.clip[labelled(windows, 0.001, seed=0)])) == 3
    with pytest.raises(ArgumentError, match="`share`"):
        labelled(windows, 0, seed=0)


def test_linear_probes_read_what_is_there(made):
    windows, x = made
    found = linear_predictions(windows, x, labelled(windows, 0.5, seed=0))
    test = windows.held_out
    assert mean_absolute_error(windows.truth["force"][test], found["force"]) < 0.05
    assert f1_score(windows.truth["slip"][test], found["slip"]) > 0.97


def test_labels_of_other_rows_teach_nothing(made):
    windows, x = made
    fit = labelled(windows, 0.25, seed=0)
    other = {name: values.copy() for name, values in windows.truth.items()}
    rest = np.setdiff1d(np.arange(len(x)), fit)
    other["force"][rest], other["slip"][rest] = 100, 0
    found, again = (linear_predictions(w, x, fit) for w in (windows, replace(windows, truth=other)))
    for task in ("force", "slip"):
        np.testing.assert_array_equal(found[task], again[task])


def test_clips_without_slip_leave_the_best_constant(made):
    windows, x = made
    still = replace(windows, truth=windows.truth | {"slip": np.zeros(len(x), int)})
    found = linear_predictions(still, x, labelled(windows, 0.25, seed=0))
    assert (found["slip"] == 1).all()
    assert found["slip"].shape == (10 * EACH,)


def test_attentive_probes_read_one_patch_among_many(made):
    windows, x = made
    tokens = torch.from_numpy(np.random.default_rng(1).normal(size=(len(x), 3, 64))).float()
    tokens[:, 0, :8] = 3 * torch.from_numpy(x).float()
    found = attentive_predictions(windows, tokens, labelled(windows, 1.0, seed=0), epochs=25)
    test, force = windows.held_out, windows.truth["force"]
    of_the_mean = mean_absolute_error(force[test], np.broadcast_to(force[~test].mean(0), force[test].shape))
    assert mean_absolute_error(force[test], found["force"]) < 0.85 * of_the_mean
    assert set(found["slip"]) <= {0, 1}
    assert f1_score(windows.truth["slip"][test], found["slip"]) > 0.8
