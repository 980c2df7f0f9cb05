"""What training settings mean for a model and for a head."""

from gaitlib.errors import GaitDataError


def class_weight_of(class_weight, name, target):
    """How the classes of one head are weighted."""
    if isinstance(class_weight, dict):
        return class_weight.get(name)
    return None if target.kind == "continuous" and class_weight == "balanced" else class_weight


def stops_early(model) -> bool:
    """Whether validation trials may end the training of a classifier before its last epoch."""
    return not model.builder().classical and any(stage.patience for stage in model.stages())


def refuse_without_effect(builder, stages) -> None:
    """Refuse settings that a classical model would pass over in silence."""
    if not builder.classical:
        return
    if len(stages) > 1:
        raise GaitDataError(f"'{builder.name}' is no network: it learns in one stage, not in {len(stages)}")
    for setting in ("start", "l2", "trainable", "encoder", "modality_dropout", "head_weights"):
        if getattr(stages[0], setting):
            raise GaitDataError(f"'{builder.name}' is no network: Training({setting}=...) has no effect; leave it out")
