"""Recordings of inertial sensors before and after their steps."""

import numpy as np
import pytest

import gaitlib
from gaitlib import GaitDataError, plots
from gaitlib.preprocessing import FuseSensors


def test_the_middle_of_each_recording_is_shown_on_both_sides_at_its_rate():
    recorded = gaitlib.synthetic_imu(1, ["synthetic_foot", "synthetic_wrist"], ["walking"], 1, seconds=8)
    figure = plots.inertial_steps(recorded, FuseSensors().fit_transform(recorded), recorded.ids)
    left, right = figure.axes[0], figure.axes[1]
    assert len(figure.axes) == 4 and left.get_ylabel() == "m/s2 at 100 Hz" and right.get_ylabel() == "m/s2 at 50 Hz"
    time_s, values = left.get_lines()[0].get_data()
    assert 5.9 < np.ptp(time_s) <= 6 and abs(time_s.mean() - 4) < 0.02
    shown = np.abs(recorded.modality("acc").time_s[0] - recorded.modality("acc").time_s[0][-1] / 2) <= 3
    np.testing.assert_array_equal(values, recorded.modality("acc").values[0][shown, 0])
    assert figure.get_suptitle().startswith("SYNTHETIC")
    with pytest.raises(GaitDataError, match="no trial 'x'"):
        plots.inertial_steps(recorded, recorded, ["x"], "acc")
