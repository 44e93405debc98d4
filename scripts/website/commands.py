"""The commands on the site: `al-bench WORD --help` of each."""

import os

from mkdocs.config.defaults import MkDocsConfig
from mkdocs.structure.files import Files
from mkdocs.structure.pages import Page

from al_bench.cli.commands import COMMANDS


def on_page_markdown(markdown: str, page: Page, config: MkDocsConfig, files: Files) -> str:  # noqa: ARG001
    """With a section for each."""
    os.environ["COLUMNS"] = "80"
    helps = (f"## {word}\n\n```text\n{command.parser().format_help()}```" for word, command in COMMANDS.items())
    return markdown.replace("<!-- commands -->", "\n\n".join(helps))
