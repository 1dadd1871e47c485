# Two commands matter: `make run` carries the shipped model to a release in dev, `make test` proves the project.
# Both make their own environment first, from the hashed lock.

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
READY := $(VENV)/.ready
STATE := $(abspath $(or $(ASCEND_STATE),.ascend))
export DAGSTER_HOME ?= $(STATE)/dagster
export DAGSTER_DISABLE_TELEMETRY := 1
PORT ?= 3000
# What is tested on PostgreSQL as well: the longest first.
ON_POSTGRES := tests/daemon tests/postgres tests/ascend_assets/test_guards.py \
	tests/ascend_assets/notices/test_notice_gathering.py

.PHONY: run ui test lint types unit defs test-torch test-ceph test-prometheus test-images test-postgres test-k8s test-cann lock clean help

help: ## this list
	@grep -hE '^[a-z0-9-]+:.*##' $(MAKEFILE_LIST) | sed 's/:.*## /\t/' | expand -t 14

run: $(READY) ## carry the shipped model to a release in dev
	@$(BIN)/ascend run digits_cnn

ui: $(READY) ## Dagster's UI with everything loaded, state kept between starts
	@$(BIN)/ascend init
	$(BIN)/dagster dev -w workspace.yaml -p $(PORT)

test: lint types unit defs ## lint, types, tests, definitions

lint: $(READY)
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

types: $(READY)
	$(BIN)/mypy
	$(BIN)/mypy tests/torch/*.py

# A file's tests stay in one process, for some share what takes long to start; the longest files are not last.
unit: $(READY)
	$(BIN)/pytest -n 2 --dist loadfile --no-loadscope-reorder

defs: $(READY)
	@$(BIN)/ascend init
	$(BIN)/dg check defs

test-torch: $(READY) ## the PyTorch exporter's tests; installs torch
	$(BIN)/pip install -q 'torch==2.13.0' 'onnxscript==0.7.2'
	$(BIN)/pytest tests/torch --override-ini testpaths=tests/torch

test-ceph: $(READY) ## the store and the registry on a real Ceph; needs its programs (see .ci/run)
	$(BIN)/pytest tests/ceph --override-ini testpaths=tests/ceph

test-prometheus: $(READY) ## metrics and alarms on a real Prometheus; needs its programs (see .ci/run)
	$(BIN)/pytest tests/prometheus --override-ini testpaths=tests/prometheus

test-images: $(READY) ## builds both images and runs them; needs root, buildah and debootstrap (see .ci/run)
	$(BIN)/pytest tests/images --override-ini testpaths=tests/images --timeout 1800

# Tests of the daemon mostly wait for it: two files at once need little more than one.
test-postgres: $(READY) ## the daemon and Dagster's records on a real PostgreSQL; needs its programs (see .ci/run)
	ASCEND_TEST_STORAGE=postgres $(BIN)/pytest -n 2 --dist loadfile --no-loadscope-reorder $(ON_POSTGRES)

# The servers and pods of one world fill both cores: its tests run one after the other.
test-k8s: $(READY) ## the profile k8s through a test API server, and every fault there; needs PostgreSQL and Ceph (see .ci/run)
	$(BIN)/pytest tests/k8s/shim -n 2 --dist loadfile --override-ini testpaths=tests/k8s
	$(BIN)/pytest tests/k8s --ignore tests/k8s/shim --override-ini testpaths=tests/k8s

test-cann: $(READY) ## the toolchain's contract on the real CANN of this machine, with its NPUs
	ASCEND_TEST_CANN=1 $(BIN)/pytest tests/resources/ascend/test_toolchain_contract.py -k cann-real

lock: $(READY) ## resolve the lock anew, after a change of dependencies in pyproject.toml (needs uv)
	uv pip compile pyproject.toml --group dev --universal --python-version 3.11 --generate-hashes --no-strip-extras \
		--no-emit-index-url --no-header --no-annotate -o requirements.lock
	printf 'hatchling\neditables\n' | uv pip compile pyproject.toml - -c requirements.lock --universal \
		--python-version 3.11 --generate-hashes --no-strip-extras --no-emit-index-url --no-header --no-annotate \
		-o requirements.runtime.lock

$(READY): requirements.lock pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit("Python 3.11 or newer is needed: make PYTHON=python3.11 run" if sys.version_info < (3, 11) else 0)'
	@echo "Setting up $(VENV) from requirements.lock (once, one to two minutes) ..."
	@test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	@$(BIN)/pip install -q --disable-pip-version-check --require-hashes -r requirements.lock
	@$(BIN)/pip install -q --disable-pip-version-check --no-deps --no-build-isolation -e .
	@touch $@

clean: ## remove the environment and all local state
	rm -rf $(VENV) .ascend
