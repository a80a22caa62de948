# Everything here needs Python 3.11 or newer and make; the rest is installed into .venv.
#   make demo                      the whole thing on this machine, in half a minute
#   make demo ARGS="--products 50" options for the command behind a target
#   make PYTHON=python3.12 test    another Python

PYTHON ?= python3
ARGS   ?=

# Of `make chaos`, `make soak` and `make fuzz`: make chaos SHOP=shopify KILLS=60 SEED=7 DATABASE=postgresql
SHOP     ?= woocommerce
KILLS    ?= 200
SEED     ?= 1
DATABASE ?= sqlite
MINUTES  ?= 10
BODIES   ?= 1000

VENV := .venv
BIN  := $(VENV)/bin
PIP  := $(BIN)/python -m pip --disable-pip-version-check

# Tests find nothing of the machine's own configuration.
unexport SYNCD_CONFIG

.DEFAULT_GOAL := help
.PHONY: accounts audit installed bench bench-quick browser failover faults lock sbom secrets units property requests mutants lines help install develop demo test lint check format build clean chaos soak fuzz vendure e2e

help: ## Show the targets
	@grep -hE '^[a-z0-9-]+:.*## ' $(MAKEFILE_LIST) | sed 's/:.*## /|/' | while IFS='|' read -r name text; do \
		printf '  make %-11s %s\n' "$$name" "$$text"; done

# Stamps: a target that is up to date costs nothing. Each depends on the one before, so that `make -j` is safe.
$(VENV)/.created:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "syncd needs Python 3.11 or newer; try make PYTHON=python3.12")'
	$(PYTHON) -m venv $(VENV)
	$(PIP) install --quiet --upgrade 'pip>=25.1'
	@touch $@

$(VENV)/.installed: pyproject.toml $(VENV)/.created
	$(PIP) install --quiet --editable .
	@touch $@

# What tests run with is fixed, with hashes, for every Python and system: `make lock` makes it anew.
$(VENV)/.developed: tests/requirements.txt pyproject.toml $(VENV)/.installed
	$(PIP) install --quiet --require-hashes --requirement tests/requirements.txt
	$(PIP) install --quiet --no-deps --no-build-isolation --editable .
	@touch $@

# Tools about dependencies live apart: they bring dozens of packages that nothing else needs.
SUPPLY := .supply
$(SUPPLY)/.installed: pyproject.toml
	$(PYTHON) -m venv $(SUPPLY)
	$(SUPPLY)/bin/python -m pip --disable-pip-version-check install --quiet --upgrade 'pip>=25.1'
	$(SUPPLY)/bin/python -m pip --disable-pip-version-check install --quiet --group supply
	@touch $@

install: $(VENV)/.installed ## Install syncd into .venv

develop: $(VENV)/.developed ## The same with everything for tests

demo: $(VENV)/.installed ## Simulated till and shop, the real daemon, a scripted day
	$(BIN)/syncd demo $(ARGS)

test: $(VENV)/.developed ## Run the tests
	$(BIN)/python -m pytest -n 3 -m "not slow" $(ARGS)

HISTORIES ?= 500

property: $(VENV)/.developed ## Invented histories of the engine against the promise (HISTORIES)
	HISTORIES=$(HISTORIES) $(BIN)/python -m pytest -q -n 2 --timeout 0 tests/property $(ARGS)

UPDATES ?= 1000

requests: $(VENV)/.developed ## Count the requests that changes of so many products cost (UPDATES)
	UPDATES=$(UPDATES) $(BIN)/python -m pytest -q --timeout 0 tests/crossing/test_requests.py $(ARGS)

mutants: $(VENV)/.developed ## Take out one protection after the other: tests must notice
	$(BIN)/python -m tests.mutants $(ARGS)

faults: $(VENV)/.developed ## Faults of network, disk, database and clock, with the times of the real thing
	SYNCD_TEST_FAULTS=1 $(BIN)/python -m pytest -q -n 2 --timeout 0 tests/faults $(ARGS)

chaos: $(VENV)/.developed ## Kill the daemon under faults and traffic (SHOP, KILLS, SEED, DATABASE)
	$(BIN)/python -m tests.chaos --shop $(SHOP) --kills $(KILLS) --seed $(SEED) --database $(DATABASE) $(ARGS)

soak: $(VENV)/.developed ## Steady traffic, two daemons, two shops (MINUTES, SEED, DATABASE)
	$(BIN)/python -m tests.chaos.soak --minutes $(MINUTES) --seed $(SEED) --database $(DATABASE) $(ARGS)

ROUNDS ?= 3

