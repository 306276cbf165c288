# What can be done here: `make` alone lists it.
SHELL := /bin/bash
.SHELLFLAGS := -eu -o pipefail -c
.DEFAULT_GOAL := help
.PHONY: help setup demo demo-down test check bench generate lock image clean

# The first Python on PATH that is new enough: PYTHON=/path/to/python3 chooses another.
PYTHON ?= $(firstword $(shell for p in python3 python3.14 python3.13 python3.12 python3.11; do \
	"$$p" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2> /dev/null && echo "$$p"; done))
VENV := .venv
BIN := $(VENV)/bin
VERSION = $(shell sed -n 's/^version = "\(.*\)"/\1/p' pyproject.toml)
# The image's name; BASE and BUILDER as in deploy/Dockerfile; further options of docker or buildah.
IMAGE ?= runtime-env:$(VERSION)
BUILD_FLAGS ?=
INSTALLED := $(VENV)/.installed
LOCKED := --quiet --universal --python-version 3.11 --generate-hashes --no-emit-index-url --no-header --no-annotate

help:  ## this list
	@grep -hE '^[a-z-]+: .*## ' $(MAKEFILE_LIST) | sed -E 's/^([a-z-]+):.*## /\1\t/' | expand -t 12

setup: $(INSTALLED)  ## the virtual environment, from requirements.lock

# The lock changes what is installed; pyproject.toml changes the console scripts.
$(INSTALLED): requirements.lock pyproject.toml
	@test -n "$(PYTHON)" || { echo "Python 3.11 or newer is needed, with its venv module; none is on PATH." >&2; exit 1; }
	test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes --only-binary :all: -r requirements.lock
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation --editable .
	touch $@

demo: $(INSTALLED)  ## the main job on a local Kubernetes, narrated; the cluster stays up
	$(BIN)/python -m tests.demo up

demo-down: $(INSTALLED)  ## take the demo's cluster away
	$(BIN)/python -m tests.demo down

test: $(INSTALLED)  ## unit tests, and those on a real control plane and node where they can run (ARGS=… for pytest)
	$(BIN)/python -m tests.kube build
	$(BIN)/python -m tests.kube tiers
	$(BIN)/python -m pytest $(ARGS)

check: $(INSTALLED)  ## lint, format, types, generated files up to date, layers
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/python -m tests.generated --check
	$(BIN)/python -m pytest --quiet tests/unit/test_layers.py

bench: $(INSTALLED)  ## speed, as ratios to bare servers and operators in the same run
	$(BIN)/python -m tests.bench

generate: $(INSTALLED)  ## write the files that derive from the code: CRDs, reserved names, install.yaml, the chart's README
	$(BIN)/python -m tests.generated

lock: $(INSTALLED)  ## resolve pyproject.toml anew into both locks: the developers' and the image's
	$(BIN)/python -m pip install --quiet --disable-pip-version-check uv
	$(BIN)/uv pip compile $(LOCKED) --group dev pyproject.toml -o requirements.lock
	$(BIN)/uv pip compile $(LOCKED) --constraints requirements.lock pyproject.toml -o deploy/requirements.lock

# Files and layers are dated by the commit, so that building it again gives the same.
image:  ## the operator's image, by docker or buildah (IMAGE=NAME:TAG BASE=… BUILDER=…)
	@dated=$$(git log -1 --format=%ct 2> /dev/null || echo 0); \
	if docker info > /dev/null 2>&1; then build=(docker build --build-arg "SOURCE_DATE_EPOCH=$$dated"); \
	elif command -v buildah > /dev/null; then build=(buildah build --timestamp "$$dated"); \
	else echo "make image needs a Docker engine that answers, or buildah: apt-get install buildah" >&2; exit 1; fi; \
	"$${build[@]}" --file deploy/Dockerfile --tag "$(IMAGE)" --build-arg "VERSION=$(VERSION)" \
		--build-arg "REVISION=$$(git rev-parse HEAD 2> /dev/null)" \
		$(if $(BASE),--build-arg "BASE=$(BASE)") $(if $(BUILDER),--build-arg "BUILDER=$(BUILDER)") $(BUILD_FLAGS) .

clean:  ## remove what these targets made in this folder
	rm -rf $(VENV) build .mypy_cache .ruff_cache .pytest_cache .hypothesis
