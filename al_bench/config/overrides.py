"""A key that is said more than once: `key`, `+key` and `++key` are one, and the later counts."""

from collections.abc import Sequence

from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.core.override_parser.types import ChoiceSweep, Override, OverrideType

from al_bench.config.schema import CONF
from al_bench.core.errors import ConfigError

PREFIXES = ("", "+", "++")
OPEN = {  # mappings whose keys are sbatch's and Ray's, which Hydra closes; and the launcher that has them
    "hydra.launcher.additional_parameters": "submitit_slurm",
    "hydra.launcher.ray.init": "ray",
    "hydra.launcher.ray.remote": "ray",
}


def said_once(arguments: Sequence[str]) -> list[str]:
    """Overrides that mean the same, of which no two give one key a value.

    Mappings all stay, as they are merged in the order given; so do deletions, options of the command, and whatever
    cannot be read.

    Raises:
        ConfigError: for a choice with a `+`, which Hydra does not take.
    """
    parser = OverridesParser.create()
    kept: list[tuple[str, Override | None]] = []
    for argument in arguments:
        override = _parsed(parser, argument)
        if override is not None:
            _check_choice(argument, override)
            if _is_in_open_mapping(override, arguments):
                argument = f"++{argument}"
                override = _parsed(parser, argument)
        place = _place_of_earlier(kept, override)
        if override is None or place is None:
            kept.append((argument, override))
            continue
        earlier = kept[place][1]
        said = _as_strong_as(argument, earlier)
        if any(_is_about(between, override) for _, between in kept[place + 1 :]):
            del kept[place]
            kept.append((said, _parsed(parser, said)))
        else:  # where it was, as the order of what is swept over is the order of its keys
            kept[place] = said, _parsed(parser, said)
    return [argument for argument, _ in kept]


def plain_key(override: str) -> str:
    """The key alone that an override sets: `seed` of `++seed=1`."""
    return override.partition("=")[0].lstrip("+")


def _parsed(parser: OverridesParser, argument: str) -> Override | None:
    """None for what is no override."""
    if argument.startswith("-") or not ("=" in argument or argument.startswith("~")):
        return None
    try:
        return parser.parse_override(argument)
    except Exception:  # whatever the grammar makes of it
        return None  # Hydra says so


def _check_choice(argument: str, override: Override) -> None:
    is_added_elsewhere = override.type is OverrideType.ADD and override.package is not None
    if override.type not in (OverrideType.ADD, OverrideType.FORCE_ADD) or is_added_elsewhere:
        return
    if (CONF / override.key_or_group).is_dir() and _is_replacing(override):
        raise ConfigError(f"{argument}: a choice takes no '+'; say {argument.lstrip('+')}")


def _is_in_open_mapping(override: Override, arguments: Sequence[str]) -> bool:
    chosen = [each.partition("=")[2] for each in arguments if each.startswith("hydra/launcher=")]
    may_be_of_a_file = not chosen and any(each.startswith("experiment=") for each in arguments)
    return override.type is OverrideType.CHANGE and any(
        f"{override.key_or_group}.".startswith(f"{key}.") and (may_be_of_a_file or launcher in chosen[-1:])
        for key, launcher in OPEN.items()
    )


def _place_of_earlier(kept: Sequence[tuple[str, Override | None]], override: Override | None) -> int | None:
    """Where the value stands that an override replaces."""
    if override is None or not _is_replacing(override):
        return None
    own = plain_key(override.get_key_element())
    for place, (_, earlier) in enumerate(kept):
        if earlier is not None and _is_replacing(earlier) and plain_key(earlier.get_key_element()) == own:
            return place
    return None


def _is_replacing(override: Override) -> bool:
    """Whether it gives a key a value, and not a mapping that is merged into what is there."""
    value = override.value()
    values = value.list if isinstance(value, ChoiceSweep) else [value]
    return override.type is not OverrideType.DEL and not any(isinstance(each, dict) for each in values)


def _is_about(override: Override | None, other: Override) -> bool:
    """Whether what one says depends on which of the two is said later."""
    if override is None:
        return False
    keys = [f"{each.key_or_group}." for each in (override, other)]
    return keys[0].startswith(keys[1]) or keys[1].startswith(keys[0])


def _as_strong_as(argument: str, earlier: Override | None) -> str:
    """The later with the prefix of the two that allows more: `+x=1 x=2` adds x, too."""
    assert earlier is not None
    bare = argument.lstrip("+")
    strongest = max(
        PREFIXES.index(key[: len(key) - len(key.lstrip("+"))]) for key in (argument, earlier.get_key_element())
    )
    return f"{PREFIXES[strongest]}{bare}"
