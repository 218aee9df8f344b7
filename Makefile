# Two commands do everything on a fresh machine: `make demo` and `make test`.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.ready
DRIVE ?=
# How many processes run tests: one more than there are processors, for many a test waits for a child.
WORKERS ?= $(shell echo $$(($$(nproc) + 1)))
# Each process takes its part of the files, whose fixtures are then made once; who is done takes from another.
TESTS := $(BIN)/python -m pytest -n $(WORKERS) --dist worksteal -q
# What is imported is compiled once, also where the environment says otherwise: tests start many a Python.
unexport PYTHONDONTWRITEBYTECODE

.PHONY: help demo test test-all lint bench format clean wheels golden

help: ## show this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "  make %-10s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

demo: $(STAMP) ## seal a sample drive end to end, about a minute; DRIVE=/path takes a real one
	@$(BIN)/python tools/demo.py $(if $(DRIVE),--drive "$(DRIVE)")

test: $(STAMP) ## all tests with seeded samples, at most 15 minutes
	@$(BIN)/ruff check -q
	@$(BIN)/ruff format -q --check
	@$(BIN)/mypy >$(VENV)/.types 2>&1 & types=$$!; $(TESTS); tests=$$?; \
	wait $$types || { cat $(VENV)/.types; exit 1; }; exit $$tests

test-all: $(STAMP) ## every byte flipped, every kill: under 85 minutes
	@BEARWITNESS_ALL=1 $(TESTS)

lint: $(STAMP) ## ruff and mypy, strict
	$(BIN)/ruff check
	$(BIN)/ruff format --check
	$(BIN)/mypy

format: $(STAMP) ## bring the code into shape
	$(BIN)/ruff check --fix
	$(BIN)/ruff format

bench: $(STAMP) ## speed, as ratios against peers measured in the same run
	@$(BIN)/python bench/run.py
	@$(BIN)/python bench/page.py

wheels: $(STAMP) ## build both wheels into dist/
	@sh tools/wheels.sh

golden: $(STAMP) ## make tests/golden/v1, once and never again: it refuses where it is there
	@$(BIN)/python tools/make_golden.py

clean: ## remove everything that make made
	rm -rf $(VENV) dist build demo-out bench-out .mypy_cache .ruff_cache .pytest_cache

$(STAMP): requirements.lock requirements-weights.lock requirements-setup.lock pyproject.toml tools/setup.sh
	@PYTHON="$(PYTHON)" sh tools/setup.sh $(VENV)
	@touch $@
