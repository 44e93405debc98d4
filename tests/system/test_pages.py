"""The pages hang together: links and anchors lead somewhere, and what pages, CI and pre-commit call is there."""

import inspect
import os
import re
import shutil
import subprocess
from functools import cache
from pathlib import Path

import pytest
import yaml

from al_bench import drawn_dataset

ROOT = Path(__file__).parents[2]
MAKEFILE = (ROOT / "Makefile").read_text()
PAGES = [
    *(ROOT / name for name in ("README.md", "CONTRIBUTING.md", "CHANGELOG.md")),
    *sorted((ROOT / "docs").rglob("*.md")),
    *sorted((ROOT / ".github").rglob("*.md")),
]
NO_PAGES_OF_THEIR_OWN = {"index.md", "results/badge/discussion.md", "results/joint/discussion.md"}  # parts of pages


def name(page: Path) -> str:
    return page.relative_to(ROOT).as_posix()


def prose(page: Path) -> str:
    """The text without blocks of code, in which `#` is no heading and brackets are no links."""
    return re.sub(r"^```.*?^```$", "", page.read_text(), flags=re.MULTILINE | re.DOTALL)


@cache
def anchors(page: Path) -> set[str]:
    """The names of its headings, as GitHub makes them, and those that are written out."""
    headings = re.findall(r"^#+ +(.+?) *$", prose(page), flags=re.MULTILINE)
    texts = (re.sub(r"\[(.+?)\]\(.+?\)", r"\1", heading) for heading in headings)
    slugs = (re.sub(r"[^\w\- ]", "", text.lower()).replace(" ", "-") for text in texts)
    return {*slugs, *re.findall(r'<a id="([^"]+)">', prose(page))}


def links(page: Path) -> list[str]:
    """The targets on the same machine."""
    return [target for target in re.findall(r"\]\(([^)\s]+)\)", prose(page)) if not re.match(r"\w+:", target)]


@pytest.mark.parametrize("page", PAGES, ids=name)
def test_every_link_leads_to_a_file_and_every_anchor_to_a_heading(page):
    for target in links(page):
        path, _, anchor = target.partition("#")
        file = (page.parent / path).resolve() if path else page
        assert file.exists(), f"{name(page)}: {target}: there is no such file"
        if anchor:
            assert anchor in anchors(file), f"{name(page)}: {target}: there is no such heading; {sorted(anchors(file))}"


def test_words_are_said_before_they_are_used():
    """Letters of the analysis, where they are made; a setting, where it is first spoken of for who wins."""
    analysis = (ROOT / "docs" / "analysis.md").read_text()
    said = analysis.index("Of a setting M is the first number of labels, B the\nbatch size, and n0 the first")
    first = {letter: re.search(rf"\b{letter}\b", analysis) for letter in ("n0", "M", "B")}
    assert {letter: found.start() > said for letter, found in first.items()} == dict.fromkeys(first, True)
    _, wins = (ROOT / "README.md").read_text().split("## Who wins")
    assert re.search(r"\bsettings?\b\s+(\S+)", wins)[1] == "(a"


def test_a_page_of_ones_own_parts_says_what_it_takes():
    page = (ROOT / "docs" / "your_own.md").read_text()
    signature = [name for name in inspect.signature(drawn_dataset).parameters if name != "modalities"]
    assert f"`drawn_dataset({', '.join(signature[:4])})`" in page
    for name in (*signature[4:], "modalities"):
        assert f"`{name}=" in page
    assert "save=predictions" in page
    assert "zeros if it has none" in next(line for line in page.splitlines() if line.startswith("| `HEAD`"))


def test_the_index_lists_every_page():
    """Itself, or by way of a page that it lists: strategies and launchers have pages that list theirs."""
    index = ROOT / "docs" / "index.md"
    listed = {(index.parent / target.partition("#")[0]).resolve() for target in links(index)}
    for page in [page for page in listed if page.suffix == ".md" and ROOT / "docs" in page.parents]:
        listed |= {(page.parent / target.partition("#")[0]).resolve() for target in links(page)}
    pages = {page.relative_to(ROOT / "docs").as_posix() for page in {*(ROOT / "docs").rglob("*.md")} - listed}
    assert pages == NO_PAGES_OF_THEIR_OWN


def test_the_readme_is_a_first_screen():
    assert len((ROOT / "README.md").read_text().splitlines()) <= 150


@pytest.mark.parametrize(
    "file", [*(ROOT / each for each in (".ci/run", ".github/workflows/ci.yml")), *PAGES[:2]], ids=name
)
def test_what_is_made_is_a_target(file):
    targets = set(re.findall(r"^([\w-]+):", MAKEFILE, flags=re.MULTILINE))
    text = file.read_text()
    called = text if file.suffix != ".md" else "\n".join(re.findall(r"^```console\n(.*?)^```", text, re.M | re.S))
    made = re.findall(r"^[^#\n]*?\bmake((?: +[a-z][\w-]*)+)", called, flags=re.MULTILINE)
    made += re.findall(r"`make((?: +[a-z][\w-]*)+)", text)
    assert made
    assert {target for each in made for target in each.split()} <= targets


def test_pre_commit_runs_what_make_lint_runs():
    recipe = re.search(r"^lint:.*\n((?:\t.*\n)+)", MAKEFILE, flags=re.MULTILINE)
    assert recipe
    (repository,) = yaml.safe_load((ROOT / ".pre-commit-config.yaml").read_text())["repos"]
    assert repository["repo"] == "local"
    entries = [hook["entry"] for hook in repository["hooks"]]
    assert entries == [line.strip().replace("$(BIN)", ".venv/bin") for line in recipe[1].splitlines()]
    assert not any(hook["pass_filenames"] for hook in repository["hooks"])


@pytest.mark.skipif(shutil.which("make") is None, reason="NO MAKE")
def test_what_make_run_shows_of_pips_lines_is_how_far_it_is(tmp_path):
    """Of each package that is built pip says that it installs what the build needs: nothing of ours is written then."""
    pip = [
        "Collecting numpy<3,>=2 (from al-bench==0.3.0)",
        "  Downloading numpy-2.3.0.whl (16 MB)",
        "  Installing build dependencies: started",
        "  Installing build dependencies: finished with status 'done'",
        "  Installing backend dependencies: started",
        "Collecting torch",
        "Installing collected packages: torch, numpy",
        "Successfully installed numpy-2.3.0 torch-2.13.0",
    ]
    (tmp_path / "pip.txt").write_text("\n".join(pip) + "\n")
    shown = re.search(r"^define SHOWN\n.*?^endef\n", MAKEFILE, flags=re.MULTILINE | re.DOTALL)[0]
    (tmp_path / "Makefile").write_text(f"{shown}\nall:\n\t@cat pip.txt | $(SHOWN)\n")
    alone = {key: value for key, value in os.environ.items() if "MAKE" not in key and key != "MFLAGS"}
    make = subprocess.run(["make"], cwd=tmp_path, env=alone, capture_output=True, text=True, check=True)
    told = make.stdout
    assert told.split("\n")[:-2] == [
        "  package 1: numpy",
        "  package 1: downloading numpy-2.3.0.whl (16 MB)",
        "  package 2: torch",
        "  writing 2 packages: about a minute",
        "  installed",
    ]
