"""A study in a YAML file: which data, models, protocols and settings, checked key by key before anything is trained."""

import difflib
import inspect
from dataclasses import dataclass, replace
from pathlib import Path

import yaml

import gaitlib
from gaitlib import datasets, models, protocols
from gaitlib.classifier import GaitClassifier
from gaitlib.datasets import synthetic
from gaitlib.errors import GaitDataError
from gaitlib.models import Builder, Prior
from gaitlib.recipes import NAMED
from gaitlib.training import Training

KEYS = ("name", "data", "modalities", "pose", "models", "protocols", "training", "heads", "results", "seed", "n_jobs")
MODEL_KEYS = ("model", "parameters", "prior", "controls", "training", "heads")
LOADERS = {
    name: getattr(room, name)
    for room in (datasets, synthetic)
    for name in room.__all__
    if name.startswith(("load_", "synthetic_"))
}
PROTOCOLS = {
    name: value
    for name, value in vars(protocols).items()
    if inspect.isclass(value) and issubclass(value, protocols.Protocol) and name in gaitlib.__all__
    if "protocol" not in inspect.signature(value).parameters  # one of another protocol
}


@dataclass(frozen=True)
class Study:
    """What a file says, ready to run.

    Attributes
    ----------
    name : str
    loader : str
        Name of the function that gives the trials.
    data : dict
        Its arguments.
    modalities : list of str or None
        Those that are kept; None for all.
    pose : dict or None
        Arguments of :func:`gaitlib.project_to_pose`, where skeletons are to be seen as a pose.
    models : dict of str to dict
        As written, by name; :meth:`classifiers` makes them.
    protocols : list of Protocol
    results : Path
    seed, n_jobs : int
    """

    name: str
    loader: str
    data: dict
    modalities: list | None
    pose: dict | None
    models: dict
    protocols: list
    results: Path
    seed: int = 0
    n_jobs: int = 1

    def recordings(self):
        """What the loader gives, of all modalities or those asked for."""
        trials = LOADERS[self.loader](**self.data)
        return replace(
            trials, modalities={name: trials.modality(name) for name in self.modalities or trials.modalities}
        )

    def trials(self):
        """What the models read: the recordings, or the pose in a picture of them."""
        trials = self.recordings()
        return trials if self.pose is None else datasets.project_to_pose(trials, **self.pose)

    def classifiers(self, trials) -> dict[str, GaitClassifier]:
        """The models, not trained; priors are told for the joints of the trials, with the controls asked for."""
        made = {}
        for name, told in self.models.items():
            if "recipe" in told:
                made[name] = GaitClassifier.from_recipe(told["recipe"])
                continue
            for control, prior in _priors(name, told, trials).items():
                model = Builder(told["model"], **(told.get("parameters") or {}), **prior)
                made[f"{name}{control}"] = GaitClassifier(model, training=told["training"], heads=told.get("heads"))
        return made


def read_study(path, changes=()) -> Study:
    """Read a study from a YAML file.

    Parameters
    ----------
    path : str or Path
    changes : sequence of str
        As "training.epochs=5": what replaces a value of the file, or is added to it.

    Raises
    ------
    GaitDataError
        If it is no YAML, a key is not known (with its line and those that are near), or a value means nothing.
    """
    path = Path(path)
    try:
        text = path.read_text(encoding="utf-8")
        content, lines = yaml.safe_load(text), _lines(yaml.compose(text, Loader=yaml.SafeLoader), path)
    except OSError as error:
        raise GaitDataError(f"{path}: cannot be read ({error.strerror})") from error
    except (UnicodeDecodeError, yaml.YAMLError) as error:
        raise GaitDataError(f"{path}: no YAML ({error})") from error
    if not isinstance(content, dict):
        raise GaitDataError(f"{path}: expected keys such as {', '.join(KEYS[:4])}, got {content!r}"[:300])
    for change in changes:
        _change(content, change)
        lines[tuple(change.partition("=")[0].split("."))] = "--set"
    return _Checked(path, lines).study(content)


