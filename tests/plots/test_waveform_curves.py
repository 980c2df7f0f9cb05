"""Curves of waveforms, class by class."""

import matplotlib.pyplot as plt
import numpy as np
import pytest

import gaitlib
from gaitlib import plots
from gaitlib.datasets.synthetic.forces import synthetic_forces


def test_every_channel_shows_the_mean_over_subjects_of_every_class():
    trials = synthetic_forces(n_subjects=8, n_repetitions=2)
    figure = plots.waveforms(trials, "grf")
    panels = [axis for axis in figure.axes if axis.has_data()]
    assert [axis.get_title() for axis in panels] == [c.replace("_", " ") for c in trials.modality("grf").channels]
    own = trials[trials.labels == "ankle"]
    by_person = np.stack(own.modality("grf").values).reshape(2, 2, 101, 6).mean(axis=1)
    np.testing.assert_allclose(panels[0].lines[0].get_ydata(), by_person.mean(axis=0)[:, 0], rtol=1e-5)
    assert "2 subjects" in figure.legends[0].get_texts()[0].get_text()
    assert "SYNTHETIC" in figure._suptitle.get_text()
    plt.close(figure)


def test_sequences_of_several_lengths_are_refused():
    arrays = {"grf": [np.ones((5, 1)), np.ones((6, 1))]}
    ragged = gaitlib.TrialSet.from_arrays(arrays, subject=["a", "b"], label=["x", "y"])
    with pytest.raises(gaitlib.GaitDataError, match="TimeNormalise"):
        plots.waveforms(ragged, "grf")
