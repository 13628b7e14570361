# make run, make test: each sets up .venv/ first, exactly as constraints.txt says.
SHELL := /bin/bash
.SHELLFLAGS := -eu -o pipefail -c
.DEFAULT_GOAL := help
.NOTPARALLEL:

VENV := .venv
BIN := $(VENV)/bin
INSTALLED := $(VENV)/.installed
CODE := macro_mesa policies visualization run_model.py app.py

# the main job; ARGS comes last, so that `make run ARGS="--epochs 50"` changes one thing
RUN := --mode train --epochs 200 --sim-length 240 --seed 1 --set training.rollout_groups=2 --workers 2
ARGS ?=
RUNS ?=

# candidates in order: the version that .python-version names, then what pyenv selects by that file, then others
PYTHON ?= python$(shell cat .python-version) python3 python3.12 python3.13 python3.14 python
USABLE := import ensurepip, venv, sys; sys.exit(sys.version_info < (3, 12))

# the matrices are small: one BLAS thread a process
export OPENBLAS_NUM_THREADS ?= 1

.PHONY: help pretrained run test lint types imports tests trust fast docs results gallery bench constraints clean

help: ## what there is
	@awk -F ':.*## ' '/^[a-z]+:.*## / {printf "make %-12s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

$(INSTALLED): setup.cfg pyproject.toml constraints.txt
	@if ! $(BIN)/python -c '$(USABLE)' 2>/dev/null; then \
		python=; \
		for candidate in $(PYTHON); do \
			if "$$candidate" -c '$(USABLE)' 2>/dev/null; then python=$$candidate; break; fi; \
		done; \
		if [ -z "$$python" ]; then \
			echo "error: no Python >= 3.12 with venv found (tried: $(PYTHON)); install one or give make PYTHON=path" >&2; \
			exit 1; \
		fi; \
		echo "making $(VENV) with $$("$$python" --version)"; \
		"$$python" -m venv --clear $(VENV); \
	fi
	@echo "installing what constraints.txt lists into $(VENV) (once; several minutes, torch is large on Linux)"
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-input -e '.[dev]' -c constraints.txt
	@touch $@

run: $(INSTALLED) ## train all agents and evaluate them (ARGS="..." adds or overrides flags of run_model.py)
	@$(BIN)/python run_model.py $(RUN) $(ARGS)

pretrained: $(INSTALLED) ## train the five shipped runs anew (67 minutes on two cores; goes on where it stopped)
	@$(BIN)/python -m policies.pretraining --workers 2

test: lint types imports tests ## everything that must pass: ruff, mypy, import-linter, pytest

lint: $(INSTALLED) ## ruff
	@echo "== ruff"
	@$(BIN)/ruff check .

types: $(INSTALLED) ## mypy
	@echo "== mypy"
	@$(BIN)/mypy $(CODE)

imports: $(INSTALLED) ## import-linter: which package may import which
	@echo "== import-linter"
	@$(BIN)/lint-imports

tests: $(INSTALLED) ## all tests, on two processes
	@echo "== pytest"
	@$(BIN)/python -c 'from macro_mesa import MacroModel; MacroModel(rng=0).step()' # compile once, not in every process
	@$(BIN)/python -m pytest -n 2 --dist loadfile

# the soak in a fresh process: in memory that others freed it would lose some unseen
TRUST := $(patsubst %,tests/test_%.py,soak dashboard_server crash fuzz)
trust: $(INSTALLED) ## faults and hostile input at full size, on two processes: what docs/reliability.md counts
	@echo "== pytest: 10,000 cases of nonsense, 25 kills, a century under every seed, 50 sessions"
	@MACRO_MESA_TRUST=1 $(BIN)/python -m pytest -n 2 --dist loadfile --no-loadscope-reorder -m trust $(TRUST)

fast: $(INSTALLED) ## the tests that take seconds, in this process
	@$(BIN)/python -m pytest -m "not slow and not browser"

docs: $(INSTALLED) ## write the generated tables of docs/ anew
	@$(BIN)/python docs/generate.py

gallery: $(INSTALLED) ## draw every figure anew: docs/gallery.md and docs/gallery/
	@$(BIN)/python docs/gallery.py

results: $(INSTALLED) ## write docs/results.md anew from docs/results/ (RUNS="experiments/..." adds run folders first)
	@$(BIN)/python docs/results.py $(RUNS)

$(VENV)/.bench: $(INSTALLED)
	@echo "installing the peer that speed is measured against"
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-input -e '.[bench]' -c constraints.txt
	@touch $@

bench: $(VENV)/.bench ## measure the speed of everything (ARGS="--quick", or names of parts) and renew docs/performance.md
	@$(BIN)/python benchmarks $(ARGS)

constraints: $(INSTALLED) ## write constraints.txt from what .venv holds now
	@{ head -n 1 constraints.txt; $(BIN)/python -m pip freeze --exclude-editable --exclude bamengine; } > constraints.new
	@mv constraints.new constraints.txt
	@touch $(INSTALLED)

clean: ## remove .venv, caches and compiled market loops; runs in experiments/ stay
	rm -rf $(VENV) build *.egg-info .pytest_cache .mypy_cache .ruff_cache .hypothesis .import_linter_cache
	find . -name __pycache__ -type d -prune -exec rm -rf {} +
