"""Open stored runs without the program that made them: from disk alone, wherever the folder now lies."""

import warnings
from pathlib import Path

from gaitlib.audit.receipt import VERDICTS, Finding, Receipt
from gaitlib.errors import GaitDataError
from gaitlib.protocols.folds import KNOWN_PERSON, NEW_PERSON, Claim
from gaitlib.results.run import LABEL, Run
from gaitlib.results.runs import Runs
from gaitlib.results.stored import FORMAT, UNCHECKED, About, failure_note, fold_folder, read_fold, read_json


def open_runs(folder, trials=None, model=None, data=None, custom_objects=None) -> Runs:
    """Results of benchmarks that ran earlier: tables, predictions, comparison, calibration, model cards.

    Nothing is written, trained or built: a read-only disk will do, and no deep-learning backend is loaded until a
    classifier is asked for. What is damaged, changed since it was written, unfinished or something else is named in a
    warning and in ``runs.skipped``; the rest opens. Runs from before there were checksums open with a warning, as a
    change in them cannot be seen. Of two runs of one name (a model under one protocol, with other settings) the one written last is opened.

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
    try:
        places = [folder] if (folder / "run.json").exists() else sorted(p for p in folder.iterdir() if p.name[0] != ".")
    except OSError as error:
        raise GaitDataError(f"{folder}: cannot be read ({error}); mend its rights") from error
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
    if unchecked := [str(place) for run, place in own if run.description["format"] == UNCHECKED]:
        warnings.warn(
            f"{len(unchecked)} runs are from before there were checksums, so nobody knows whether they were changed, the "
            f"first: {unchecked[0]}; run the benchmark again",
            stacklevel=2,
        )
    findings = dict.fromkeys(finding for run, place in own for finding in _findings(place, run.description))
    return Runs([run for run, _ in own], trials, custom_objects, Receipt(list(findings), about.name), about, skipped)


def _written(place: Path) -> float:
    """When a run was last written, 0 for what is none."""
    try:
        return (place / "run.json").stat().st_mtime
    except OSError:
        return 0.0


def _open(place: Path) -> tuple[About, Run, list]:
    """A run, what it is about, and its folds that could not be read."""
    try:
        kept = _description(place)
        run = kept["run"]
        about = About(**run["data"])
        name, protocol, names = (run[key] for key in ("model", "protocol", "folds"))
        claim, heads = _claim(run["claim"]), run.get("heads", [LABEL])
        places = {fold: fold_folder(place, fold) for fold in names}
    except GaitDataError:
        raise
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise GaitDataError(f"no run of gaitlib ({type(error).__name__}: {error})") from error
    folds, failed, bad, absent = [], {}, [], []
    for fold, own in places.items():
        if own.exists():
            try:
                folds.append(read_fold(own, fold, kept.get("key")))
            except GaitDataError as error:
                bad.append((str(own), str(error)))
        elif failure_note(place, fold).is_file():
            failed[fold] = failure_note(place, fold).read_text(errors="replace").removeprefix(f"{fold}: ").rstrip()
        else:
            absent.append(fold)
    if absent:
        bad.append((str(place), f"{len(absent)} of {len(names)} folds are not there ({absent[0]} ...): not finished"))
    return about, Run(name, protocol, claim, folds, failed, kept, heads), bad


def _description(place: Path) -> dict:
    """What a run says of itself; one from before there were checksums is without a key."""
    if not (place / "run.json").is_file():
        raise GaitDataError("no run of gaitlib: there is no run.json")
    kept = read_json(place / "run.json", checked=False)
    if "classifier" in kept and "format" not in kept:
        raise GaitDataError("written before runs could be opened without their makers; run the benchmark again")
    if kept.get("format") not in (FORMAT, UNCHECKED):
        raise GaitDataError("no run of gaitlib, or one of another version")
    return kept if kept["format"] == UNCHECKED and "key" not in kept else read_json(place / "run.json")


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


def _findings(place: Path, description: dict) -> list[Finding]:
    """What the audit of a run found; an "unseen" where its receipt is gone, changed or another run's."""
    try:
        kept = read_json(place / "audit.json", checked="key" in description)
        findings = Receipt.from_dict(kept).findings
        if kept.get("key") == description.get("key") and all(finding.verdict in VERDICTS for finding in findings):
            return findings
    except (OSError, ValueError, KeyError, TypeError):
        pass
    return [Finding("receipt", "", "", "unseen", f"{place.name}: the receipt of its audit is not there, or was changed")]
