"""``python -m gaitlib run | show | predict``: studies without a notebook, on machines without a screen."""

import argparse
import os
import re
import sys
from pathlib import Path

import numpy as np
import pandas as pd

from gaitlib import plots
from gaitlib.classifier import GaitClassifier
from gaitlib.datasets import frames_at, load_trials, pose_from_video, video
from gaitlib.errors import GaitDataError
from gaitlib.evaluation import benchmark
from gaitlib.evaluation.fold import train_fold
from gaitlib.explain import distance_from_learnt, relevance
from gaitlib.explain.one_trial import has_seen, told_by
from gaitlib.plots.house_style import label
from gaitlib.results import open_runs
from gaitlib.study_file import read_study

WIDE = {
    "display.width": 200,
    "display.max_columns": 40,
    "display.max_rows": 400,
    "display.float_format": "{:.3f}".format,
}


def main(arguments=None) -> int:
    """Run one command; returns the exit status, 1 where something was wrong with what was given."""
    told = _parser().parse_args(arguments)
    try:
        with pd.option_context(*[x for pair in WIDE.items() for x in pair]):
            told.command(told)
    except GaitDataError as error:
        print(f"gaitlib: {error}", file=sys.stderr)
        return 1
    return 0


def _parser():
    parser = argparse.ArgumentParser("python -m gaitlib", description="Gait classification that can be believed.")
    commands = parser.add_subparsers(required=True, metavar="run | show | predict")
    run = commands.add_parser("run", help="run the study of a YAML file; one that was stopped goes on")
    run.add_argument("study", help="such as configs/example.yaml")
    run.add_argument("--set", action="append", default=[], metavar="KEY=VALUE", help="such as training.epochs=5")
    run.add_argument("--dry-run", action="store_true", help="folds, parameters, and hours by one fold of each model")
    run.add_argument(
        "--models",
        action="store_true",
        help="also train each model on all people, for predict; in models/ of the results",
    )
    run.set_defaults(command=_run)
    show = commands.add_parser("show", help="tables of stored runs")
    show.add_argument("folder", help="such as results/example")
    show.set_defaults(command=_show)
    predict = commands.add_parser("predict", help="what a saved model says of new recordings")
    predict.add_argument("model", help="folder of GaitClassifier.save")
    predict.add_argument(
        "recordings", help="a folder or .zip in a layout that load_trials knows; a video, or a folder of videos"
    )
    predict.add_argument(
        "--weights", default=os.environ.get("GAITLIB_WEIGHTS", video.MODEL), metavar="FILE",
        help="of MediaPipe's Pose Landmarker, for videos; default $GAITLIB_WEIGHTS, else %(default)s",
    )  # fmt: skip
    predict.add_argument("--results", default="results/predictions", help="where table and pictures go")
    predict.set_defaults(command=_predict)
    return parser


def _run(told) -> None:
    study = read_study(told.study, told.set)
    trials = study.trials()
    print(trials)
    if getattr(trials, "report", None) is not None:
        print(trials.report)
    models = study.classifiers(trials)
    if told.dry_run:
        print(_estimate(study, trials, models).to_string(index=False))
        return
    runs = benchmark(models, trials, study.protocols, str(study.results / "runs"), seed=study.seed, n_jobs=study.n_jobs)
    print(f"{runs.table().to_string(index=False)}\n\nin {_write(runs, study.results)}")
    if told.models:
        for name, model in models.items():
            whole = model.set_params(seed=study.seed, validation=None, progress=False).fit(trials)
            whole.save(study.results / "models" / _file_name(name))


def _write(runs, folder) -> Path:
    """Tables, figures and a card a model."""
    runs.save_tables(folder / "tables")
    for model in dict.fromkeys(run.model for run in runs.runs):
        (folder / "cards").mkdir(parents=True, exist_ok=True)
        (folder / "cards" / f"{_file_name(model)}.md").write_text(runs.model_card(model), encoding="utf-8")
        if runs.classes:
            plots.save(plots.confusion_matrices(runs, model), folder / "figures" / f"confusion_{_file_name(model)}.png")
    if runs.classes:
        plots.save(plots.per_subject(runs), folder / "figures" / "per_subject.png")
    return folder


