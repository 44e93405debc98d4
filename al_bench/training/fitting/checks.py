"""What a way of training cannot do, said before anything is trained."""

from al_bench.core.errors import ConfigError
from al_bench.core.network import cross_entropy
from al_bench.core.strategy import Needs, Strategy, trained_with
from al_bench.training.options import TrainingOptions


def check_wanted(training: TrainingOptions, strategy: Strategy) -> None:
    """ConfigError if networks that are trained so cannot be what the strategy wants."""
    name, wanted = type(strategy).__name__, trained_with(strategy)
    if training.class_weights != "none" and wanted.objective is not cross_entropy:
        raise ConfigError(
            f"model.class_weights={training.class_weights}: weights of the cross-entropy, and strategy {name} trains "
            "with an objective of its own; say model.class_weights=none, or choose another strategy"
        )
    samples = strategy.samples
    wants_ensemble = Needs.SAMPLES in strategy.needs and samples is not None and samples.kind == "ensemble"
    if training.start != "scratch" and wants_ensemble:
        raise ConfigError(
            f"model.start={training.start}: the later networks of an ensemble, which {name} wants, have none of the "
            "round before to start from; say model.start=scratch, or strategy.samples=head"
        )
    if training.ridge is None:
        return
    if wanted.unlabelled_term is not None or wanted.objective is not cross_entropy:
        own = "a term of the unlabelled examples" if wanted.unlabelled_term is not None else "an objective of its own"
        raise ConfigError(
            f"strategy: {name} trains with {own}, and a probe (model.ridge={training.ridge}) is fitted to the "
            "cross-entropy of the labelled examples alone; say training@model=fixed, or choose another strategy"
        )
    if wants_ensemble:
        raise ConfigError(
            f"strategy: {name} wants an ensemble, and a probe (model.ridge={training.ridge}) draws "
            "nothing: all members would be the same; say strategy.samples=head, or training@model=fixed"
        )


def check_patience(training: TrainingOptions, *, has_validation: bool) -> None:
    """ConfigError if training is to end by a loss of validation examples, and there are none."""
    if training.needs_validation and not has_validation:
        raise ConfigError(f"model.patience={training.patience}: needs validation examples; say num_validation=...")


def check_passes(training: TrainingOptions, name: str, *, is_linear: bool) -> None:
    """ConfigError if passes of lower precision are asked for of a network, of a name, that is a last layer alone."""
    if training.pass_precision == "float32" or not is_linear:
        return
    raise ConfigError(
        f"model.pass_precision={training.pass_precision}: {name} has no layers before its last one, which stays "
        "float32; leave it out"
    )


def check_linear(training: TrainingOptions, name: str, *, is_linear: bool, able: str = "") -> None:
    """ConfigError if a probe is to be fitted to a network, of a name, that is not linear in its parameters."""
    if training.ridge is None or is_linear:
        return
    raise ConfigError(
        f"training@model=probe (model.ridge={training.ridge}) fits a linear head alone, and {name} has other "
        "parameters, or is another function in training (of model=linear: model.dropout=0 model.batch_norm=false)"
        f"{able}"
    )