failover: $(VENV)/.developed ## Two machines, one PostgreSQL: the leader is taken away in every way (ROUNDS, SEED)
	$(BIN)/python -m tests.failover --rounds $(ROUNDS) --seed $(SEED) $(ARGS)

ACCOUNTS ?= 50

accounts: $(VENV)/.developed ## Many daemons, one PostgreSQL: what each costs (ACCOUNTS)
	$(BIN)/python -m tests.accounts --accounts $(ACCOUNTS) $(ARGS)

# A real shop from npm. Compilers and scripts of packages are not needed, and the lock names no registry.
NODE_OLDEST := 20

.vendure/.installed: tests/vendure/package.json tests/vendure/package-lock.json
	@command -v node >/dev/null && command -v npm >/dev/null || { \
		echo 'Vendure needs Node $(NODE_OLDEST) or newer, with npm: https://nodejs.org'; exit 1; }
	@node -e 'process.exit(parseInt(process.versions.node) < $(NODE_OLDEST) ? 1 : 0)' || { \
		echo "Vendure needs Node $(NODE_OLDEST) or newer; this is $$(node --version)"; exit 1; }
	@mkdir -p .vendure
	cp tests/vendure/package.json tests/vendure/package-lock.json .vendure/
	cd .vendure && npm ci --ignore-scripts --no-audit --no-fund --loglevel=error
	@touch $@

vendure: .vendure/.installed ## Install the real shop that tests may use (needs Node)

e2e: $(VENV)/.developed .vendure/.installed ## A busy day between a till and a real Vendure shop (needs Node)
	$(BIN)/python -m tests.vendure $(ARGS)

# Installs what drives a browser, but no browser: that is the system's.
$(VENV)/.browser: pyproject.toml $(VENV)/.developed
	$(PIP) install --quiet --group browser
	@touch $@

browser: $(VENV)/.developed ## The status page in a real Chromium; pictures in build/browser (needs Chromium)
	@command -v chromium chromium-browser google-chrome chrome >/dev/null || { \
		echo 'there is no Chromium: apt-get install chromium (Debian, Ubuntu)'; exit 1; }
	@$(MAKE) --no-print-directory $(VENV)/.browser
	rm -rf build/browser
	BROWSER=all $(BIN)/python -m pytest -q tests/browser $(ARGS)
	@echo "pictures: build/browser"

fuzz: $(VENV)/.developed ## Mutated answers at every endpoint (BODIES, SEED)
	$(BIN)/python -m tests.fuzz --bodies $(BODIES) --seed $(SEED) $(ARGS)

secrets: $(VENV)/.developed ## Plant secrets everywhere, run everything, search all that is shown and kept
	$(BIN)/python -m tests.planted $(ARGS)

bench: $(VENV)/.developed ## Measure speed, requests and memory at 72,000 items
	$(BIN)/python -m benchmarks $(ARGS)

bench-quick: $(VENV)/.developed ## The same with small catalogues
	$(BIN)/python -m benchmarks --size quick $(ARGS)

lines: $(VENV)/.developed ## Count the lines of each adapter
	$(BIN)/python -m tests.support.lines

lint: $(VENV)/.developed ## Check format, style and types
	$(BIN)/ruff format --check
	$(BIN)/ruff check
	$(BIN)/mypy

lock: $(SUPPLY)/.installed ## Fix the newest dependencies for tests anew, with hashes (needs the network)
	$(SUPPLY)/bin/uv pip compile --quiet --upgrade --universal --python-version 3.11 --generate-hashes \
		--extra postgresql --group dev --no-header --no-annotate --output-file tests/requirements.txt pyproject.toml

audit: $(SUPPLY)/.installed ## Ask for known weaknesses of the locked dependencies (needs the network)
	@.ci/audit $(SUPPLY)/bin/pip-audit

sbom: $(VENV)/.developed $(SUPPLY)/.installed ## Write what syncd consists of as CycloneDX into build/
	@mkdir -p build
	@.ci/sbom $(SUPPLY)/bin/cyclonedx-py $(PYTHON)

installed: $(VENV)/.developed ## docs/install.md typed into a fresh Debian under systemd (root, Debian, network)
	$(BIN)/python -m tests.installed $(ARGS)

units: ## Hold the systemd units against systemd-analyze
	@.ci/units

check: lint test ## Both

format: $(VENV)/.developed ## Put everything into format
	$(BIN)/ruff format
	$(BIN)/ruff check --fix

build: $(VENV)/.developed ## Build the wheel into dist/
	$(BIN)/python -m build --no-isolation

clean: ## Remove what was built and installed here
	rm -rf $(VENV) $(SUPPLY) .vendure benchmarks/.venvs benchmarks/results dist build .mypy_cache .ruff_cache .pytest_cache .hypothesis
