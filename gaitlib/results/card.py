"""One page on a model, in Markdown, from stored results alone."""

import html
import re

import numpy as np
import pandas as pd

from gaitlib.errors import GaitDataError
from gaitlib.results.calibration import calibration_table
from gaitlib.results.intervals import limit_in_words

MOST_FREQUENT = 5  # confusions that are listed


def model_card(runs, model: str) -> str:
    """What a model is, how well it did on whom, what it cost, and what that does not show.

    Details are those of the first subject-disjoint protocol with results; figures on known people stand beside the
    others only.

    Parameters
    ----------
    runs : Runs
    model : str

    Returns
    -------
    str
        Markdown, in which names from the data are text only: no HTML, no link, no line of their own.

    Raises
    ------
    GaitDataError
        If the model was not run.

    References
    ----------
    Mitchell et al. 2019, Model cards for model reporting, doi 10.1145/3287560.3287596.
    """
    own = sorted((run for run in runs.runs if run.model == model), key=lambda run: not run.on_new_people)
    if not own:
        raise GaitDataError(f"no model '{model}' here; there are {sorted({run.model for run in runs.runs})}")
    table = runs.table()
    table = table[table["model"] == model].set_index("protocol").loc[[run.protocol for run in own]]
    description = next((run.description for run in own if run.description), {})
    parts = [f"# Model card: {_text(model)}", _origin(_text(runs.data))]
    parts += ["## Model", _model(table, description)]
    parts += ["## Data", _data(runs.about, runs)]
    parts += ["## Results", _results(table) if runs.classes else _errors(table, runs)]
    shown = next((run for run in own if run.folds), None)
    if shown is not None:
        row = table.loc[shown.protocol]
        parts += [f"### In detail: {_text(shown.protocol)} ({_text(shown.claim)})", _subjects(row, "accuracy" if runs.classes else "MAE")]
        if runs.classes:
            parts += [_classes(runs.per_class(model, shown.protocol))]
            parts += [_confusions(runs.confusion(model, shown.protocol)), _calibration(runs, shown)]
        parts += ["## Cost", _cost(row, shown, description)]
    failed = runs.failures().query("model == @model")
    if len(failed):
        parts += ["## Folds that failed", _markdown(failed[["protocol", "fold", "reason"]])]
    parts += ["## Limits", _limits(table, np.array([run.on_new_people for run in own]), bool(runs.classes))]
    if "versions" in description:
        versions = ", ".join(_text(f"{name} {number}") for name, number in description["versions"].items())
        parts += ["## Software", f"{versions}."]
    return "\n\n".join(parts) + "\n"


def _origin(data) -> str:
    if "synthetic" in data.lower():
        return f"**{data}: these walks were made by a program. Nothing here was measured on a person.**"
    if "simulated" in data.lower():
        return f"**{data}: no patient was recorded.**"
    return f"**{data}: the data do not say whether these are gaits of patients.** Find out before use."


def _model(table, description) -> str:
    """Kind and reference of a registered model, its settings, and what goes before it."""
    given = description.get("classifier", {}).get("params", {}).get("model")
    settings = dict(given.get("params", {})) if isinstance(given, dict) else {"model": given}
    name = settings.pop("model", given)
    lines = []
    if isinstance(name, str):
        lines.append(f"- `{_text(name)}`, {_text(description['run']['what'])}")
    elif name:
        lines.append(f"- a model of one's own: `{_text(name['name'])}`")
    elif description.get("classifier"):  # an ensemble
        lines.append(f"- {_text(description['run']['model'])}: {_text(description['run']['what'])}")
    if settings:
        lines.append("- settings: " + ", ".join(_text(f"{k} = {v}") for k, v in settings.items()))
    if pd.notna(weights := table["parameters"].max()):
        lines.append(f"- {weights:,} weights; {table['epochs'].mean():.0f} epochs on average")
    steps = description.get("built", {}).get("steps", {}).get("params", {}).get("steps", [])
    if steps:
        lines.append("- steps before it: " + ", ".join(_text(step["class"].split(":")[-1]) for _, step in steps))
    return "\n".join(lines) or "Nothing is stored of it."


def _data(about, runs) -> str:
    return "\n".join([
        f"- {about.trials} trials of {about.walks} walks of {about.subjects} subjects; {', '.join(map(_text, about.modalities))}",
        f"- {len(runs.classes)} classes: {', '.join(map(_text, runs.classes))}"
        if runs.classes
        else f"- {_text(runs.head)}: a number{f' in {_text(runs.unit)}' if runs.unit else ''}",
    ])  # fmt: skip


def _results(table) -> str:
    shown = pd.DataFrame({
        "protocol": table.index,
        "claim": table["claim"],
        "subjects": table["subjects"],
        "trials": table["trials"],
        "accuracy": _with_interval(table, "accuracy", "low", "high"),
        "t interval": [f"{a:.3f} to {b:.3f}" if a <= b else "none" for a, b in table[["t_low", "t_high"]].to_numpy()],
        "worst subject": table["worst subject"],
        "macro F1": table["macro F1"].map(_number),
        "failed folds": table["failed folds"],
    })  # fmt: skip
    return (
        f"{_markdown(shown)}\n\nAccuracy: mean over subjects, with its 95 % interval over subjects, which holds with "
        "few people and however they spread; beside it the t interval, which is too narrow near 1 and where few people "
        "are far below the others (none where all are alike). Macro F1: all trials together."
    )


