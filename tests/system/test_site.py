"""The site of docs/: every page is in its menu, its reference is what the code says, and a broken link stops it."""

import logging
import re
from pathlib import Path

import pytest
import yaml

from al_bench.cli.commands import COMMANDS
from al_bench.config.reading.meanings import documented
from al_bench.config.schema import CONF
from tests.system.test_pages import NO_PAGES_OF_THEIR_OWN, PAGES, anchors, name, prose

ROOT = Path(__file__).parents[2]
DOCS = ROOT / "docs"


class Loader(yaml.SafeLoader):
    """Of mkdocs.yml, which names functions."""


Loader.add_multi_constructor("tag:yaml.org,2002:python/", lambda loader, suffix, node: suffix)
SITE = yaml.load((ROOT / "mkdocs.yml").read_text(), Loader)


@pytest.fixture
def mkdocs():
    return pytest.importorskip("mkdocs", reason="MKDOCS IS NOT INSTALLED: make .venv/installed-docs")


@pytest.fixture
def keys(mkdocs):
    from website import keys

    return keys


def in_menu(entry) -> list[str]:
    if isinstance(entry, str):
        return [entry]
    return [page for inner in (entry.values() if isinstance(entry, dict) else entry) for page in in_menu(inner)]


def test_every_page_is_in_the_menu_once():
    listed = in_menu(SITE["nav"])
    assert len(listed) == len({*listed})
    made = {f"reference/keys/{path.name}.md" for path in CONF.iterdir() if path.is_dir()} - {"reference/keys/hydra.md"}
    pages = {path.relative_to(DOCS).as_posix() for path in DOCS.rglob("*.md")} - NO_PAGES_OF_THEIR_OWN | {"index.md"}
    outside = {f"repository/{page}" for page in ("README.md", "CONTRIBUTING.md", "CHANGELOG.md", "examples/README.md")}
    assert {*listed} == pages | made | outside


def test_it_needs_no_network_and_takes_no_warning():
    assert SITE["theme"]["font"] is False
    assert SITE["strict"] is True
    assert SITE["extra_css"] == ["site.css"]
    assert "url(" not in (DOCS / "site.css").read_text()
    assert not {"extra_javascript", "social"} & {*SITE, *map(str, SITE["plugins"])}
    assert {*SITE["validation"]["nav"].values(), *SITE["validation"]["links"].values()} == {"warn"}


def test_its_hooks_are_there():
    for hook in SITE["hooks"]:
        assert (ROOT / hook).is_file(), hook


def test_anchors_are_those_of_github(mkdocs):
    from pymdownx.slugs import slugify

    slug = slugify(case="lower")
    for page in PAGES:
        headings = re.findall(r"^#+ +(.+?) *$", prose(page), flags=re.MULTILINE)
        texts = (re.sub(r"[`*]", "", re.sub(r"\[(.+?)\]\(.+?\)", r"\1", heading)) for heading in headings)
        assert {slug(text, "-") for text in texts} <= anchors(page), name(page)


