"""A schedule says how many labels are bought, as multiples of the number of classes: nothing else may say it too."""

from hydra.conf import HydraConf
from omegaconf import DictConfig, OmegaConf

from al_bench.config.composing import choices_of_default
from al_bench.config.overrides import plain_key
from al_bench.config.parts import checked_value
from al_bench.core.errors import ConfigError
from al_bench.core.ranges import PositiveInt

RESOLVER = "${al_bench_schedule_"
SAID = ("num_initial", "batch_size.size", "budget")  # by resolvers, in conf/schedule


def check_schedule(config: DictConfig, hydra: HydraConf) -> None:
    """Hold a configuration, not resolved yet, against its schedule; `hydra` is Hydra's own node.

    Raises:
        ConfigError: for a number of labels given beside a schedule, and for a data set that does not say how many
            classes it has.
    """
    if config.get("schedule") is None:
        return
    name = f"schedule={hydra.runtime.choices.get('schedule')}"
    given = [
        f"{key}={OmegaConf.select(config, key)}" for key in SAID if not _as_written(config, key).startswith(RESOLVER)
    ]
    size = hydra.runtime.choices.get("batch_size")
    if size != choices_of_default(str(hydra.job.config_name))["batch_size"] or any(
        plain_key(each) == "batch_size" for each in hydra.overrides.task
    ):
        given.append(f"batch_size={size}")
    if given:
        raise ConfigError(f"{given[0]}: {name} says how many labels are bought, so leave out one of the two")
    for key in ("labels_per_class", "num_rounds"):
        checked_value(f"schedule.{key}", PositiveInt, config.schedule.get(key))
    num_classes = config.dataset.get("num_classes")
    if num_classes is None:
        plus = "" if "num_classes" in config.dataset else "+"
        raise ConfigError(f"{name}: in multiples of the number of classes; say {plus}dataset.num_classes=...")
    checked_value("dataset.num_classes", PositiveInt, num_classes)


def _as_written(config: DictConfig, key: str) -> str:
    """The value before it is resolved."""
    parent, _, leaf = key.rpartition(".")
    node = config[parent] if parent else config
    return str(OmegaConf.to_container(node, resolve=False).get(leaf))  # type: ignore[union-attr]
