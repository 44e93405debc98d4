"""CLINC150: 15,000 + 4,500 requests to an assistant, of 150 intents (Larson et al., 2019), CC BY 3.0."""

from pathlib import Path

import numpy as np

from al_bench.core.data import Dataset, Texts
from al_bench.datasets.formats.fetching import ensure_files, source_of
from al_bench.datasets.texts import text_dataset
from al_bench.files.writing import read_json

SITE = "https://raw.githubusercontent.com/clinc/oos-eval/828f8093932c8fe6ca7936c3d2e52903b1c523de/data/"
FILES = {"clinc150/data_full.json": "30c29dc6ab78edf3b5dfa640be204cde"}


def clinc150(data_dir: Path) -> Dataset[Texts]:
    """Texts as they are written; the official split, downloaded to `<data_dir>/clinc150` unless it is there.

    The 3,000 requests for validation and the 1,200 that are out of scope are not used.
    """
    (file,) = FILES
    ensure_files(source_of("CLINC150", FILES, {file: SITE + Path(file).name}), data_dir)
    stored = read_json(data_dir / file)
    parts = [stored[part] for part in ("train", "test")]
    names = sorted({intent for _, intent in parts[0]})
    targets = [np.searchsorted(names, [intent for _, intent in part]) for part in parts]
    return text_dataset([tuple(text for text, _ in part) for part in parts], targets)