class TestKeys:
    @pytest.mark.slow
    @pytest.mark.parametrize("group", sorted(path.name for path in CONF.iterdir() if path.name != "config.yaml"))
    def test_a_group_has_a_section_for_each_option_and_every_key_has_a_meaning(self, keys, group):
        if group == "hydra":
            return
        with keys.initialize_config_dir(str(CONF), version_base="1.3"):
            page = keys.page_of(group)
        options = {path.relative_to(CONF / group).with_suffix("").as_posix() for path in (CONF / group).rglob("*.yaml")}
        sections = {*re.findall(r"^## (\S+)$", page, flags=re.MULTILINE)}
        assert sections == options
        if group == "strategy":
            assert page.count("`strategy.subset_size`") == 1, "what all have stands once"
            assert "## oracle/boss\n\n`al-bench strategy=oracle/boss`\n\n`al_bench.strategies.boss.Boss`: " in page
        rows = re.findall(r"^(`\w+\.[\w.]+`.*)\n:   (.*)$", page, flags=re.MULTILINE)
        assert bool(rows) == (group not in keys.OF_OTHERS)
        for row, meaning in rows:
            assert meaning, row
            assert not meaning.startswith("see `al_bench"), row

    def test_a_key_is_said_with_its_type_its_default_and_what_the_docstring_says(self, keys):
        first = documented("al_bench.strategies.badge.Badge").meanings["first"]
        with keys.initialize_config_dir(str(CONF), version_base="1.3"):
            _, *rows = map(keys.said, keys.keys_of_option("strategy", "badge"))
        assert rows[0] == f"`strategy.first` · `uniform` or `largest` · default `uniform`\n:   {first}"
        assert rows[1].startswith("`strategy.subset_size` · int or null · default `null`\n")

    @pytest.mark.parametrize(
        ("value", "said"),
        [
            ("???", "to be said"),
            (None, "default `null`"),
            ([1, True], "default `[1,true]`"),
            (
                "${oc.select:dataset.hyperparameters.lr,1e-3}",
                "default: that of `dataset.hyperparameters.lr`, else `1e-3`",
            ),
            ({"_target_": "torch.optim.Adam"}, "`torch.optim.Adam`"),
            ({"ratio": None}, ""),
        ],
    )
    def test_defaults_are_as_one_types_them(self, keys, value, said):
        assert keys.default_of(value) == said

    def test_the_page_of_keys_has_all_root_keys_and_all_groups(self, keys):
        page = keys.on_page_markdown((DOCS / "reference" / "keys.md").read_text(), None, None, None)
        root = documented("al_bench.records.run_config.RunConfig").meanings
        groups = {*re.findall(r"^\* \[`(\w+)`\]\(keys/\1\.md\): \S", page, flags=re.MULTILINE)}
        assert {*re.findall(r"^`(\w+)` · .*\n:   \S", page, flags=re.MULTILINE)} == root.keys() - groups
        assert groups == {*keys.groups()}
        assert "<!--" not in page


def test_the_page_of_commands_has_the_help_of_each(mkdocs):
    from website import commands

    page = commands.on_page_markdown((DOCS / "reference" / "commands.md").read_text(), None, None, None)
    assert re.findall(r"^## (\S+)$", page, flags=re.MULTILINE) == [*COMMANDS]
    assert page.count("\nusage: al-bench ") == len(COMMANDS)
    assert max(map(len, page[page.index("## new") :].splitlines())) <= 100


@pytest.mark.slow
@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("[all](page.md#a-heading), [there](../LICENSE), [here](#start)", None),
        ("[none](page.md#no-heading)", "no-heading"),
        ("[none](no_page.md)", "no_page.md"),
        ("[none](../no_file.py)", "no_file.py"),
    ],
)
def test_a_link_that_leads_nowhere_stops_it(mkdocs, tmp_path, caplog, text, problem):
    from mkdocs.commands.build import build
    from mkdocs.config import load_config
    from mkdocs.exceptions import Abort

    pages = {"index": f"# Start\n\n{text}\n", "page": "# A heading\n\nIt leads [back](index.md).\n"}
    (tmp_path / "docs").mkdir()
    for page, content in pages.items():
        (tmp_path / "docs" / f"{page}.md").write_text(content)
    (tmp_path / "LICENSE").write_text("MIT\n")
    own = {"site_name": "site", "strict": True, "validation": SITE["validation"], "plugins": []}
    own["hooks"] = [str(ROOT / "scripts" / "website" / "links.py")]
    (tmp_path / "mkdocs.yml").write_text(yaml.safe_dump(own))
    config = load_config(str(tmp_path / "mkdocs.yml"))
    if problem is None:
        build(config)
        assert (tmp_path / "site" / "repository" / "LICENSE").read_text() == "MIT\n"
        assert 'href="repository/LICENSE"' in (tmp_path / "site" / "index.html").read_text()
    else:
        with pytest.raises(Abort), caplog.at_level(logging.WARNING):
            build(config)
        assert problem in caplog.text
