"""The table of all models: one row a model and protocol, with the scores of the kind of the head."""

import itertools

import pandas as pd

from gaitlib.errors import GaitDataError
from gaitlib.results import calibration, scores
from gaitlib.results.against_baselines import baseline_verdicts
from gaitlib.results.baselines import baseline_predictions, without_first_minutes
from gaitlib.results.binary_scores import binary_head_scores
from gaitlib.results.continuous_scores import continuous_head_scores, error_by_subject

SCORES = (
    "accuracy", "low", "high", "t_low", "t_high", "SD", "worst subject", "balanced accuracy", "balanced accuracy low",
    "balanced accuracy high", "macro F1", "macro F1 low", "macro F1 high", "loss", "calibration error",
)  # fmt: skip
OF_TWO = ("over", "AUROC", "AUROC low", "AUROC high", "AUROC t_low", "AUROC t_high")  # of two classes, either the positive
RESOURCES = {  # of a fold: name in the table, and how folds are put together
    "parameters": ("parameters", "max"),
    "epochs": ("epochs", "mean"),
    "seconds": ("seconds", "sum"),
    "peak_memory_mb": ("memory (MB)", "max"),
    "cpu_percent": ("CPU (%)", "mean"),
}
COUNTED = ("people", "trials", "without target")  # unknown truths are in no row; the others stand in the table
SHOWN = {  # of the table, where it is only looked at
    "class": (
        "model", "protocol", "subjects", "accuracy", "low", "high", "t_low", "t_high", "worst subject", "macro F1",
        "calibration error", "seconds",
    ),
    "binary": (
        "model", "protocol", "subjects", "AUROC", "AUROC t_low", "AUROC t_high", "AUROC low", "AUROC high", "over",
        "PR-AUC", "share positive", "F1", "balanced accuracy", "Brier", "seconds",
    ),
    "continuous": (
        "model", "protocol", "subjects", "MAE", "MAE low", "MAE high", "worst person", "RMSE", "R2", "bias",
        "limit low", "limit high", "seconds",
    ),
}  # fmt: skip


def models_table(runs, per="trial") -> pd.DataFrame:
    """One row a model and protocol, as said in :meth:`gaitlib.results.Runs.table`."""
    rows, subjects = [], set()
    for run, own in runs.tested(per):
        row = {"data": runs.data, "model": run.model, "protocol": run.protocol, "claim": str(run.claim)}
        row |= {"subjects": own["subject"].nunique(), f"{per}s": len(own), "failed folds": len(run.failed)}
        if len(own):
            resources = pd.DataFrame([fold.resources for fold in run.folds])
            row |= {name: resources[key].agg(how) for key, (name, how) in RESOURCES.items()}
            row |= _scores(own, runs)
            subjects |= set(own["subject"])
        rows.append(row)
    named = [name for name, _ in RESOURCES.values()]
    first = ["data", "model", "protocol", "claim", "subjects", f"{per}s"]
    score = "MAE" if runs.kind == "continuous" else "accuracy"
    own = [f"{score} {s}" for s in sorted(subjects)]
    wide = [f"{share} {c}" for share in ("sensitivity", "specificity") for c in runs.classes]
    others = [*first, *named, "failed folds", *wide, *own, *SCORES]
    scored = dict.fromkeys(name for row in rows for name in row if name not in others)
    columns = [*first, *(SCORES if runs.kind != "continuous" else ()), *scored, *named, "failed folds", *wide, *own]
    return pd.DataFrame(rows, columns=columns).astype({"parameters": "Int64"})


def baselines_table(runs, minutes=None) -> pd.DataFrame:
    """Models and baselines on the same trials, and whether each model beats them: see
    :meth:`gaitlib.results.Runs.against_baselines`."""
    if runs.trials is None:
        raise GaitDataError("baselines need the trials: open_runs(folder, trials=...)")
    rows = []
    for protocol, said in runs.predictions().groupby("protocol", sort=False):
        learnt = {f.name: f.learnt for run in runs.runs if run.protocol == protocol for f in run.folds}
        training = {name: [*own["fitted_on"], *own["watched"]] for name, own in learnt.items()}
        if minutes is not None:
            said = without_first_minutes(said, runs.trials, minutes)
        baselines = baseline_predictions(runs.trials, runs.head, said, training, minutes)
        verdicts = baseline_verdicts(said, baselines, runs.classes).set_index("model")
        for table in (said, baselines):
            for model, own in table.groupby("model", sort=False):
                own = own.dropna(subset="predicted")
                if own.empty:  # a baseline that knows nothing here
                    continue
                row = {"data": runs.data, "model": model, "protocol": protocol, "subjects": own["subject"].nunique()}
                row |= {"trials": len(own), **_scores(own, runs)}
                if model in verdicts.index:
                    row |= verdicts.loc[model, ["beats its baselines", "in words"]].to_dict()
                rows.append(row)
    return pd.DataFrame(rows)


GAP = {"class": "accuracy", "binary": "AUROC", "continuous": "MAE"}


def gap_in_words(runs) -> str:
    """How much better each model looks where the test subjects are known: :meth:`gaitlib.results.Runs.gap_in_words`."""
    by_model, sentences = {}, []
    for run, own in runs.tested():
        if len(own):
            by_model.setdefault(run.model, []).append((run, own))
    for model, tested in by_model.items():
        strangers, known = ([one for one in tested if one[0].on_new_people is new] for new in (True, False))
        for (new, a), (old, b) in itertools.product(strangers, known):
            both = set(a["subject"]) & set(b["subject"])
            rows = [_scores(own[own["subject"].isin(both)], runs) for own in (a, b) if both]
            if both:
                sentences.append(f"- **{model}** " + _gap(new, old, *rows, len(both), runs))
    if not sentences:
        return "Nothing to compare: only one kind of protocol was run."
    return "\n".join([f"{runs.title}:", "", *sentences])


def _gap(new, known, a, b, n_subjects, runs) -> str:
    """One sentence on a model with strangers and, on the same people, where it knows them."""
    score, unit = GAP[runs.kind], f" {runs.unit}" if runs.unit else ""
    change = b[score] - a[score]
    more = "more" if change >= 0 else "less"
    about = f"{new.claim} ({new.protocol}, {n_subjects} subjects"
    if score == "accuracy":
        return (
            f"is right on {a[score]:.1%} of the trials of {about}, SD {a['SD']:.3f}, worst subject {a['worst subject']}). "
            f"The {known.protocol} says {b[score]:.1%}: {100 * abs(change):.1f} points {more}."
        )
    said = f"has an {score} of {a[score]:.3g}{unit} on trials of {about})"
    return f"{said}. The {known.protocol} says {b[score]:.3g} of the same people: {abs(change):.2g} {more}."


def _scores(predictions, runs) -> dict:
    """The scores of one model under one protocol, by the kind of the head."""
    if runs.kind == "continuous":
        errors = error_by_subject(predictions).add_prefix("MAE ")
        return {n: v for n, v in continuous_head_scores(predictions).items() if n not in COUNTED} | errors.to_dict()
    row = scores.overall_scores(predictions, runs.classes)
    row["calibration error"] = calibration.predicted_class_error(predictions, runs.classes)
    if runs.kind == "binary":
        row |= {n: v for n, v in binary_head_scores(predictions, runs.classes).items() if n not in COUNTED}
    elif len(runs.classes) == 2:
        row |= {n: v for n, v in binary_head_scores(predictions, runs.classes).items() if n in OF_TWO}
    return row
