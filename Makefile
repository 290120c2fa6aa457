# `make` lists the targets. Variables: VENV, PYTHON, TORCH_FILE, TORCH_INDEX, SYSTEM_TORCH,
# MMCV_OPS, WHEELHOUSE, REINSTALL (docs/install.md); TESTS, PYTEST_ARGS and PARALLEL for `make test`.

VENV ?= .venv
TESTS ?= tests
PYTEST_ARGS ?=
PARALLEL ?= -n auto --maxprocesses 4 --dist loadfile
# Pictures of the page that the browser's tests keep, where there is a browser.
KPT_SCREENSHOTS ?= work_dirs/screenshots
export KPT_SCREENSHOTS
export VENV PYTHON TORCH_FILE TORCH_INDEX SYSTEM_TORCH MMCV_OPS WHEELHOUSE REINSTALL

BIN = $(VENV)/bin
CODE = kpt_plugins tools tests configs setup.py $(wildcard benchmarks examples)

.DEFAULT_GOAL := help
.PHONY: help install demo test test-oldest test-newest doctor lint format hooks wheel wheelhouse clean distclean

help: ## list the targets
	@echo 'Targets:'
	@sed -n 's/^\([a-z-]*\):.*## \(.*\)/  \1#\2/p' $(MAKEFILE_LIST) | awk -F'#' '{ printf "%-16s %s\n", $$1, $$2 }'

install: ## create $(VENV) and install everything; does nothing where that is done
	@bash tools/install.sh

demo: install ## train, test and draw FMMP on the synthetic dataset (about 10 minutes)
	@$(BIN)/python tools/demo.py

test: install ## run the test suite, files side by side on up to 4 cores
	@mkdir -p $(KPT_SCREENSHOTS)
	OMP_NUM_THREADS=1 $(BIN)/python -m pytest -q --durations=10 $(PARALLEL) $(PYTEST_ARGS) $(TESTS)

test-oldest: ## run the test suite with the oldest supported torch, in .venv-oldest
	$(MAKE) test VENV=.venv-oldest TORCH_FILE=requirements/torch-oldest.txt

test-newest: ## run the test suite with the newest supported torch, in .venv-newest
	$(MAKE) test VENV=.venv-newest TORCH_FILE=requirements/torch-newest.txt

doctor: ## say what is installed, what will not work and how to repair it
	@$(BIN)/python tools/doctor.py

lint: $(BIN)/ruff ## check style and formatting
	$(BIN)/ruff check $(CODE)
	$(BIN)/ruff format --check $(CODE)

format: $(BIN)/ruff ## format the code and sort its imports
	$(BIN)/ruff check --fix $(CODE)
	$(BIN)/ruff format $(CODE)

hooks: $(BIN)/ruff ## run lint at every commit
	$(BIN)/pre-commit install

$(BIN)/ruff: requirements/lint.txt
	@bash tools/install.sh
	$(BIN)/python -m pip install -q -r requirements/lint.txt
	@touch $@

wheel: install ## build the wheel and the source distribution into dist/
	$(BIN)/python setup.py -q sdist bdist_wheel

wheelhouse: install ## gather all packages in wheelhouse/ for an offline machine
	bash tools/wheelhouse.sh wheelhouse

clean: ## remove caches and build folders
	rm -rf build dist *.egg-info .pytest_cache .ruff_cache
	find kpt_plugins tools tests configs -name __pycache__ -type d -prune -exec rm -rf {} +

distclean: clean ## remove $(VENV) too; data and work_dirs stay
	rm -rf $(VENV)
