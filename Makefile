# `make help` lists the targets. Written for GNU make 3.81 and newer.

PYTHON := .venv/bin/python
PYTEST := $(PYTHON) -m pytest

# The stored legacy output was computed on a CPU.
export JAX_PLATFORMS := cpu

# What is tested is what is installed in .venv, nothing else.
unexport PYTHONHOME
unexport PYTHONPATH

.PHONY: help demo test docs bench fuzz lint format clean

help: ## list the targets
	@awk -F ':.*## ' '/^[a-z]+:.*## / { printf "make %-8s %s\n", $$1, $$2 }' \
		Makefile

demo: .venv/.demo ## check the stored legacy output, infer a small model
	.venv/bin/tfmpe verify
	.venv/bin/tfmpe draw --out demo-output
	.venv/bin/tfmpe demo --out demo-output

# Most of the time the compiler is at work: what one test compiles the others
# take from disk, in this run and the next. What runs for less than seconds is
# compiled fast and need not be fast: for a CPU, XLA takes half the time without
# its emitters of fused loops. A jaxlib without that flag would end at it, so it
# is asked first.
test: export JAX_COMPILATION_CACHE_DIR = $(CURDIR)/.jax_cache
test: export JAX_PERSISTENT_CACHE_MIN_COMPILE_TIME_SECS = 0
test: export JAX_DISABLE_MOST_OPTIMIZATIONS = 1
test: lint ## everything that must hold: lint, types, layers, tests
	flags="--xla_cpu_use_fusion_emitters=false $$XLA_FLAGS"; \
	XLA_FLAGS=$$flags $(PYTHON) -c "import jax; jax.devices()" \
		2>/dev/null && export XLA_FLAGS="$$flags"; \
	$(PYTEST) -n auto --maxprocesses 4 --dist worksteal --durations=40

lint: .venv/.dev ## style, format, types and import layers
	$(PYTHON) -m ruff check
	$(PYTHON) -m ruff format --check
	$(PYTHON) -m basedpyright --pythonpath $(PYTHON)
	.venv/bin/lint-imports --no-logo

# A warning is an error, and so is a reference that leads nowhere.
docs: .venv/.docs ## build the pages of docs/ into build/docs
	$(PYTHON) -m sphinx -W --keep-going -n -q docs build/docs

# Nightly: 10,000 random layouts in each property of core and bridge, others
# in every run; `make fuzz SEED=1` repeats the run that printed seed 1.
SEED := $(shell date +%s)
fuzz: export HYPOTHESIS_PROFILE = fuzz
fuzz: .venv/.dev ## 10,000 random layouts (about two hours)
	$(PYTEST) -n auto --dist worksteal -m hypothesis \
		--hypothesis-seed=$(SEED) \
		tests/preprocessing/test_laws.py \
		tests/preprocessing/test_against_oracle.py \
		tests/estimators/test_data_sets.py \
		tests/compat/test_against_oracle.py

bench: .venv/.dev ## measure old against new (about half an hour)
	.venv/bin/tfmpe bench

format: .venv/.dev ## sort the imports, fix what can be fixed, format
	$(PYTHON) -m ruff check --fix
	$(PYTHON) -m ruff format

clean: ## remove the environment, caches and outputs
	rm -rf .venv demo-output dist build
	rm -rf .benchmarks .coverage .hypothesis .import_linter_cache \
		.jax_cache .pytest_cache .ruff_cache
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

# The environment: one folder, three sets of packages. A stamp is renewed when
# pyproject.toml is newer; the larger sets contain the smallest one.
.venv/.demo: pyproject.toml .ci/environment
	@sh .ci/environment .venv -e ".[cli,data,flow,plot]"
	@touch $@

.venv/.dev: pyproject.toml .ci/environment
	@sh .ci/environment .venv -e ".[dev,cli]"
	@touch .venv/.demo $@

.venv/.docs: pyproject.toml .ci/environment
	@sh .ci/environment .venv -e ".[docs]"
	@touch .venv/.demo $@
