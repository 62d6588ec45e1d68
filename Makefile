# Everything a person does here. Needs python3 (3.11 or newer), make and a package index; makes .venv by itself.

PYTHON ?= python3
VENV := .venv
RUN := $(VENV)/bin/python
LOCK_OPTIONS := --universal --python-version 3.11 --generate-hashes --no-emit-index-url --no-annotate --no-header --quiet

.DEFAULT_GOAL := help
.PHONY: help run test demo check bench pictures lock clean venv-run venv-dev

help: ## this list
	@grep -hE '^[a-z-]+:.*## ' $(firstword $(MAKEFILE_LIST)) | sed -E 's/^([a-z-]+):.*## /\1\t/' | while IFS='	' read -r name does; do printf '  make %-8s %s\n' "$$name" "$$does"; done

run: venv-run ## the whole service on this machine, with Temporal and a made-up network; Ctrl-C stops it
	@exec $(RUN) -m workers.dev

demo: venv-run ## one certificate's whole life, told step by step, on a copy of its own; ISSUER=acme at a real Pebble
	@exec $(RUN) -m lab.demo $(if $(ISSUER),--issuer $(ISSUER))

test: venv-dev ## all tests
	@exec $(RUN) -m pytest -n 3 --dist worksteal $(PYTEST_OPTIONS)

check: venv-dev ## format, lint, types, import rules
	$(RUN) -m ruff format --check .
	$(RUN) -m ruff check .
	$(RUN) -m mypy
	$(VENV)/bin/lint-imports

bench: venv-dev ## the figures of docs/operations.md; BENCH_OPTIONS="--certificates 100000" fills the database first
	@exec $(RUN) -m tests.bench $(BENCH_OPTIONS)

pictures: venv-dev ## the pictures of docs/console.md anew; needs Chromium
	@exec $(RUN) -m lab.pictures

lock: ## write requirements/*.lock anew from pyproject.toml
	$(PYTHON) -m venv $(VENV)-lock
	$(VENV)-lock/bin/python -m pip install --quiet uv
	$(VENV)-lock/bin/uv pip compile pyproject.toml --group server $(LOCK_OPTIONS) --upgrade -o requirements/run.lock
	$(VENV)-lock/bin/uv pip compile pyproject.toml --group server --group dev --extra alibaba --extra dns -c requirements/run.lock $(LOCK_OPTIONS) --upgrade -o requirements/dev.lock
	$(VENV)-lock/bin/uv pip compile pyproject.toml --extra alibaba -c requirements/run.lock $(LOCK_OPTIONS) --upgrade -o requirements/alibaba.lock
	$(VENV)-lock/bin/uv pip compile pyproject.toml --extra dns -c requirements/run.lock $(LOCK_OPTIONS) --upgrade -o requirements/dns.lock
	$(VENV)-lock/bin/uv pip compile requirements/jks.in -c requirements/run.lock $(LOCK_OPTIONS) --upgrade -o requirements/jks.lock
	rm -rf $(VENV)-lock

clean: ## remove .venv and all caches; var/ with its certificates stays
	rm -rf $(VENV) $(VENV)-lock build dist .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

# Copies of the locks inside .venv say what is installed there; by content, because a clone has new times.
define install
	@test -x $(RUN) && cmp -s requirements/$(1).lock $(VENV)/$(1).lock || { \
	  $(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' \
	    || { echo "Certloom needs Python 3.11 or newer; name one, as in: make PYTHON=python3.12" >&2; exit 1; }; \
	  test -x $(VENV)/bin/pip || $(PYTHON) -m venv --clear $(VENV) \
	    || { rm -rf $(VENV); echo "python3 cannot make a venv; on Debian: apt-get install python3-venv" >&2; exit 1; }; \
	  echo "Installing requirements/$(1).lock into $(VENV) ..." && \
	  $(RUN) -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements/$(1).lock && \
	  cp $(2) $(VENV)/; }
	@printf '%s\n' '#!/bin/sh' 'here=$$(CDPATH= cd -- "$$(dirname -- "$$0")/../.." && pwd)' \
	  'PYTHONPATH="$$here" exec "$$here/$(VENV)/bin/python" -P -m certloom.cli "$$@"' > $(VENV)/bin/certloom
	@chmod +x $(VENV)/bin/certloom
endef

venv-run:
	$(call install,run,requirements/run.lock)

venv-dev: # holds all of run
	$(call install,dev,requirements/run.lock requirements/dev.lock)
