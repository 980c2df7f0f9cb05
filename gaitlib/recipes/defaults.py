"""The default pipeline of a model for some trials."""

from dataclasses import replace

import numpy as np
from sklearn.decomposition import PCA
from sklearn.feature_selection import SelectKBest
from sklearn.pipeline import Pipeline
from sklearn.preprocessing import MinMaxScaler, StandardScaler

from gaitlib import models
from gaitlib.encoders import Encode, Encoder
from gaitlib.errors import GaitDataError
from gaitlib.preprocessing import (
    Crop,
    Frames,
    GaitParameters,
    SpectralStatistics,
    SummaryStatistics,
    Tensors,
    variance_score,
)
from gaitlib.preprocessing.skeleton import require_z_up
from gaitlib.recipes.modality_steps import (
    FEATURES,
    IMU_RATE_HZ,
    PCA_VARIANCE,
    TOP_SHARE,
    imu_sensors,
    imu_steps,
    is_imu,
    is_pose,
    is_skeleton,
    pose_steps,
    skeleton_steps,
)
from gaitlib.training import Pretraining
from gaitlib.trials.conventions import ACC_CHANNELS, ACC_UNIT, GYRO_CHANNELS, IMU_UNIT
from gaitlib.trials.modality import object_array

WINDOW_S, HOP_S = 4 / 3, 0.5  # a little more than one gait cycle: 40 and 15 frames at 30 Hz
OPENING_S = 10 / 3  # 100 frames at 30 Hz
RATE_HZ = 30.0  # where times are not known
IMU_WINDOW_S, IMU_HOP_S = 2.56, 1.28  # 128 and 64 frames, as encoders of inertial signals read
ONLY = {"code": "autoencoder", "joints": "positions"}  # features of a skeleton that a preparation is made for
USUAL = {"windows": "movement"} | ONLY  # of others it is "angles"


def _as_fused(trials, sensors):
    """Trials as they look after :func:`imu_steps`: names, channels and times, with values that nobody measured so."""
    m, turns = trials.modality("acc"), "gyro" in sensors
    times = object_array([None if t is None else np.arange(t[0], t[-1], 1 / IMU_RATE_HZ) for t in m.time_s])
    channels, unit = (ACC_CHANNELS + GYRO_CHANNELS, IMU_UNIT) if turns else (ACC_CHANNELS, ACC_UNIT)
    others = {name: other for name, other in trials.modalities.items() if name not in ("acc", "gyro")}
    return replace(trials, modalities=others | {"imu": replace(m, channels=channels, unit=unit, time_s=times)})


def steps_for(trials, model: str | None = "compact_gru", features: str | None = None) -> Pipeline:
    """The default pipeline for some training trials and a model.

    Skeletons are centred on the pelvis and scaled by body length, lose hands and face, and get joint angles; networks
    that read windows see them less their mean over the walk, since how somebody holds himself tells a small network who
    it is (MiniRocket's kernels, which add up to zero, hardly see it either: docs/choosing_settings.md). Sequences and
    static values are standardised and images scaled to 0..1, per channel, by training frames. A network reads windows
    of 1.33 s of a skeleton (of other sequences: as many frames as the longest training trial has); classical models
    read summary statistics of the whole trial, ``minirocket`` its first 3.33 s (at 30 Hz where times are not known; no
    more frames than the longest training trial has). Waveforms are read whole, each channel scaled to -1..1. How the
    skeleton settings were chosen: ``benchmarks/choose_settings.py``. A pose goes through :func:`pose_steps` and is read
    in windows as a skeleton is. A network over joints (``multiscale_graph``) reads their positions alone, one that
    draws maps of a pose (``heatmap_volume``) reads it unscaled.

    Inertial sensors ("acc" and "gyro" as recorded, at any rate) first go through :func:`imu_steps`. Networks and
    ``minirocket`` then read windows of 2.56 s all over the recording, since what is told by a fall or a walk may lie
    anywhere in it, networks every 1.28 s; other classical models read summary and spectral statistics of the whole
    recording. Accelerations and rotation rates that are one modality already (:class:`FuseSensors`) were prepared by
    somebody, and are only scaled and cut.

    Parameters
    ----------
    trials : TrialSet
        Training trials; only names, kinds, lengths and frame rates are looked at.
    model : str or None
        A registered model, whose entry (:class:`gaitlib.models.ModelInfo`) says what it reads. None, for a network of
        your own, reads all modalities, in windows.
    features : str, optional
        What is read of a skeleton, one of ``FEATURES``. Default: "movement" for networks that read windows,
        "autoencoder" for models that read a code, "positions" for networks over joints, else "angles".

    Returns
    -------
    sklearn.pipeline.Pipeline

    Raises
    ------
    GaitDataError
        If the trials lack a modality that this model reads, or a waveform is not of one length.
    """
    prepared = "windows" if model is None else models.info(model).prepared
    features = features or USUAL.get(prepared, "angles")
    if features not in FEATURES or features != ONLY.get(prepared, features):
        raise GaitDataError(f"features '{features}' of '{model}'; known are {', '.join(FEATURES)}")
    steps, sensors = [], imu_sensors(trials)
    if sensors:
        steps, trials = imu_steps(sensors), _as_fused(trials, sensors)
    names = list(trials.modalities) if model is None else _modalities(trials, models.info(model))
    if prepared == "gait parameters":
        _require_skeleton(trials, names[0], "gait parameters")
        require_z_up(trials, names[0])
        return Pipeline([
            ("gait_parameters", GaitParameters(names[0])),
            ("statistics", SummaryStatistics(["gait_parameters"])),
        ])  # fmt: skip
    for name in names:
        m = trials.modality(name)
        if (
            m.kind == "sequence"
            and features not in ("angles", "movement")
            and not (prepared == "joints" and is_pose(m))
        ):
            _require_skeleton(trials, name, f"features '{features}'")
        if prepared == "pose" and not is_pose(m):
            raise GaitDataError(f"'{model}' reads a pose, '{name}' is none: choose steps by GaitClassifier(steps=...)")
        if is_skeleton(m):
            require_z_up(trials, name)
        steps += skeleton_steps(m, name, features) if is_skeleton(m) else pose_steps(m, name) if is_pose(m) else []
        if prepared != "statistics":
            steps += _scaling_steps(m, name, features, prepared)
    statistics = SpectralStatistics if any(is_imu(trials.modality(name)) for name in names) else SummaryStatistics
    last = (
        ("statistics", statistics(names))
        if prepared == "statistics"
        else ("tensors", Tensors(names, pad=prepared != "whole"))
    )
    return Pipeline([*steps, last])


