"""The site of docs/: what mkdocs.yml takes as hooks, each by itself."""
