"""Malformed command lines, drawn from a grammar that reaches every group, root key and launcher key."""

from collections.abc import Iterator
from pathlib import Path
from random import Random

from omegaconf import OmegaConf

from al_bench.config.schema import CONF, RootConfig
from al_bench.records.identity import flattened

TINY = (
    "dataset=arrays",
    "dataset.path=data.npz",
    "model.width=8",
    "model.max_epochs=2",
    "num_initial=10",
    "batch_size.size=10",
    "budget=30",
    "data_dir=data",
)
VALUES = (
    *("null", "true", "1e400", "nan", "-1", "0", "1.5", "2", "1e3", "''", "' '", "'~'", "???", "[]", "{}", "[1,2]"),
    *("[a,b]", "{a:1}", "{_target_:os.getcwd}", "{_target_:os.system,_partial_:true}", "os.system", "nowhere.Such"),
    *("${nothing}", "${seed}", "${oc.env:NO_SUCH}", "${nope:1}", "${", "9" * 30, "1" * 5000, "a" * 300, "../x"),
    *("/proc/nope", "x=y", "'a b'", "\u202eright", "'<b>'", "'%s$\\'", "badge", "b100", "mlp", "cpu", "cuda:99"),
    *("1,2", "1,true", "badge,null", "range(0,1,0)", "range(0,1e9)", "range(2,0)", "shuffle(range(0,1e9))"),
    *("glob(*)", "glob(no*)", "interval(0,1)", "choice(1,2)", "tag(a,1,2)", "sort(2,1)", "int(x)", "'", "[", "{", "~"),
)
PREFIXES = ("", "", "", "+", "++", "~")
OPTIONS = (
    *(["-m"], ["--multirun"], ["--cfg", "job"], ["--cfg", "all", "--resolve"], ["--cfg", "nope"], ["--resolve"]),
    *(["--package", "nope"], ["--info", "defaults"], ["--info", "nope"], ["--config-name", "nope"], ["--run", "-m"]),
    *(["--config-dir", "nowhere"], ["--config-dir", "data.npz"], ["--config-dir"], ["--config-path", "nope"]),
    *(["--help"], ["--hydra-help"], ["--dry-run"], ["--experimental-rerun", "data.npz"], ["-sc"], ["--"], ["-x"]),
)
LONG = ("experiment", "setting", "hydra")  # of such a choice the runs are only listed


def keys() -> list[str]:
    """Groups, choices inside of others, and the leaves of every file of conf/, with some that are misspelt."""
    found = {*RootConfig.__annotations__, "experiment", "setting", "training@model", "strategy@strategy.query"}
    for file in CONF.rglob("*.yaml"):
        group = file.parent.relative_to(CONF).as_posix()
        found.add(group)
        found |= {
            f"{_prefix(file, group)}{leaf}" for leaf, _ in flattened(OmegaConf.to_container(OmegaConf.load(file)))
        }
    found -= {".", ""}
    return sorted(found | {f"{key[:-2]}{key[-1]}x" for key in sorted(found)[::7]})


def _prefix(file: Path, group: str) -> str:
    is_global = group == "." or file.read_text().startswith("# @package _global_")
    return "" if is_global else f"{'model' if group == 'training' else group.replace('/', '.')}."


def command_line(rng: Random, known: list[str]) -> list[str]:
    """Arguments that run next to nothing, with some that are wrong."""
    drawn = list(_overrides(rng, known))
    told = {each.lstrip("+~").partition("=")[0].partition(".")[0].partition("@")[0] for each in drawn}
    base = [each for each in TINY if each.partition("=")[0].partition(".")[0] not in told or rng.random() < 0.3]
    arguments = [*base, "tracker=none", "name=case"]
    for each in drawn:
        arguments.insert(rng.randrange(len(arguments) + 1), each)
    if rng.random() < 0.4 or any(each.split("/")[0] in LONG for each in told):
        arguments.append("dry_run=true")
    options = rng.choice(OPTIONS) if rng.random() < 0.3 else ["-m"] * (rng.random() < 0.4)
    place = rng.randrange(len(arguments) + 1)
    return [*arguments[:place], *options, *arguments[place:]]


def _overrides(rng: Random, known: list[str]) -> Iterator[str]:
    for _ in range(rng.choice((1, 1, 1, 2, 3))):
        prefix, key = rng.choice(PREFIXES), rng.choice(known)
        yield f"~{key}" if prefix == "~" and rng.random() < 0.7 else f"{prefix}{key}={rng.choice(VALUES)}"