def _file_name(text) -> str:
    return re.sub(r"[^A-Za-z0-9_-]+", "-", text)


def _estimate(study, trials, models) -> pd.DataFrame:
    """A row a model and protocol: folds, parameters, seconds of the first fold, hours of all."""
    rows = []
    for protocol in study.protocols:
        for name, model in models.items():
            folds = protocol.folds(trials.judged_by(model.primary))
            cost = train_fold(model, trials, folds[0], study.seed).resources
            rows.append(
                {
                    "protocol": protocol.name,
                    "model": name,
                    "folds": len(folds),
                    "trained on": len(folds[0].train),
                    "tested on": round(float(np.mean([len(fold.test) for fold in folds]))),
                    "parameters": cost["parameters"],
                    "seconds of the first fold": round(cost["seconds"], 1),
                    "hours of all": round(cost["seconds"] * len(folds) / study.n_jobs / 3600, 2),
                }
            )
    return pd.DataFrame(rows)


def _show(told) -> None:
    folder = Path(told.folder)
    runs = open_runs(str(folder / "runs" if (folder / "runs").is_dir() else folder))
    print(runs.table().to_string(index=False))
    if len(failed := runs.failures()):
        print(f"\nfolds that failed\n{failed.to_string(index=False)}")
    print(f"\n{runs.audit().brief()}")


def _predict(told) -> None:
    model, folder = GaitClassifier.load(told.model), Path(told.results)
    filmed = video.holds_videos(told.recordings)
    trials = pose_from_video(told.recordings, told.weights) if filmed else load_trials(told.recordings)
    proba = pd.DataFrame(model.predict_proba(trials), columns=model.classes_)
    seen = has_seen(model, trials)
    table = pd.DataFrame({"trial": trials.ids, "predicted": model.predict(trials), "of a known person": seen}).join(
        proba
    )
    folder.mkdir(parents=True, exist_ok=True)
    table.to_csv(folder / "predictions.csv", index=False)
    draw = plots.dashboard if "skeleton" in trials.modalities else plots.class_probabilities
    for i in np.flatnonzero(~seen):
        trial = trials[i : i + 1]
        looked_at = _looked_at(model, trial) if filmed else None
        if looked_at is None:
            figure = draw(told_by(model, trial, model.builder().name))
        else:
            file = video.file_of(told.recordings, trial)
            pictures = frames_at(file, plots.shown_frames(trial))
            figure = plots.attention_on_frames(looked_at, pictures, proba.loc[i])
        plots.save(figure, folder / f"{_file_name(trials.ids[i])}.png")
    print(f"{table.to_string(index=False)}\n\nin {folder}")
    if seen.any():
        print(f"{seen.sum()} of {len(seen)} are of people whom the model has learnt from: of them this shows nothing")
    if filmed:
        print(trials.report, _how_far_to_believe(model, trials), sep="\n\n")


def _looked_at(model, trial):
    """The model's own attention, else the relevance of its values; None where it has neither."""
    for method in ("attention", "lrp"):
        try:
            return relevance(model, trial, method=method)
        except GaitDataError:
            continue
    return None


def _how_far_to_believe(model, trials) -> str:
    """What stands between the recordings that were learnt from and a new video."""
    told = [
        f"The model learnt from {len(model.fitted_on_)} recordings of {len(set(model.fitted_subjects_))} people, and "
        f"names one of {', '.join(map(label, model.classes_))} whatever it is shown."
    ]
    try:
        for _, trial, far, channel, there in distance_from_learnt(model, trials).itertuples():
            told.append(
                f"{trial} lies {far:.1f} SD from the mean of what it learnt from (which lies 1.0 SD from it), furthest "
                f"in {label(channel)} ({there:.1f} SD)."
            )
    except GaitDataError:
        told.append("How unlike these videos are, its steps cannot tell.")
    return "\n".join([*told, "How often it is right on videos, only labelled videos of other people can tell."])
