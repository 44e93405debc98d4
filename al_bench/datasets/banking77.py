"""BANKING77: 10,003 + 3,080 questions to a bank, of 77 intents (Casanueva et al., 2020), CC BY 4.0."""

from pathlib import Path

from al_bench.core.data import Dataset, Texts
from al_bench.datasets.formats.columns import classes_of
from al_bench.datasets.formats.fetching import ensure_files, source_of
from al_bench.datasets.formats.tables import read_table
from al_bench.datasets.texts import text_dataset

SITE = "https://raw.githubusercontent.com/PolyAI-LDN/task-specific-datasets/57ec275d8078af65b7731c2a98be812d844a6d6b/"
FILES = {
    "banking77/train.csv": "cec64185f4197906aabce0781ef9a19b",
    "banking77/test.csv": "8dcd9dc31b686c75ec1f24bf23c140cb",
}


def banking77(data_dir: Path) -> Dataset[Texts]:
    """Texts as they are written; the official split, downloaded to `<data_dir>/banking77` unless it is there."""
    addresses = {file: SITE + file.replace("banking77", "banking_data") for file in FILES}
    ensure_files(source_of("BANKING77", FILES, addresses), data_dir)
    tables = [read_table("data_dir", str(data_dir / file)) for file in FILES]
    return text_dataset([tuple(table.columns["text"]) for table in tables], classes_of("category", tables, "category"))
