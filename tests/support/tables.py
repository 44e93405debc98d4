"""Tables of the format of OpenML, made small."""

from pathlib import Path

import numpy as np

from al_bench.core.seeding import Stream, generator

TABLE = """% a comment
@RELATION made

@ATTRIBUTE 'a number'  real
@attribute colour {red, 'dark blue', "green", 'a } brace'}
@attribute size {10,9,100} % one of {10}
@attribute class {yes,no}
@attribute last INTEGER
@data
1.5, red, 10, yes, 7
-2e3,'dark blue',9,no,8
% another comment
3,green,100,yes,9
0,red,9,no,7
"""


def rng(seed: int = 0) -> np.random.Generator:
    return generator(seed, Stream.SPLIT)


def openml_folder(folder: Path, content: str = TABLE, id: int = 1) -> Path:
    (folder / "openml").mkdir(parents=True, exist_ok=True)
    path = folder / "openml" / f"{id}.arff"
    path.write_text(content)
    return path


def letters(num_rows: int = 400) -> str:
    """A table large enough to be split."""
    rows = "\n".join(f"{i % 7},{i % 3},{'AB'[i % 2]}" for i in range(num_rows))
    return f"@relation r\n@attribute x numeric\n@attribute y numeric\n@attribute class {{A,B}}\n@data\n{rows}\n"
