"""Open stored runs without the program that made them: from disk alone, wherever the folder now lies."""

import json
import warnings
from pathlib import Path

from gaitlib.audit.receipt import Finding, Receipt
from gaitlib.errors import GaitDataError
from gaitlib.protocols.folds import KNOWN_PERSON, NEW_PERSON, Claim
from gaitlib.results.runs import Run, Runs
from gaitlib.results.stored import FORMAT, About, DamagedFoldError, failure_note, fold_folder, read_fold


def open_runs(folder, trials=None, model=None, data=None, custom_objects=None) -> Runs:
    """Results of benchmarks that ran earlier: tables, predictions, comparison, calibration, model cards.

    Nothing is written, trained or built: a read-only disk will do, and no deep-learning backend is loaded until a
    classifier is asked for. What is damaged or something else is named in a warning and in ``runs.skipped``; the rest
    opens. Of two runs of one name (a model under one protocol, with other settings) the one written last is opened.

    Parameters
    ----------
    folder : path
        The ``store`` of :func:`gaitlib.benchmark`, or the folder of one run in it.
    trials : TrialSet, optional
        The benchmarked trials, needed only to explain, perturb or show single ones. Only runs on just these are opened.
    model : str, optional
        Open the runs of this model only.
    data : str, optional
        Name of the data, where the store holds runs on several.
    custom_objects : dict, optional
        Your own steps, builders or layers, to load stored classifiers.

    Returns
    -------
    Runs

    Raises
    ------
    GaitDataError
        If there is no such folder, no run that can be opened, or there are runs on several data and none was chosen.
    """
    folder = Path(folder)
    if not folder.is_dir():
        raise GaitDataError(f"{folder}: no such folder; give the store= of the benchmark")
    places = [folder] if (folder / "run.json").exists() else sorted(p for p in folder.iterdir() if p.name[0] != ".")
    found, skipped = {}, []
    for place in sorted(places, key=_written):
        try:
            about, run, bad = _open(place)
        except GaitDataError as error:
            skipped.append((str(place), str(error)))
            continue
        skipped += bad
        if model in (None, run.model):
            name = (about.digest, run.model, run.protocol)
            if name in found:
                skipped.append(
                    (str(found[name][2]), f"an earlier run of {run.model}, {run.protocol}: open it by itself")
                )
            found[name] = about, run, place
    about = _chosen(folder, {about.digest: about for about, _, _ in found.values()}, trials, data, skipped)
    own = [(run, place) for other, run, place in found.values() if other.digest == about.digest]
    if skipped:
        warnings.warn(f"{len(skipped)} not opened (runs.skipped), the first: {': '.join(skipped[0])}", stacklevel=2)
    findings = dict.fromkeys(finding for _, place in own for finding in _findings(place))
    return Runs([run for run, _ in own], trials, custom_objects, Receipt(list(findings), about.name), about, skipped)


def _written(place: Path) -> float:
    """When a run was last written, 0 for what is none."""
    file = place / "run.json"
    return file.stat().st_mtime if file.is_file() else 0.0


def _open(place: Path) -> tuple[About, Run, list]:
    """A run, what it is about, and its folds that could not be read."""
    try:
        kept = json.loads((place / "run.json").read_text())
        if isinstance(kept, dict) and "classifier" in kept and "format" not in kept:
            raise GaitDataError("written before runs could be opened without their makers; run the benchmark again")
        if not isinstance(kept, dict) or kept.get("format") != FORMAT:
            raise GaitDataError("no run of gaitlib, or one of another version")
        run = kept["run"]
        about = About(**run["data"])
        name, protocol, names = (run[key] for key in ("model", "protocol", "folds"))
        claim = _claim(run["claim"])
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise GaitDataError(f"no run of gaitlib ({type(error).__name__}: {error})") from error
    folds, failed, bad = [], {}, []
    for fold in names:
        own = fold_folder(place, fold)
        if own.exists():
            try:
                folds.append(read_fold(own, fold))
            except DamagedFoldError as error:
                bad.append((str(own), str(error)))
        elif failure_note(place, fold).exists():
            failed[fold] = failure_note(place, fold).read_text().removeprefix(f"{fold}: ").rstrip()
    return about, Run(name, protocol, claim, folds, failed, kept), bad


def _claim(kept) -> Claim:
    """A claim as it is written; runs from before claims named columns have its words alone."""
    if isinstance(kept, str):
        return {str(claim): claim for claim in (NEW_PERSON, KNOWN_PERSON)}.get(kept, Claim(kept, ()))
    return Claim(kept["words"], tuple(kept["disjoint"]))


def _chosen(folder, abouts, trials, data, skipped) -> About:
    """The one data set whose runs are opened."""
    if trials is not None:
        abouts = {d: about for d, about in abouts.items() if d == trials.digest()}
        if not abouts:
            raise GaitDataError(f"{folder}: no run on just these trials ('{trials.name}'); load them as they were")
    if data is not None:
        abouts = {d: about for d, about in abouts.items() if about.name == data}
    if len(abouts) == 1:
        return next(iter(abouts.values()))
    names = sorted({about.name for about in abouts.values()})
    if abouts:
        raise GaitDataError(f"{folder}: runs on several data, give trials= or data= one of: {'; '.join(names)}")
    reasons = f"; the first: {': '.join(skipped[0])}" if skipped else ""
    raise GaitDataError(f"{folder}: no run that can be opened{reasons}")


def _findings(place: Path) -> list[Finding]:
    """What the audit of a run found; an "unseen" where its receipt is gone."""
    try:
        return Receipt.from_dict(json.loads((place / "audit.json").read_text())).findings
    except (OSError, ValueError, KeyError, TypeError):
        return [Finding("receipt", "", "", "unseen", f"{place.name}: the receipt of its audit is not there")]