ENDS = ("MAE low", "MAE high")  # of the interval, no subjects


def _errors(table, runs) -> str:
    shown = pd.DataFrame({
        "protocol": table.index,
        "claim": table["claim"],
        "subjects": table["subjects"],
        "trials": table["trials"],
        "MAE": _with_interval(table, "MAE", "MAE low", "MAE high"),
        "worst person": table["worst person"],
        "RMSE": table["RMSE"].map(_number),
        "R2": table["R2"].map(_number),
        "bias": table["bias"].map(_number),
        "limits of agreement": [f"{a:.3g} to {b:.3g}" for a, b in table[["limit low", "limit high"]].to_numpy()],
        "failed folds": table["failed folds"],
    })  # fmt: skip
    unit = f", in {_text(runs.unit)}" if runs.unit else ""
    return (
        f"{_markdown(shown)}\n\nMean absolute error of {_text(runs.head)}{unit}: mean over subjects, with its 95 % t "
        "interval over subjects; bias, and the limits between which 95 % of a new person's trials lie."
    )


def _subjects(row, score) -> str:
    values = {name.removeprefix(f"{score} "): v for name, v in row.items() if name.startswith(f"{score} ") and name not in ENDS}
    values = pd.Series(values, dtype=float).dropna().sort_values()
    return f"{score[0].upper()}{score[1:]} of every subject: " + ", ".join(f"{_text(s)} {v:.3f}" for s, v in values.items()) + "."


def _classes(scores) -> str:
    shown = pd.DataFrame({
        "class": scores.index,
        **{n: _with_interval(scores, n, f"{n} low", f"{n} high") for n in ("sensitivity", "specificity")},
        "precision": scores["precision"].map(_number),
        "F1": scores["F1"].map(_number),
        "trials": scores["trials"],
    })  # fmt: skip
    return (
        f"{_markdown(shown)}\n\nSensitivity and specificity: means over subjects, with 95 % intervals over subjects "
        "that ask for no distribution. Precision and F1: all trials together."
    )


def _confusions(counts) -> str:
    total = counts.sum(axis=1)
    cells = counts.melt(ignore_index=False, value_name="trials").reset_index()
    wrong = cells.query("label != predicted and trials > 0").nlargest(MOST_FREQUENT, "trials")
    if wrong.empty:
        return "No trial was taken for another class."
    listed = [f"{_text(w.label)} taken for {_text(w.predicted)} ({w.trials} of {total[w.label]})" for w in wrong.itertuples()]
    return f"Most frequent mistakes: {', '.join(listed)}."


def _calibration(runs, shown) -> str:
    row = calibration_table(runs).query("model == @shown.model and protocol == @shown.protocol").iloc[0]
    error, loss = row["calibration error"], row["loss"]
    text = f"Of all trials together: expected calibration error {error:.3f}, loss {loss:.3f} nats"
    if row["folds with temperature"] == 0:
        return f"{text}. No trials were watched, so no temperature was fitted."
    return (
        f"{text}; after one temperature a fold (median {row['temperature']:.2f}, fitted on the watched trials) "
        f"{row['calibration error after']:.3f} and {row['loss after']:.3f} nats."
    )


def _cost(row, shown, description) -> str:
    threads = max(fold.resources["threads"] for fold in shown.folds)
    device = description.get("device", {})
    where = f" on a {'GPU' if device['gpu'] else 'CPU'} with {_text(device['backend'])}" if device else ""
    return (
        f"Fitting {len(shown.folds)} folds took {row['seconds']:.1f} s in all and {row['memory (MB)']:.0f} MB at most"
        f"{where}, {threads} thread{'s' * (threads > 1)} a fold."
    )


def _limits(table, on_new_people, of_classes) -> str:
    new = table[on_new_people & (table["subjects"] > 0)]
    lines = ["- Not a diagnosis, and not tested as a medical device."]
    if new.empty:
        lines.append("- Never tested on a new person: these figures say nothing about somebody new.")
    else:
        lines.append(
            f"- {new['subjects'].iloc[0]} subjects were tested. The intervals tell how far other people like them "
            f"would move the figures, not another seed, sensor or laboratory."
            + (f" {limit_in_words(new['subjects'].iloc[0])}" if of_classes else "")
        )
    if not on_new_people.all():
        lines.append('- Figures on "a new walk of a known person" do not hold for a new person.')
    if table["failed folds"].any():
        lines.append("- Failed folds are left out of every figure: the subjects they would have tested are not in it.")
    return "\n".join(lines)


def _with_interval(table, name, low, high) -> list[str]:
    rows = table[[name, low, high]].itertuples(index=False)
    return [_number(v) + ("" if np.isnan(a) else f" ({a:.3f} to {b:.3f})") for v, a, b in rows]


def _number(value) -> str:
    return "" if np.isnan(value) else f"{value:.3f}"


def _markdown(table) -> str:
    """A table in Markdown; pandas would need another package."""
    rows = [list(table), ["---"] * table.shape[1], *table.fillna("").to_numpy().tolist()]
    return "\n".join(f"| {' | '.join(map(_text, row))} |" for row in rows)


def _text(value) -> str:
    """What came with the data, in one line of Markdown that shows it and does nothing else."""
    line = " ".join(str(value).split())
    return re.sub(r"([\\`\[\]|])", r"\\\1", html.escape(line, quote=False))
