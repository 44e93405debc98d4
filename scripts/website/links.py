"""Links of pages that leave docs/: what they lead to is a file of the site too, at `repository/` and its path."""

import posixpath
import re
from collections.abc import Iterator
from pathlib import Path

from mkdocs.config.defaults import MkDocsConfig
from mkdocs.structure.files import File, Files
from mkdocs.structure.pages import Page

LINK = re.compile(r"(?<=\]\()(?!\w+:|#)([^)#\s]+)")
OUTSIDE = "repository"


def on_files(files: Files, config: MkDocsConfig) -> Files:
    """With those outside docs/ that a page leads to, in one step or several."""
    pages = [file for file in files.documentation_pages() if file.abs_src_path]
    for page in pages:  # which grows
        for path in targets(page):
            uri = uri_of(path, config)
            if uri.startswith(OUTSIDE) and path.is_file() and uri not in files.src_uris:
                found = File.generated(config, uri, abs_src_path=str(path))
                files.append(found)
                pages += [found] if found.is_documentation_page() else []
    return files


def targets(page: File) -> Iterator[Path]:
    """What a page links to on the same machine."""
    place = Path(page.abs_src_path or "").parent
    return ((place / target).resolve() for target in LINK.findall(page.content_string))


def uri_of(path: Path, config: MkDocsConfig) -> str:
    """Where a file of the repository is on the site."""
    docs = Path(config.docs_dir)
    return (path.relative_to(docs) if docs in path.parents else OUTSIDE / path.relative_to(docs.parent)).as_posix()


def on_page_markdown(markdown: str, page: Page, config: MkDocsConfig, files: Files) -> str:  # noqa: ARG001
    """With links that lead to where files are on the site."""
    if page.file.abs_src_path is None:
        return markdown
    place = Path(page.file.abs_src_path).parent
    beside = posixpath.dirname(page.file.src_uri)
    return LINK.sub(lambda link: posixpath.relpath(uri_of((place / link[0]).resolve(), config), beside), markdown)
