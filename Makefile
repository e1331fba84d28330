# One virtual environment, made once: `make generate` and `make test` are all a fresh clone needs.

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
SENSOR ?= digit
OUT ?= runs/$(SENSOR)
ARGS ?=
JOBS ?= 2

# pip compiles at install time, so that the first run need not; what our own files compile to is kept.
unexport PYTHONDONTWRITEBYTECODE
PIP_INSTALL := $(BIN)/python -m pip install --quiet --disable-pip-version-check --constraint constraints.txt
PYTEST := $(BIN)/python -m pytest

.DEFAULT_GOAL := help
.DELETE_ON_ERROR:
.PHONY: help generate test test-all lint benchmark wheel tacto clean

help:  ## This list
	@echo "make <target> [PYTHON=python3] [ARGS='more options']"
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/:[^#]*## /\t/' | while IFS="$$(printf '\t')" read -r n t; do printf '  %-10s %s\n' "$$n" "$$t"; done

generate: $(VENV)/.core  ## A stream of touch in runs/digit (SENSOR=, OUT=, ARGS=); again: finds it done, or goes on
	$(BIN)/python -m simtouch.generate --sensor $(SENSOR) --out $(OUT) --resume $(ARGS)

test: $(VENV)/.dev  ## The tests: minutes, no GPU, no network, no display
	$(PYTEST) -n $(JOBS) $(ARGS)

test-all: $(VENV)/.all  ## The slow tests too, and those of the extras view, video and cluster
	$(PYTEST) -n $(JOBS) -m "not gpu and not network" $(ARGS)

lint: $(VENV)/.dev  ## Style and types
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/pyright --level error

benchmark: $(VENV)/.dev  ## How fast, beside what else is installed
	$(BIN)/python -m simtouch.benchmark $(ARGS)

wheel: $(VENV)/.dev  ## The wheel, in dist/
	$(BIN)/python -m hatchling build -t wheel

tacto: $(VENV)/.core  ## TACTO beside PyTorch (Python 3.11; wants Debian's libosmesa6)
	$(PIP_INSTALL) --editable '.[tacto]'
	$(PIP_INSTALL) --no-deps tacto==0.0.3

$(VENV)/.all: pyproject.toml constraints.txt | $(BIN)/python
	@echo "Installing simtouch with all that its tests can use into $(VENV) (minutes) ..."
	$(PIP_INSTALL) --editable '.[envs,train,dev,view,video,cluster]'
	@touch $(VENV)/.core $(VENV)/.dev $@

clean:  ## Everything made here except runs/
	rm -rf $(VENV) dist build .pytest_cache .ruff_cache .hypothesis .benchmarks

$(BIN)/python:
	@command -v $(PYTHON) >/dev/null || { echo "No \`$(PYTHON)\`: install Python 3.11, 3.12 or 3.13, or say make PYTHON=/path/to/python." >&2; exit 2; }
	@$(PYTHON) -c 'import sys; sys.exit(not (3, 11) <= sys.version_info[:2] < (3, 14))' \
	  || { echo "simtouch needs Python 3.11, 3.12 or 3.13; \`$(PYTHON)\` is $$($(PYTHON) -V 2>&1). Say make PYTHON=python3.12." >&2; exit 2; }
	$(PYTHON) -m venv $(VENV)

$(VENV)/.core: pyproject.toml constraints.txt | $(BIN)/python
	@echo "Installing simtouch into $(VENV) (a minute) ..."
	$(PIP_INSTALL) --editable .
	@touch $@

$(VENV)/.dev: pyproject.toml constraints.txt | $(BIN)/python
	@echo "Installing simtouch with the extras envs, train and dev into $(VENV) (minutes) ..."
	$(PIP_INSTALL) --editable '.[envs,train,dev]'
	@touch $(VENV)/.core $@