def readable(trials) -> list[str]:
    """Names of the registered classifiers that can read these trials by their default pipeline."""
    found = {}
    for name in models.available(classifies=True):
        needs = (models.info(name).reads, models.info(name).prepared)
        if needs not in found:
            try:
                found[needs] = bool(steps_for(trials, name))
            except GaitDataError:
                found[needs] = False
    return [n for n in models.available(classifies=True) if found[models.info(n).reads, models.info(n).prepared]]


def _scaling_steps(m, name, features, prepared) -> list:
    """Selection, scaling and windows of one modality: all that learns, fitted in the fold."""
    if prepared == "whole":
        _require_one_length(m, name)
        return [(f"scale_{name}", Frames(MinMaxScaler((-1, 1)), name))]
    if m.kind != "sequence":
        return [(f"scale_{name}", Frames(MinMaxScaler() if m.kind == "image" else StandardScaler(), name))]
    steps = [(f"scale_{name}", Frames(StandardScaler(), name)), (f"crop_{name}", _crop(m, name, prepared))]
    if features == "variance":  # before scaling, which makes all variances 1
        best = SelectKBest(variance_score, k=round(TOP_SHARE * len(m.channels)))
        steps.insert(0, (f"select_{name}", Frames(best, name)))
    if features == "pca":
        steps.insert(1, (f"pca_{name}", Frames(PCA(PCA_VARIANCE), name)))
    if features == "autoencoder":
        return [steps[1], (f"code_{name}", Encode(_autoencoder(name))), (f"scale_code_{name}", steps[0][1])]
    return steps[1:] if prepared == "pose" else steps  # scaled apart, places in a picture would be none


def _autoencoder(name) -> Encoder:
    """The autoencoder of the reference study, of windows as they come: it standardises them itself.

    Departs from the source: padded frames count neither in its loss nor in the error, and it learns from training
    trials only, for a fixed number of epochs at a falling rate, since nobody is watched.
    """
    plain_adam = {"warm_up": 0.0, "weight_decay": 0.0, "beta_2": 0.999}
    pretraining = Pretraining(epochs=30, batch_size=64, held_out=0.0, **plain_adam)
    model = models.Builder("autoencoder", code=512)
    return Encoder(model, steps=[], modality=name, frames=None, pretraining=pretraining)


def _crop(m, name, prepared) -> Crop:
    """What is read at once of a sequence."""
    if is_imu(m):
        hop_s = IMU_WINDOW_S if prepared == "opening" else IMU_HOP_S
        return Crop(round(IMU_WINDOW_S * _rate_hz(m)), "sliding", round(hop_s * _rate_hz(m)), name)
    longest = max((len(v) for v in m.values if v is not None), default=1)
    if prepared == "opening":
        return Crop(min(longest, round(OPENING_S * _rate_hz(m))), "first", modality=name)
    if is_skeleton(m) or is_pose(m):
        return Crop(round(WINDOW_S * _rate_hz(m)), "sliding", round(HOP_S * _rate_hz(m)), name)
    return Crop(longest, "last", modality=name)


def _rate_hz(m) -> float:
    """Frames a second of a sequence, whole."""
    steps = [np.median(np.diff(t)) for t in m.time_s if t is not None and len(t) > 1]
    return float(np.round(1 / np.median(steps))) if steps else RATE_HZ


def _require_skeleton(trials, name, what) -> None:
    if not is_skeleton(trials.modality(name)):
        raise GaitDataError(f"{what} need a skeleton, '{name}' is none; choose steps with GaitClassifier(steps=...)")


def _require_one_length(m, name) -> None:
    lengths = {len(v) for v in m.values if v is not None}
    if len(lengths) > 1:
        raise GaitDataError(
            f"waveforms are of one length, and the sequences of '{name}' have {min(lengths)} to {max(lengths)} frames; "
            "bring them to one with gaitlib.preprocessing.TimeNormalise(n_points=101)"
        )


def _modalities(trials, entry) -> list[str]:
    """Names of the modalities that a model reads, in the order of its entry.

    Summary statistics are taken of all sequences and static values; thousands of pixels would drown them.
    """
    by_kind = {k: [n for n, m in trials.modalities.items() if m.kind == k] for k in ("sequence", "image", "static")}
    if entry.prepared == "statistics":
        return [n for kind in entry.reads for n in by_kind[kind]] or by_kind["image"]
    names = []
    for kind in entry.reads:
        if kind == "sequences" and by_kind["sequence"]:
            names += by_kind["sequence"]
            continue
        if len(by_kind.get(kind, ())) != 1:
            what = kind if kind == "sequences" else f"one {kind}"
            have = ", ".join(f"{n} ({m.kind})" for n, m in trials.modalities.items())
            raise GaitDataError(
                f"'{entry.name}' reads {what}, and these trials have {have}; take another model, or choose with "
                "GaitClassifier(steps=...)"
            )
        names += by_kind[kind]
    return names
