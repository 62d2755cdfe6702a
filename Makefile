# The words to learn. `run` and `test` set up .venv themselves; nothing else is needed than Python 3.11+.
PYTHON ?= python3
BIN := .venv/bin
STAMP := .venv/.installed
# -P keeps the working directory off the module path: what is tested is what is installed.
PY := $(BIN)/python -P

.PHONY: help run compose-run test check format proto bench clean
help:  ## what the words mean
	@sed -n 's/^\([a-z-]*\):.*## /\1\t/p' $(MAKEFILE_LIST)

run: $(STAMP)  ## boot a labelled cluster, run the suites against it, print the verdict
	$(BIN)/labelproof run

compose-run: $(STAMP)  ## the same inside docker-compose.yml: up, suites, results out, down, whatever happens
	$(BIN)/labelproof compose

test: $(STAMP)  ## the project's own tests
	$(PY) -m pytest tests

check: $(STAMP)  ## lint, format, types, import contracts, generated code and pages, duplicated code
	$(BIN)/ruff check
	$(BIN)/ruff format --check
	$(BIN)/mypy
	PATH="$(CURDIR)/$(BIN):$$PATH" $(BIN)/lint-imports
	$(PY) tools/proto --check
	$(PY) tools/check-duplicates
	$(PY) tools/architecture --check

format: $(STAMP)  ## put the code in ruff's format, and fix what ruff can
	$(BIN)/ruff check --fix-only
	$(BIN)/ruff format

proto: $(STAMP)  ## write the generated code beside the .proto files
	$(PY) tools/proto

bench: $(STAMP)  ## measure
	$(PY) -m harness.bench

clean:  ## remove what make and the tools made (not the recorded runs)
	rm -rf .venv .cache .mypy_cache .pytest_cache .ruff_cache .import_linter_cache .hypothesis build dist
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

$(STAMP): pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "labelproof needs Python 3.11 or newer, and $(PYTHON) is " + sys.version.split()[0] + ": make PYTHON=python3.11")'
	@test -x $(BIN)/python || $(PYTHON) -m venv .venv
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -e '.[dev]'
	@# Compiled once, also where PYTHONDONTWRITEBYTECODE is set: each node would do so at each start.
	$(BIN)/python -m compileall -q sepol lsm ldlm rpc host mds oss client harness proto/labelproof
	@touch $@
