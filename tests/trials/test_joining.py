"""Sets joined: people apart, modalities aligned by name or refused, and a new data set as a question."""

import numpy as np
import pytest
from planted import planted_trials
from sklearn.preprocessing import StandardScaler

import gaitlib
from gaitlib import LeaveOneGroupOut, TrialSet, concat
from gaitlib.errors import GaitDataError
from gaitlib.preprocessing import CentrePelvis, Frames


def emg(name, channels=("soleus", "tibialis"), unit="mV", label="slow", **more):
    rng = np.random.default_rng(len(name))
    values = [rng.normal(size=(n, len(channels))) for n in (5, 7)]
    return TrialSet.from_arrays(
        {"emg": values, **more}, channels={"emg": channels}, unit={"emg": unit}, rate_hz={"emg": 100},
        subject=["s01", "s02"], label=[label, "fast"], name=name,
    )  # fmt: skip


def test_equal_ids_of_two_sets_are_different_people():
    joined = concat([emg("ours"), emg("theirs")])
    assert joined.subjects.tolist() == ["ours/s01", "ours/s02", "theirs/s01", "theirs/s02"]
    assert len(set(joined.ids)) == len(set(joined.walks)) == 4
    assert joined.table["dataset"].tolist() == ["ours"] * 2 + ["theirs"] * 2
    assert joined.name == "ours + theirs, 4 subjects"


def test_channels_are_aligned_by_name_and_values_stay():
    one, two = emg("ours"), emg("theirs", channels=("tibialis", "soleus"))
    m = concat([one, two]).modality("emg")
    assert m.channels == ("soleus", "tibialis")
    np.testing.assert_array_equal(m.values[1], one.modality("emg").values[1])
    np.testing.assert_array_equal(m.values[2], two.modality("emg").values[0][:, ::-1])
    assert [len(f) for f in m.frames] == [len(t) for t in m.time_s] == [5, 7, 5, 7]


def test_a_modality_that_one_set_lacks_is_missing_there():
    joined = concat([emg("ours", age=[[30.0], [40.0]]), emg("theirs")], names=["a", "b"])
    assert joined.modality("age").present().tolist() == [True, True, False, False]
    assert joined[2:].modality("age").values.tolist() == [None, None]


def test_what_does_not_fit_is_refused_by_name():
    one = emg("ours")
    with pytest.raises(GaitDataError, match="'emg' of 'ours' has unit 'mV', of 'volts' 'V'"):
        concat([one, emg("volts", unit="V")])
    with pytest.raises(GaitDataError, match=r"differ in channels \(gastrocnemius, tibialis\)"):
        concat([one, emg("more", channels=("soleus", "gastrocnemius"))])
    with pytest.raises(GaitDataError, match="two sets of one name"):
        concat([one, one])
    with pytest.raises(GaitDataError, match="two sets or more"):
        concat([one])
    walks = planted_trials(2, 1)
    with pytest.raises(GaitDataError, match="has been through Frames.*, which learnt from it"):
        concat([Frames(StandardScaler()).fit_transform(walks), walks], names=["a", "b"])
    with pytest.raises(GaitDataError, match="different steps"):
        concat([CentrePelvis().fit_transform(walks), walks], names=["a", "b"])


def test_the_title_keeps_what_the_sets_say_of_themselves():
    joined = concat([planted_trials(1, 1), emg("ours")], names=["a", "b"])
    assert "SYNTHETIC" in joined.name
    assert joined.table["dataset"].unique().tolist() == ["a", "b"]


def test_names_that_would_merge_people_are_refused():
    one, two = (TrialSet.from_arrays({"emg": [np.ones((5, 1))]}, subject=[s]) for s in ("b/s", "s"))
    with pytest.raises(GaitDataError, match="ids of different sets become one"):
        concat([one, two], names=["a", "a/b"])


def test_a_new_data_set_is_a_question(tmp_path):
    sets = [planted_trials(2, 2, seed=seed) for seed in (0, 1, 2)]
    joined = concat(sets, names=["north", "south", "east"])
    protocol = LeaveOneGroupOut("dataset", validation=False)
    runs = gaitlib.benchmark("majority", joined, [protocol], store=tmp_path, progress=False)
    assert [fold.name for fold in runs.runs[0].folds] == ["east", "north", "south"]
    assert runs.table()["claim"].tolist() == ["a new dataset"]
    assert runs.runs[0].on_new_people
    learnt = runs.runs[0].folds[0].learnt["fitted_on"]
    assert {t.split("/")[0] for t in learnt} == {"north", "south"}
    assert not runs.audit().leaks
