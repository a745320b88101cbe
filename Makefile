# Verbs of the project. Needs git, make and a Python 3.11, 3.12 or 3.13; everything else is fetched by `make setup`.

# uv from PATH, else one of our own in .uv, installed on first use.
UV := $(shell command -v uv 2>/dev/null || echo .uv/bin/uv)
# The Python is found on this machine, never downloaded.
export UV_PYTHON_DOWNLOADS := never
RUN := $(UV) run --frozen --all-extras
PYTHON ?= python3
# Tests without a broker keep two cores busy; a file stays together, because its tests share what was slow to make.
IN_PARALLEL := -n 2 --dist loadfile

.DEFAULT_GOAL := help
.PHONY: help setup format lint types test test-fast test-compiled compile pure demo up chaos bench clean

help: ## Show this list.
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  %-13s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

setup: $(filter .uv/bin/uv,$(UV)) ## Install everything into .venv, as locked.
	$(UV) sync --frozen --all-extras

.uv/bin/uv:
	$(PYTHON) -m venv .uv || { echo "make: $(PYTHON) cannot make a virtual environment: install its venv module (Debian: python3-venv), or uv itself" >&2; exit 1; }
	.uv/bin/pip install --quiet uv
	@echo '*' > .uv/.gitignore

format: setup ## Rewrite the code in the house format.
	$(RUN) ruff format .
	$(RUN) ruff check --fix-only .

lint: setup ## Check format, style and who imports whom.
	$(RUN) ruff format --check .
	$(RUN) ruff check .
	$(RUN) lint-imports

types: setup ## Check types (mypy, strict).
	$(RUN) mypy

test: lint types pure ## Everything CI runs: lint, types and all tests but the long chaos ones.
	$(RUN) pytest $(IN_PARALLEL) -m "not kafka and not chaos"
	$(RUN) pytest --durations 10 -m "kafka and not chaos"
	$(MAKE) --no-print-directory test-compiled

test-fast: setup ## The tests that need no broker.
	$(RUN) pytest $(IN_PARALLEL) -m "not kafka and not chaos"

# A machine without a C compiler runs everything else.
test-compiled: setup ## The tests of rules and scorer again, on the compiled build.
	@if command -v cc gcc clang > /dev/null; then \
	  $(MAKE) --no-print-directory compile && $(RUN) pytest $(IN_PARALLEL) -m "not kafka and not chaos" tests/scoring tests/streams/scorer tests/streams/engine tests/streams/test_*.py; \
	  code=$$?; $(MAKE) --no-print-directory pure; exit $$code; \
	else echo "no C compiler: the compiled build is not tested"; fi

compile: setup ## Compile the rules in place (optional, needs a C compiler).
	$(RUN) python -m bench.builds

pure: ## Back to pure Python.
	@find scoring streams -name '*.so' -delete
	@rm -f *__mypyc.*.so

demo: setup ## The whole system on real orders, then checked.
	$(RUN) memberpulse demo

up: setup ## The whole system on this machine until Ctrl-C.
	$(RUN) memberpulse up

chaos: setup ## The long tests that kill processes.
	$(RUN) pytest -m chaos --timeout 1800

bench: setup ## Measure throughput and latency.
	$(RUN) python -m bench

clean: ## Remove what the tools left; keeps .venv and Kafka's jars.
	rm -rf build dist .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache
	find streams scoring tests bench deploy -name __pycache__ -type d -prune -exec rm -rf {} +
