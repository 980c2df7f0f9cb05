import numpy as np
import pandas as pd
import pytest

from gaitlib import GaitDataError, Target, TrialSet, concat
from gaitlib.targets import LearntTarget

SUBJECTS = ["ann", "ann", "bob", "bob"]


def walking(**targets) -> TrialSet:
    return TrialSet.from_arrays({"emg": [np.ones((9, 1))] * 4}, subject=SUBJECTS, label=list("xyxy"), targets=targets)


def three() -> TrialSet:
    return walking(
        side=Target("class", ["left", None, "right", "left"]),
        fall=Target("binary", [True, 0, None, 1.0]),
        speed=Target("continuous", [1.0, np.nan, 2.0, 3.0], "m/s"),
        age=[30, 30, 40, 40],
    )


def test_targets_keep_their_kind_unit_and_missing_values():
    trials = three()
    assert list(trials.targets) == ["label", "side", "fall", "speed"]
    side = trials.target("side")
    assert side.values[side.known].tolist() == ["left", "right", "left"] and not side.known[1]
    np.testing.assert_array_equal(trials.target("fall").values, [1, 0, np.nan, 1])
    np.testing.assert_array_equal(trials.target("speed").values, [1, np.nan, 2, 3])
    assert (trials.target("speed").kind, trials.target("speed").unit) == ("continuous", "m/s")
    assert trials.target("fall").known.tolist() == [True, True, False, True]
    assert trials[[2, 0]].target("speed").values.tolist() == [2, 1]
    assert "speed (continuous, m/s)" in repr(trials)


def test_targets_survive_one_file(tmp_path):
    trials = three()
    again = TrialSet.load(trials.save(tmp_path / "trials"))
    assert again.kinds == trials.kinds and again.digest() == trials.digest()
    for name, target in trials.targets.items():
        pd.testing.assert_series_equal(pd.Series(again.target(name).values), pd.Series(target.values))


def test_kinds_are_part_of_the_digest_and_plain_columns_leave_it():
    plain = walking(speed=[1.0, 2.0, 3.0, 4.0])
    declared = walking(speed=Target("continuous", [1.0, 2.0, 3.0, 4.0]))
    assert plain.kinds == {} and plain.digest() != declared.digest()
    with pytest.raises(GaitDataError, match="'speed' has no kind: give it as Target"):
        plain.target("speed")


def test_joined_sets_keep_targets_and_miss_those_of_the_other():
    both = concat([three(), walking(speed=Target("continuous", [5, 6, 7, 8], "m/s"))], names=["ours", "theirs"])
    np.testing.assert_array_equal(both.target("speed").values, [1, np.nan, 2, 3, 5, 6, 7, 8])
    np.testing.assert_array_equal(both.target("fall").values, [1, 0, np.nan, 1] + [np.nan] * 4)
    with pytest.raises(
        GaitDataError, match="'speed' is continuous in m/s in 'ours' and continuous in km/h in 'theirs'"
    ):
        concat([three(), walking(speed=Target("continuous", [5, 6, 7, 8], "km/h"))], names=["ours", "theirs"])


def test_a_target_can_stand_in_for_the_label():
    assert three().judged_by("fall").labels[[0, 1, 3]].tolist() == ["fall", "no fall", "fall"]
    assert pd.isna(three().judged_by("fall").labels[2])
    assert three().judged_by("side").classes == ["left", "right"]
    assert three().judged_by("speed").classes == []


def test_a_target_is_added_and_replaced_but_no_other_column():
    trials = walking(age=[1, 2, 3, 4]).with_target("speed", Target("continuous", [1, 2, 3, None], "m/s"))
    assert trials.with_target("speed", Target("binary", [0, 1, 0, 1])).target("speed").kind == "binary"
    with pytest.raises(GaitDataError, match="column 'age' that is no target"):
        trials.with_target("age", Target("continuous", [1, 2, 3, 4]))
    with pytest.raises(GaitDataError, match="'speed' has 3 entries for 4 trials"):
        trials.with_target("speed", Target("continuous", [1, 2, 3]))


@pytest.mark.parametrize(
    ("kind", "values", "message"),
    [
        ("number", [1, 2, 3, 4], "class, binary, continuous, not 'number'"),
        ("continuous", [1, "fast", 2, 3], "target 'x', trial 1: 'fast' is no number"),
        ("continuous", [1, 2, np.inf, 3], "target 'x', trial 2: infinite"),
        ("binary", [0, 1, 2, 1], "binary target 'x' is 0 or 1, not 2"),
        ("class", [0, 1, [2], 1], "one value a trial"),
    ],
)
def test_values_of_another_kind_are_refused(kind, values, message):
    with pytest.raises(GaitDataError, match=message):
        walking(x=Target(kind, values))


def test_encoding_and_decoding():
    trials = three()
    side = LearntTarget.of("side", trials.target("side"))
    code, known = side.encode("side", trials.target("side"))
    assert (
        side.classes == ("left", "right")
        and code.tolist() == [0, 0, 1, 0]
        and known.tolist() == [True, False, True, True]
    )
    speed = LearntTarget.of("speed", trials.target("speed"))
    code, known = speed.encode("speed", trials.target("speed"))
    assert (speed.mean, speed.size) == (2, 1) and code[~known].tolist() == [0]
    np.testing.assert_allclose(speed.decode(code[:, None]), [1, 2, 2, 3], rtol=1e-6)
    fall = LearntTarget.of("fall", trials.target("fall"))
    assert fall.classes == ("no fall", "fall") and fall.size == 1
    np.testing.assert_allclose(fall.decode([[0.0], [np.log(3)]]), [[0.5, 0.5], [0.25, 0.75]])
    np.testing.assert_allclose(side.decode([[0.0, np.log(3)]]), [[0.25, 0.75]])


def test_a_missing_target_weighs_nothing_and_the_others_one_on_average():
    learnt = LearntTarget("binary", ("no fall", "fall"))
    weight = learnt.weights(np.array([1, 0, 0, 0]), np.array([1.0, 0.0, 1.0, 1.0]), "balanced")
    np.testing.assert_allclose(weight, [1.5, 0, 0.75, 0.75])
    np.testing.assert_allclose(learnt.weights(np.array([1, 0]), np.ones(2), {"fall": 3}), [1.5, 0.5])
    for wrong in ("balance", {"falls": 1}):
        with pytest.raises(GaitDataError, match="class_weight"):
            learnt.weights(np.array([1, 0]), np.ones(2), wrong)


@pytest.mark.parametrize(
    ("values", "message"),
    [([None] * 4, "no training trial has the target 'x'"), ([2, None, 2, 2], "only '2.0' to learn 'x'")],
)
def test_a_target_that_teaches_nothing_is_refused_by_name(values, message):
    with pytest.raises(GaitDataError, match=message):
        LearntTarget.of("x", walking(x=Target("continuous", values)).target("x"))


def test_a_class_that_was_not_learnt_is_refused():
    with pytest.raises(GaitDataError, match="class 'up' of 'x', which no training trial has"):
        LearntTarget("class", ("left", "right")).encode("x", Target("class", ["left", "up"]))
