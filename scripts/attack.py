"""Attack the runner: what is malformed, and kills at random instants. Exits with 1 if anything is found.

    python scripts/attack.py malformed [--num 1000] [--seed 0] [--case 17]
    python scripts/attack.py kills [--num 300] [--seed 0]

`malformed` draws command lines and files from a grammar: none may end in a stack trace, take 20 seconds or lose what is
there. `kills` ends runs at random lines and times, and starts them again: the results may not differ from those of an
undisturbed run. Case n of a seed is the same whatever the number of cases.
"""

import argparse
import importlib
import sys

NUM_CASES = {"malformed": 1000, "kills": 300}


def main() -> None:
    """Attack, and print a table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    attacks = parser.add_subparsers(dest="attack", required=True)
    for name, num in NUM_CASES.items():
        attack = attacks.add_parser(name)
        attack.add_argument("--num", type=int, default=num, help=f"of cases ({num})")
        attack.add_argument("--seed", type=int, default=0)
    attacks.choices["malformed"].add_argument("--case", type=int, help="this one alone, to look at")
    arguments = parser.parse_args()
    if arguments.attack == "malformed":
        case: int | None = arguments.case
        numbers = range(arguments.num) if case is None else range(case, case + 1)
        found: int = importlib.import_module("attacks.malformed").malformed(numbers, arguments.seed)
    else:
        found = importlib.import_module("attacks.kills").kills(arguments.num, arguments.seed)
    sys.exit(1 if found else 0)


if __name__ == "__main__":
    main()
