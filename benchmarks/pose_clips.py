"""What a clip twice as long costs: preparing its pose, training, telling its class, and where the network looked.

Synthetic walks seen from the side, played to and fro until they last 4, 8 and 16 s; CPU seconds of each part, all clips
together, after a first time that compiles, and how often those of the half length.

Usage: python benchmarks/pose_clips.py [CLIPS]
"""

import sys
import time
from dataclasses import replace

import numpy as np
import pandas as pd
from sklearn.pipeline import make_pipeline

import gaitlib
from gaitlib import GaitClassifier, Training
from gaitlib.explain import relevance
from gaitlib.models import Builder, Prior
from gaitlib.preprocessing import FillPose, MaskFace, NormalisePose

SECONDS = (4.0, 8.0, 16.0)


def to_and_fro(pose, seconds):
    """Each clip played forwards and backwards until it is so long."""
    m = pose.modality("pose")
    values, times, frames = m.values.copy(), m.time_s.copy(), m.frames.copy()
    for i, (v, t) in enumerate(zip(m.values, m.time_s, strict=True)):
        step = float(np.median(np.diff(t)))
        n = int(round(seconds / step))
        order = np.abs((np.arange(n) + len(v) - 1) % (2 * len(v) - 2) - (len(v) - 1))
        values[i], times[i], frames[i] = v[order], np.arange(n) * step, np.arange(n)
    return pose.with_modality("pose", replace(m, values=values, time_s=times, frames=frames))


def costs(pose, network) -> dict[str, float]:
    """CPU seconds of the parts, once everything is compiled."""
    steps = make_pipeline(MaskFace(), NormalisePose(), FillPose())
    prepared, preparing = _timed(lambda: steps.fit_transform(pose))
    training = Training(epochs=1, batch_size=32)
    model = GaitClassifier(network, training=training, validation=None, progress=False).fit(prepared)
    return {
        "preparing": preparing,
        "training an epoch": _timed(lambda: model.fit(prepared))[1],
        "telling": _timed(lambda: model.predict_proba(prepared))[1],
        "attention": _timed(lambda: relevance(model, prepared, method="attention"))[1],
        "relevance": _timed(lambda: relevance(model, prepared))[1],
    }


def main(n_clips=60):
    walks = gaitlib.synthetic_trials(n_subjects=2, n_walks=-(-int(n_clips) // 12))
    pose = gaitlib.project_to_pose(walks, "side")
    weights = Prior({"hip": 1.0, "knee": 1.0}).weights_for(pose.modality("pose").channels)
    network = Builder("pose_cross_attention", prior=weights)
    table = pd.DataFrame({f"{s:g} s": costs(to_and_fro(pose, s), network) for s in SECONDS})
    print(f"{len(pose)} clips, CPU seconds\n{table.round(2).to_string()}")
    print(f"of the half length\n{(table / table.shift(axis=1)).iloc[:, 1:].round(2).to_string()}")


def _timed(work):
    work()
    began = time.process_time()
    made = work()
    return made, time.process_time() - began


if __name__ == "__main__":
    main(*sys.argv[1:])