def _lines(node, path, place=()) -> dict[tuple, str]:
    """Where each key stands, by its place from the top; a key that stands twice is an error."""
    found = {}
    if isinstance(node, yaml.SequenceNode):
        for i, value in enumerate(node.value):
            found |= {(*place, i): f"line {value.start_mark.line + 1}"} | _lines(value, path, (*place, i))
    if isinstance(node, yaml.MappingNode):
        for key, value in node.value:
            here, line = (*place, key.value), f"line {key.start_mark.line + 1}"
            if here in found:
                raise GaitDataError(f"{path}, {line}: '{key.value}' stands here and in {found[here]}; keep one")
            found |= {here: line} | _lines(value, path, here)
    return found


def _change(content, change) -> None:
    keys, equals, value = change.partition("=")
    *above, last = keys.split(".")
    try:
        value = yaml.safe_load(value)
    except yaml.YAMLError:
        equals = ""
    if not equals or not all([*above, last]):
        raise GaitDataError(f"--set {change}: expected key=value, such as training.epochs=5")
    for key in above:
        if content.get(key) is None:
            content[key] = {}
        content = content[key]
        if not isinstance(content, dict):
            raise GaitDataError(f"--set {change}: '{key}' holds no keys, but {content!r}")
    content[last] = value


class _Checked:
    """Checks a file from the top, and says of what is wrong where it stands."""

    def __init__(self, path, lines):
        self.path = path
        self.lines = lines

    def study(self, content) -> Study:
        self.keys(content, KEYS, (), "a study")
        for key in ("data", "models"):
            if key not in content:
                raise GaitDataError(f"{self.path}: '{key}' is missing; a study has {', '.join(KEYS)}")
        name = str(content.get("name") or self.path.stem)
        data = dict(self.mapping(content["data"], ("data",)))
        loader = data.pop("loader", "load_trials")
        self.one_of(loader, LOADERS, ("data", "loader"), "loader")
        self.keys(data, _arguments(LOADERS[loader]), ("data",), loader)
        try:
            inspect.signature(LOADERS[loader]).bind(**data)
        except TypeError as error:
            raise self.wrong(("data",), f"{loader}: {error}") from error
        modalities = content.get("modalities")
        if modalities is not None and not (isinstance(modalities, list) and modalities):
            raise self.wrong(("modalities",), f"expected a list of names such as [skeleton], got {modalities!r}")
        pose = content.get("pose")
        if pose is not None:
            taken = [name for name in _arguments(datasets.project_to_pose) if name != "trials"]
            self.keys(self.mapping(pose, ("pose",)), taken, ("pose",), "project_to_pose")
        return Study(
            name,
            loader,
            data,
            modalities,
            pose,
            self.models(content),
            self.protocols(content.get("protocols", ["LeaveOneSubjectOut"])),
            Path(content.get("results") or Path("results") / name),
            self.count(content.get("seed", 0), ("seed",), 0),
            self.count(content.get("n_jobs", 1), ("n_jobs",), 1),
        )

    def models(self, content) -> dict:
        common = {key: content[key] for key in ("training", "heads") if content.get(key) is not None}
        if "training" in common:
            self.settings(common["training"], ("training",))
        written = content["models"]
        if isinstance(written, list):
            written = {str(name): {} for name in written}
        made = {}
        for name, told in self.mapping(written, ("models",)).items():
            place = ("models", name)
            if isinstance(told, dict) and "recipe" in told:
                self.keys(told, ("recipe",), place, "a model by recipe")
                self.one_of(told["recipe"], NAMED, (*place, "recipe"), "recipe")
                made[str(name)] = told
                continue
            told = {**common, **self.mapping(told or {}, place)}
            self.keys(told, MODEL_KEYS, place, "a model")
            told["model"] = told.get("model", name)
            place_of_name = (*place, "model") if (*place, "model") in self.lines else place
            self.one_of(told["model"], models.available(classifies=True), place_of_name, "model")
            if told.get("parameters"):
                taken = _arguments(models.info(told["model"]).build)
                given = self.mapping(told["parameters"], (*place, "parameters"))
                self.keys(
                    given, [p for p in taken if p not in ("inputs", "heads")], (*place, "parameters"), told["model"]
                )
            if told.get("prior"):
                told["prior"] = self.prior(told["prior"], (*place, "prior"))
            if told.get("controls") is not None:
                self.count(told["controls"], (*place, "controls"), 0)
                if not told.get("prior"):
                    raise self.wrong((*place, "controls"), "'controls' are those of a prior, and there is none")
            own = told.get("training") is not common.get("training")
            told["training"] = self.settings(
                {**(common.get("training") or {}), **(told.get("training") or {})},
                (*place, "training") if own else ("training",),
            )
            made[str(name)] = told
        if not made:
            raise self.wrong(("models",), "no model; give at least one")
        return made

    def prior(self, told, place) -> Prior:
        try:
            return Prior(told) if isinstance(told, dict) else Prior.read(self.path.parent / str(told))
        except GaitDataError as error:
            raise self.wrong(place, str(error)) from error

    def settings(self, told, place) -> Training:
        self.keys(self.mapping(told, place), _arguments(Training), place, "training")
        return Training(**told)

    def protocols(self, written) -> list:
        made = []
        for i, one in enumerate(written if isinstance(written, list) else [written]):
            place = ("protocols", i) if isinstance(written, list) else ("protocols",)
            name, told = next(iter(one.items())) if isinstance(one, dict) and len(one) == 1 else (one, {})
            self.one_of(name, PROTOCOLS, place, "protocol")
            self.keys(self.mapping(told or {}, place), _arguments(PROTOCOLS[name]), (*place, name), name)
            try:
                made.append(PROTOCOLS[name](**(told or {})))
            except (TypeError, GaitDataError) as error:
                raise self.wrong(place, f"{name}: {error}") from error
        return made

    def keys(self, told, known, place, of) -> None:
        for key in told:
            if key not in known:
                raise self.wrong((*place, key), f"'{key}' is no key of {of}; {_near(key, known)}")

    def one_of(self, name, known, place, what) -> None:
        if not isinstance(name, str) or name not in known:
            raise self.wrong(place, f"{what} '{name}' is not known; {_near(name, known)}")

    def mapping(self, told, place) -> dict:
        if not isinstance(told, dict):
            raise self.wrong(place, f"expected keys with values, got {told!r}"[:200])
        return told

    def count(self, value, place, least) -> int:
        if isinstance(value, bool) or not isinstance(value, int) or value < least:
            raise self.wrong(place, f"'{place[-1]}' is a whole number from {least}, not {value!r}")
        return value

    def wrong(self, place, what) -> GaitDataError:
        while place and place not in self.lines:
            place = place[:-1]
        return GaitDataError(f"{self.path}{f', {self.lines[place]}' if place else ''}: {what}")


def _near(name, known) -> str:
    near = difflib.get_close_matches(str(name), list(map(str, known)), n=2)
    hint = f"did you mean {' or '.join(near)}? " if near else ""
    return f"{hint}There are {', '.join(sorted(map(str, known)))}"


def _arguments(function) -> list[str]:
    return [name for name in inspect.signature(function).parameters if name != "self"]


def _priors(name, told, trials) -> dict[str, dict]:
    """The prior of a model for the joints of these trials, and its controls by the end of their names."""
    prior = told.get("prior")
    if prior is None:
        return {"": {}}
    reads = [m for m in trials.modalities.values() if m.kind == "sequence"]
    if len(reads) != 1:
        raise GaitDataError(f"model '{name}': a prior needs trials with one sequence, not {len(reads)}")
    made = {"": {"prior": prior.weights_for(reads[0].channels)}}
    if told.get("controls") is not None:
        every = prior.controls(reads[0].channels, told["controls"])
        made |= {f", {control}": {"prior": weights} for control, weights in every.items() if control != prior.name}
    return made
