# `make help` lists the targets. Written for GNU make 3.81 and newer.

PYTHON := .venv/bin/python
PYTEST := $(PYTHON) -m pytest

# The stored legacy output was computed on a CPU.
export JAX_PLATFORMS := cpu

# What is tested is what is installed in .venv, nothing else; many processes
# import it, and the first one compiles it for all.
unexport PYTHONHOME
unexport PYTHONPATH
unexport PYTHONDONTWRITEBYTECODE

.PHONY: help demo test check-fast lint style types docs bench nightly fuzz \
	format clean

help: ## list the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "make %-10s %s\n", $$1, $$2 }' \
		Makefile

demo: .venv/.demo ## check the stored legacy output, infer a small model
	.venv/bin/tfmpe verify
	.venv/bin/tfmpe draw --out demo-output
	.venv/bin/tfmpe demo --out demo-output

# Most of the time the compiler is at work: what one test compiles the others
# take from disk, in this run and the next. What runs for less than seconds is
# compiled fast and need not be fast: for a CPU, XLA takes half the time without
# its emitters of fused loops, and less CPU time if it does not split a program
# for several threads. A jaxlib without these flags would end at them, so it is
# asked first.
test check-fast nightly: export JAX_COMPILATION_CACHE_DIR = $(CURDIR)/.jax_cache
test check-fast nightly: export JAX_PERSISTENT_CACHE_MIN_COMPILE_TIME_SECS = 0
test check-fast nightly: export JAX_DISABLE_MOST_OPTIMIZATIONS = 1
COMPILE_FAST := flags="--xla_cpu_use_fusion_emitters=false \
	--xla_cpu_parallel_codegen_split_count=1 $$XLA_FLAGS"; \
	XLA_FLAGS=$$flags $(PYTHON) -c "import jax; jax.devices()" \
		2>/dev/null && export XLA_FLAGS="$$flags";
PARALLEL := -n auto --maxprocesses 4 --dist worksteal --durations=40

# The type checker keeps one core busy; tests run beside it.
BESIDE_TYPES = $(MAKE) -s types & types=$$!; $(1); tests=$$?; \
	wait $$types || { echo "make types has failed, see above"; exit 1; }; \
	exit $$tests

test: style ## everything that must hold: lint, types, layers, tests
	$(COMPILE_FAST) $(call BESIDE_TYPES,$(PYTEST) $(PARALLEL))

check-fast: style ## for every commit: lint, types, layers, quick tests
	$(call BESIDE_TYPES,$(PYTEST) -q -m "not slow" $(QUICK))
QUICK := tests/preprocessing/layout tests/preprocessing/masks \
	tests/migrate/sources tests/migrate/rewrite tests/migrate/recordings

lint: style types ## style, format, types and import layers

style: .venv/.dev
	$(PYTHON) -m ruff check
	$(PYTHON) -m ruff format --check
	.venv/bin/lint-imports --no-logo

types: .venv/.dev
	$(PYTHON) -m basedpyright --pythonpath $(PYTHON)

# A warning is an error, and so is a reference that leads nowhere.
docs: .venv/.docs ## build the pages of docs/ into build/docs
	$(PYTHON) -m sphinx -W --keep-going -n -q docs build/docs

nightly: .venv/.dev ## what make test leaves out, then make demo and fuzz
	$(COMPILE_FAST) HYPOTHESIS_PROFILE=nightly \
		$(PYTEST) $(PARALLEL) -m "nightly or hypothesis"
	.venv/bin/tfmpe verify --all
	$(MAKE) demo fuzz

# 10,000 random layouts in each property of core and bridge, others in every
# run; `make fuzz SEED=1` repeats the run that printed seed 1.
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
