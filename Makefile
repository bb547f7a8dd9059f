# Each target sets up what it needs; only Python >= 3.11 and make are assumed.
PYTHON ?= python3
VENV ?= .venv
BIN := $(VENV)/bin
# One thread a test process: two test processes share two cores.
PYTEST := OMP_NUM_THREADS=1 $(BIN)/python -P -m pytest -n 2 --dist loadfile

.PHONY: help install quickstart real test test-slow check bench bench-scale bench-joint lint types imports wheel format clean bench-resume docs docs-pages bench-prepare bench-loader bench-startup fuzz

help: ## list the targets
	@grep -E '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 14

install: $(VENV)/.installed ## make .venv and install unistd into it, editable

$(VENV)/.installed: pyproject.toml hatch_build.py
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --editable '.[dev]'
	touch $@

quickstart: install ## train one model on four generated tasks (2 minutes on two cores)
	$(BIN)/unistd train examples/quickstart.yaml $(if $(wildcard runs/quickstart/spec.json),--resume)

real: install ## train one model on six real data sets (a quarter of an hour on two cores)
	$(BIN)/unistd train examples/real.yaml $(if $(wildcard runs/real/spec.json),--resume)

test: install ## the tests every change must pass
	$(PYTEST)

test-slow: install ## the tests that take minutes
	$(PYTEST) -m slow

fuzz: install ## let atheris look for inputs that break a reader (a minute each)
	$(BIN)/python -m pip install --quiet atheris
	for reader in yaml card record example; do $(BIN)/python -P tests/fuzz/guided.py $$reader -max_total_time=60 || exit 1; done

check: lint types imports wheel ## everything about the code that needs no run

bench: install ## what the experts cost, beside PEFT; rewrites benchmarks/results/adapter.json (about 6 minutes)
	$(BIN)/python -m pip install --quiet peft
	$(BIN)/python benchmarks/adapter.py --json benchmarks/results/adapter.json

bench-scale: install ## how a run grows with tasks, experts, tokens; rewrites benchmarks/results/scale.json (about 6 minutes)
	OMP_NUM_THREADS=1 $(BIN)/python benchmarks/scale.py --json benchmarks/results/scale.json

bench-loader: install ## how fast windows are read, and how long training waits; rewrites benchmarks/results/loader.json (about 4 minutes)
	OMP_NUM_THREADS=1 $(BIN)/python benchmarks/loader.py --json benchmarks/results/loader.json

bench-startup: install ## how long commands take with 0, 40 and 200 plug-ins; rewrites benchmarks/results/startup.json (2 minutes)
	$(BIN)/python benchmarks/startup.py --json benchmarks/results/startup.json

bench-resume: install ## kill a run at 100 moments, go on, compare every bit; rewrites benchmarks/results/resume.json (about 10 minutes)
	OMP_NUM_THREADS=1 $(BIN)/python benchmarks/resume.py --json benchmarks/results/resume.json

bench-prepare: install ## MB/s of a conversion with 1 and 2 workers; rewrites benchmarks/results/prepare.json (about 3 minutes)
	OMP_NUM_THREADS=1 $(BIN)/python benchmarks/prepare.py --json benchmarks/results/prepare.json

bench-joint: install ## one model for all tasks beside its rivals, 3 seeds, and what each part brings (an hour and a half on two cores)
	$(BIN)/unistd pretrain benchmarks/joint/pretrain.yaml $(if $(wildcard runs/joint-pretrain/spec.json),--resume)
	$(BIN)/unistd compare benchmarks/joint/spec.yaml --variants benchmarks/joint/rivals.yaml --seeds 3 \
		--single ra-moe --single gsta --jobs 2 --out runs/rivals
	$(BIN)/unistd compare benchmarks/joint/spec.yaml --variants benchmarks/joint/ablation.yaml --jobs 2 --out runs/ablation

docs: install ## the documentation as a site, into site/
	$(BIN)/python -P -m mkdocs build --strict --quiet

docs-pages: install ## write every page of docs/ that is made from the code anew
	$(BIN)/python -P docs/pages.py

lint: install ## ruff: rules and format
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

types: install ## mypy, strict
	$(BIN)/mypy

imports: install ## which folder may import which
	$(BIN)/lint-imports

wheel: install ## build the wheel and look inside
	$(BIN)/python -P -m pytest -q tests/packaging

format: install ## put the code into ruff's format
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

clean: ## remove what the targets made, except runs/
	rm -rf $(VENV) .dev dist build site .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache
