# make run sets up .venv/ with what running needs, make test adds the rest; versions are those of constraints.txt.
SHELL := /bin/bash
.SHELLFLAGS := -eu -o pipefail -c
.DEFAULT_GOAL := help
.NOTPARALLEL:

VENV := .venv
BIN := $(VENV)/bin
INSTALLED := $(VENV)/.installed
DEVELOPED := $(VENV)/.developed
UV := $(BIN)/uv pip install --python $(BIN)/python --constraint constraints.txt
TORCH := $(shell grep -i '^torch==' constraints.txt)
CODE := macro_mesa policies visualization run_model.py app.py

# the main job; ARGS comes last, so that `make run ARGS="--epochs 50"` changes one thing
RUN := --mode train --config examples/first_run.yaml --seed 1 --workers 2
ARGS ?=
RUNS ?=

# candidates in order: the version that .python-version names, then what pyenv selects by that file, then others
PYTHON ?= python$(shell cat .python-version) python3 python3.12 python3.13 python3.14 python
USABLE := import ensurepip, venv, sys; sys.exit(sys.version_info < (3, 12))

# the matrices are small: one BLAS thread a process
export OPENBLAS_NUM_THREADS ?= 1

.PHONY: help pretrained run first-run opening test lint types imports tests trust fast docs results gallery bench constraints clean

help: ## what there is
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "make %-12s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

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
	@echo "installing what running needs into $(VENV) (once; a minute or two)"
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-input uv -c constraints.txt
	@UV_HTTP_RETRIES=0 UV_HTTP_TIMEOUT=15 $(UV) --torch-backend cpu '$(TORCH)' 2>$(VENV)/torch.log \
		|| echo "torch's own index cannot be reached (see $(VENV)/torch.log): taking the CUDA build from PyPI, some gigabytes larger"
	@$(UV) --editable .
	@touch $@

$(DEVELOPED): $(INSTALLED)
	@echo "adding what tests need"
	@$(UV) --editable '.[dev]'
	@touch $@

run: $(INSTALLED) ## train all agents and evaluate them (ARGS="..." adds or overrides flags of run_model.py)
	@$(BIN)/python run_model.py $(RUN) $(ARGS)

first-run: $(INSTALLED) ## the same from nothing, and an error unless the economy holds its bounds (five minutes)
	@$(BIN)/python tests/first_run.py $(RUN) --output-dir experiments/first_run

opening: $(INSTALLED) ## make the points of the stationary opening anew, from long runs
	@$(BIN)/python -m macro_mesa.long_runs

pretrained: $(INSTALLED) ## train the five shipped runs anew (67 minutes on two cores; goes on where it stopped)
	@$(BIN)/python -m policies.pretraining --workers 2

test: lint types imports tests ## everything that must pass: ruff, mypy, import-linter, pytest

lint: $(DEVELOPED) ## ruff
	@echo "== ruff"
	@$(BIN)/ruff check .

types: $(DEVELOPED) ## mypy
	@echo "== mypy"
	@$(BIN)/mypy $(CODE)

imports: $(DEVELOPED) ## import-linter: which package may import which
	@echo "== import-linter"
	@$(BIN)/lint-imports

tests: $(DEVELOPED) ## all tests, on two processes
	@echo "== pytest"
	@$(BIN)/python -c 'from macro_mesa import MacroModel; MacroModel(rng=0).step()' # compile once, not in every process
	@$(BIN)/python -m pytest -n 2 --dist loadfile

# the soak in a fresh process: in memory that others freed it would lose some unseen
TRUST := $(patsubst %,tests/test_%.py,soak dashboard_server crash fuzz)
trust: $(DEVELOPED) ## faults and hostile input at full size, on two processes: what docs/reliability.md counts
	@echo "== pytest: 10,000 cases of nonsense, 25 kills, a century under every seed, 50 sessions"
	@MACRO_MESA_TRUST=1 $(BIN)/python -m pytest -n 2 --dist loadfile --no-loadscope-reorder -m trust $(TRUST)

fast: $(DEVELOPED) ## the tests that take seconds, in this process
	@$(BIN)/python -m pytest -m "not slow and not browser"

docs: $(INSTALLED) ## write the generated tables of docs/ anew
	@$(BIN)/python docs/generate.py

gallery: $(INSTALLED) ## draw every figure anew: docs/gallery.md and docs/gallery/
	@$(BIN)/python docs/gallery.py

results: $(INSTALLED) ## write docs/results.md anew from docs/results/ (RUNS="experiments/..." adds run folders first)
	@$(BIN)/python docs/results.py $(RUNS)

$(VENV)/.bench: $(DEVELOPED)
	@echo "installing the peer that speed is measured against"
	@$(UV) --editable '.[bench]'
	@touch $@

bench: $(VENV)/.bench ## measure the speed of everything (ARGS="--quick", or names of parts) and renew docs/performance.md
	@$(BIN)/python benchmarks $(ARGS)

constraints: $(DEVELOPED) ## write constraints.txt from what .venv holds now
	@{ head -n 1 constraints.txt; $(BIN)/python -m pip freeze --exclude-editable --exclude bamengine; } > constraints.new
	@mv constraints.new constraints.txt
	@touch $(INSTALLED)

clean: ## remove .venv, caches and compiled market loops; runs in experiments/ stay
	rm -rf $(VENV) build *.egg-info .pytest_cache .mypy_cache .ruff_cache .hypothesis .import_linter_cache
	find . -name __pycache__ -type d -prune -exec rm -rf {} +
