# Two commands do all the set-up: `make demo` (what a backtest needs) and `make test` (what the tests need, too).
SHELL := /bin/bash
PYTHON ?= python3
VENV ?= .venv
BIN := $(VENV)/bin
FUZZ_MINUTES ?= 30
PEERS := $(basename $(notdir $(wildcard benchmarks/peers/*.txt)))
INSTALL := $(BIN)/python -m pip install --quiet --disable-pip-version-check --constraint constraints.txt

.DEFAULT_GOAL := help
.PHONY: help demo test check lint types imports peers soak mutation fuzz proofs faults chaos bench bench-costs bench-training bench-env robustness clean

help:  ## Show what make can do.
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | awk -F ':.*## ' '{printf "  make %-14s %s\n", $$1, $$2}'

demo: $(VENV)/.demo  ## Backtest a strategy on twenty years of real daily bars and show where the report is.
	$(BIN)/python scripts/doctor.py --config configs/config_backtest_stocks.yaml
	$(BIN)/python script_backtest.py --config configs/config_backtest_stocks.yaml

test: $(VENV)/.dev  ## Run the tests.
	$(BIN)/python -m pytest -n 2 --dist loadfile --no-loadscope-reorder

check: lint types imports peers test  ## Run all that CI runs: lint, types, import rules, peers, tests.

lint: $(VENV)/.dev  ## Check style and formatting.
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

types: $(VENV)/.dev  ## Check types.
	$(BIN)/mypy

imports: $(VENV)/.dev  ## Check that imports run downward only.
	$(BIN)/lint-imports

peers: $(VENV)/.dev .venv-bench/vectorbt/.ready .venv-bench/backtesting/.ready  ## Prove that the peers come to the same results.
	$(BIN)/python -m pytest -q -m peers tests/peers

soak: $(VENV)/.dev  ## Run the long random tests (about 40 minutes; KEEL_SOAK_SEED repeats one).
	$(BIN)/python -m pytest -n 2 -m soak

chaos: $(VENV)/.dev  ## Throw random faults, kills and restarts at live trading (hours; KEEL_CHAOS_SEED repeats one).
	$(BIN)/python -m pytest -q -s -m soak tests/chaos

mutation: $(VENV)/.dev  ## Try small faults in the compiled sources and list those that no test finds (10 minutes).
	$(BIN)/python tests/mutation/run.py

faults: $(VENV)/.dev  ## Break the exchange in every way of the table of faults and show what live trading makes of it (10 minutes).
	PYTHONPATH=tests $(BIN)/python -m faults $(FAULTS)

fuzz: $(VENV)/.fuzz  ## Fuzz the importers and the config, 30 minutes each (FUZZ_MINUTES=30) on two cores.
	PYTHONPATH=tests $(BIN)/python -m fuzz --minutes $(FUZZ_MINUTES)

proofs: $(VENV)/.dev  ## Train agents in worlds whose optimum is known and show how near they come (PROOFS="--worlds noise --seeds 1").
	PYTHONPATH=tests $(BIN)/python -m learning $(PROOFS)

bench: $(VENV)/.dev bench-env  ## Measure Keel beside its peers; one JSON object a line.
	$(BIN)/python benchmarks/bench.py
	$(BIN)/python benchmarks/policy_inference.py

bench-costs: $(VENV)/.demo  ## Measure what each feature of the kernel costs and how cost grows; one JSON object a line.
	$(BIN)/python benchmarks/costs.py

bench-training: $(VENV)/.dev  ## Measure how environments grow, where training spends its time and how soon it has learned; one JSON object a line.
	$(BIN)/python benchmarks/training.py
	$(BIN)/python benchmarks/time_to_score.py

robustness: $(VENV)/.dev  ## Train plain and state-adversarial PPO and attack both (20 minutes; docs/robustness.md).
	$(BIN)/python benchmarks/robustness.py

bench-env: $(PEERS:%=.venv-bench/%/.ready)  ## Install the benchmark's peers, each in an environment of its own.

clean:  ## Remove environments, caches and compiled code; data, state, artifacts and logs stay.
	rm -rf $(VENV) .venv-bench .mypy_cache .pytest_cache .ruff_cache .import_linter_cache .hypothesis build *.egg-info
	find . -name __pycache__ -type d -prune -exec rm -rf {} +
	rm -rf "$${KEEL_CACHE_DIR:-$${XDG_CACHE_HOME:-$$HOME/.cache}}/keel"

$(VENV)/.python:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
	  { echo "error: Keel needs Python 3.11 or newer; name one with PYTHON=python3.12 make ..." >&2; exit 2; }
	$(PYTHON) -m venv $(VENV)
	@touch $@

$(VENV)/.demo: $(VENV)/.python pyproject.toml constraints.txt
	@echo "Installing what a backtest needs (a minute or two, once) ..."
	$(INSTALL) --editable .
	@touch $@

$(VENV)/.dev: $(VENV)/.python pyproject.toml constraints.txt
	@echo "Installing what the tests need (a minute or two, once) ..."
	$(INSTALL) --editable '.[dev]'
	@touch $@ $(VENV)/.demo

$(VENV)/.fuzz: $(VENV)/.dev
	@echo "Installing what fuzzing needs (a minute, once) ..."
	$(INSTALL) --editable '.[fuzz]'
	@touch $@

# NautilusTrader's newest release needs Python 3.12; where there is none, the newest for 3.11 is measured.
.venv-bench/nautilus_trader/.ready: PEER_PYTHON := $(shell python3.12 -c 'import sys; print(sys.executable)' 2>/dev/null || echo $(PYTHON))
.venv-bench/%/.ready: benchmarks/peers/%.txt
	@echo "Installing $* (a minute or two, once) ..."
	$(or $(PEER_PYTHON),$(PYTHON)) -m venv .venv-bench/$*
	.venv-bench/$*/bin/python -m pip install --quiet --disable-pip-version-check --requirement $<
	@touch $@
