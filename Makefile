# Two commands do everything: `make run` (installs, builds the database, opens the app) and `make test`.

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
WORKERS ?= 2

.PHONY: run test install lint types records data pages unit prove browser bench fuzz screenshots clean

run: install
	$(BIN)/moe-kb build
	$(BIN)/moe-kb app

test: install lint types records unit browser

install: $(VENV)/installed

# The constraints pin every version; pyproject.toml keeps ranges. Installed anew whenever either changes.
$(VENV)/installed: pyproject.toml constraints.txt
	$(PYTHON) -m venv $(VENV)
	$(BIN)/pip install --quiet --disable-pip-version-check --constraint constraints.txt --editable '.[app,lab,parquet,dev]'
	touch $@

lint: install
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/lint-imports

types: install
	$(BIN)/mypy

records: install
	$(BIN)/moe-kb check
	$(BIN)/moe-kb schema --check

# What a pull request that only touches records has to pass: a minute or two, and neither PyTorch nor a browser is needed.
FORMAT ?= text
DATA := test_real_data test_audit test_accelerators test_sizing

data: $(or $(wildcard $(VENV)/installed),$(VENV)/light)
	$(BIN)/moe-kb --root . check --format $(FORMAT)
	$(BIN)/pytest -q $(DATA:%=tests/integration/%.py)

$(VENV)/light: pyproject.toml constraints.txt
	$(PYTHON) -m venv $(VENV)
	$(BIN)/pip install --quiet --disable-pip-version-check --constraint constraints.txt --editable '.[records]'
	touch $@

# Pages made from the records. Nobody has to run this: a workflow does, after every merge.
pages: $(or $(wildcard $(VENV)/installed),$(VENV)/light)
	$(BIN)/moe-kb --root . audit --page docs/audit.md
	$(BIN)/moe-kb --root . picture lineage --out docs/lineage.svg

# Two workers share two cores: a second thread in each would only wait.
unit: install
	OMP_NUM_THREADS=1 $(BIN)/pytest -q -n $(WORKERS) -m 'not e2e and not proof'

# What takes long and rarely fails: every design trained, every module imported first, the mutants.
prove: install
	OMP_NUM_THREADS=1 $(BIN)/pytest -q -n $(WORKERS) -m proof

# One after the other: the laboratory runs one implementation at a time, and a browser wants a core of its own.
browser: install
	$(BIN)/pytest -q -m e2e

bench: install
	$(BIN)/python -m benchmarks

# 100,000 hostile inputs and 1,000 kills: an hour or so.
fuzz: install
	cd tests && ../$(BIN)/python -m fuzz

screenshots: install
	$(BIN)/python docs/screenshots.py

clean:
	rm -rf $(VENV) build dist .pytest_cache .mypy_cache .ruff_cache .hypothesis
