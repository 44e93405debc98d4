# `make run` and `make test` need git, Python 3.11 or newer with venv, and the package index; nothing else.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin

.PHONY: run test test-cluster check lint clean

run: $(VENV)/installed
	$(BIN)/al-bench

test: $(VENV)/installed-dev
	$(BIN)/python -m pytest -n auto

test-cluster: $(VENV)/installed-cluster
	$(BIN)/python -m pytest -m cluster tests/cluster

check: lint test

lint: $(VENV)/installed-dev
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy

$(VENV)/installed-cluster: $(VENV)/installed-dev
	for extra in ray slurm; do \
		$(BIN)/python -m pip install --quiet --constraint constraints.txt --editable ".[dev,$$extra]" || \
		{ echo "$$extra CANNOT BE INSTALLED: ITS TESTS ARE SKIPPED" >&2; is_partial=1; }; \
	done; [ "$$is_partial" ] || touch $@

clean:
	rm -rf $(VENV) build dist *.egg-info

$(BIN)/python:
	$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "Python 3.11 or newer is needed: make PYTHON=python3.11 ...")'
	$(PYTHON) -m venv $(VENV)

$(VENV)/installed: pyproject.toml constraints.txt | $(BIN)/python
	$(BIN)/python -m pip install --quiet --constraint constraints.txt --editable .
	touch $@

$(VENV)/installed-dev: pyproject.toml constraints.txt | $(BIN)/python
	$(BIN)/python -m pip install --quiet --constraint constraints.txt --editable '.[dev]'
	touch $@
