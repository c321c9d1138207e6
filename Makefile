# `make demo` and `make test` need nothing but Python 3.11 or newer; the rest is set up in .venv.
# PYTHON=... picks the interpreter, VENV=... the environment.

VENV ?= .venv
BIN := $(VENV)/bin
VERSIONS := 3.11 3.12 3.13
TARGETS := engine wire config
TIME ?= 300
PIP := --disable-pip-version-check --quiet

.DEFAULT_GOAL := help
.PHONY: help demo test test-all lint check format e2e e2e-model fuzz fuzz-api bench package lock clean

help: ## show this list
	@awk -F ':.*## ' '/^[a-z0-9-]+:.*## / { printf "  make %-10s %s\n", $$1, $$2 }' Makefile

demo: $(VENV)/.runtime ## the main job once: no key, no network
	@$(BIN)/python examples/demo/run.py

test: $(VENV)/.dev ## the tests
	$(BIN)/pytest -n auto --dist loadfile $(ARGS)

test-all: ## the tests on every supported Python that is installed
	@status=0; for version in $(VERSIONS); do \
	  if python=$$(scripts/find-python $$version); then \
	    echo "== Python $$version"; \
	    $(MAKE) test PYTHON="$$python" VENV=.venv-$$version ARGS="-q $(ARGS)" || status=1; \
	  else echo "== Python $$version is not installed: skipped"; fi; \
	done; exit $$status

lint: $(VENV)/.dev ## ruff, mypy, import contracts
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports

check: lint test ## what CI runs

format: $(VENV)/.dev ## let ruff fix and format
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

e2e: $(VENV)/.dev ## real clients against a running proxy (installs them in .e2e; some need node)
	$(BIN)/pytest tests/e2e -m e2e $(ARGS)

e2e-model: $(VENV)/.dev ## a real model behind the proxy: builds llama.cpp once (cmake and a C++ compiler)
	$(BIN)/pytest tests/e2e -m model $(ARGS)

fuzz: $(VENV)-fuzz/.ready ## coverage-guided fuzzing, TIME=300 seconds of each of TARGETS="engine wire config"
	@for target in $(TARGETS); do \
	  PYTHONPATH=tests $(VENV)-fuzz/bin/python -m fuzz $$target -max_total_time=$(TIME) $(ARGS) || exit 1; \
	done

fuzz-api: $(VENV)-fuzz/.ready ## schemathesis: a running proxy against its OpenAPI document
	PYTHONPATH=tests $(VENV)-fuzz/bin/python -m fuzz.api $(ARGS)

bench: $(VENV)/.dev ## throughput and cost beside nginx
	$(BIN)/python -m bench $(ARGS)

package: $(VENV)/.dev ## wheel and sdist, and the wheel tried in an empty environment
	$(BIN)/pytest tests/packaging -m "slow or not slow" $(ARGS)

lock: $(VENV)/.dev ## resolve the lock files again, newest versions
	$(BIN)/python -m pip install $(PIP) uv
	$(BIN)/python -m uv pip compile -q -U --universal --python-version 3.11 --generate-hashes --no-emit-index-url \
	  --group dev --custom-compile-command "make lock" pyproject.toml -o requirements-dev.lock
	$(BIN)/python -m uv pip compile -q --universal --python-version 3.11 --generate-hashes --no-emit-index-url \
	  -c requirements-dev.lock --custom-compile-command "make lock" pyproject.toml -o requirements.lock
	$(BIN)/python -m uv pip compile -q --universal --python-version 3.11 --generate-hashes --no-emit-index-url \
	  -c requirements-dev.lock --custom-compile-command "make lock" pyproject.toml tests/fuzz/requirements.in \
	  -o tests/fuzz/requirements.lock

clean: ## remove everything that make made
	rm -rf .venv .venv-3.* .venv-fuzz .fuzz build dist .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

$(VENV)/bin/python:
	@python="$(PYTHON)"; \
	if [ -z "$$python" ] && ! python=$$(scripts/find-python); then \
	  echo "Python 3.11 or newer with its venv module is needed: install python3 (Debian: and python3-venv), or say make PYTHON=/path/to/python3" >&2; \
	  exit 1; \
	fi; \
	echo "setting up $(VENV) with $$python" >&2; \
	"$$python" -m venv $(VENV)

$(VENV)/.runtime: requirements.lock | $(VENV)/bin/python
	@$(BIN)/python -m pip install $(PIP) --no-deps --require-hashes -r requirements.lock
	@touch $@

$(VENV)/.dev: requirements-dev.lock pyproject.toml | $(VENV)/bin/python
	@$(BIN)/python -m pip install $(PIP) --no-deps --require-hashes -r requirements-dev.lock
	@$(BIN)/python -m pip install $(PIP) --no-build-isolation --no-deps -e .
	@touch $@ $(VENV)/.runtime

$(VENV)-fuzz/.ready: requirements.lock tests/fuzz/requirements.lock pyproject.toml | $(VENV)/bin/python
	@$(BIN)/python -m venv $(VENV)-fuzz
	@$(VENV)-fuzz/bin/python -m pip install $(PIP) --no-deps --require-hashes -r tests/fuzz/requirements.lock
	@$(VENV)-fuzz/bin/python -m pip install $(PIP) --no-build-isolation --no-deps -e .
	@touch $@
