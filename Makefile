# Everything needs nothing but Python 3.11 or newer: each target makes the virtual environment it runs in.

PYTHON ?= python3
VENV   ?= .venv
BIN    := $(VENV)/bin
PIP    := $(BIN)/python -m pip --disable-pip-version-check --quiet
UV_PIP := $(BIN)/uv pip install --quiet --python $(BIN)/python

# Tests start hundreds of processes: each would compile slips anew where the environment forbids to keep what is compiled.
unexport PYTHONDONTWRITEBYTECODE

.PHONY: help demo test quick soak test-python test-lowest test-newest coverage localstack lint docs bench bench-quick lock clean

help:  ## list the targets
	@sed -n 's/^\([a-z-]*\):.*## /\1\t/p' $(MAKEFILE_LIST) | expand -t 13

demo: $(VENV)/run  ## the main job on logs of the project: errors, their cause mended, drained
	@$(BIN)/python examples/demo/demo.py

test: $(VENV)/compiled lint  ## lint, types, docs and every test
	@$(BIN)/python -m pytest -n 4 --dist loadgroup

quick: $(VENV)/test  ## while you work: all tests but slow ones and those on the stand-in of AWS; takes minutes
	@$(BIN)/python -m pytest -n 2 --dist loadgroup -m "not (cloud or slow)"

soak: $(VENV)/test  ## nothing is lost, tried for long: faults at random instants, thousands of stories of the model; takes 90 minutes
	@$(BIN)/python -m pytest --soak -s -o faulthandler_timeout=3600 $$(grep -l 'pytest.mark.soak' tests/test_*.py)

test-python: $(VENV)/test  ## what another Python could change, beside test-newest: PYTHON=python3.13 VENV=.venv-3.13
	@$(BIN)/python -m pytest -n 2 --dist loadgroup -m "not (cloud or slow or once or smoke or radosgw) or functions" --every 48 --some 16 \
	  --hypothesis-profile=few

test-lowest: $(VENV)/test  ## the smoke part of the tests with the lowest versions that pyproject.toml allows
	@$(BIN)/python requirements/bounds.py lowest

test-newest: $(VENV)/test  ## the same with the newest versions there are
	@$(BIN)/python requirements/bounds.py newest

coverage: $(VENV)/test  ## what share of src/slips the tests run that need no stand-in of AWS, weakest modules first: takes minutes
	@$(BIN)/python -m coverage erase
	@$(BIN)/python -m coverage run -m pytest -n 2 --dist loadgroup -m "not cloud"
	@$(BIN)/python -m coverage combine --quiet
	@$(BIN)/python -m coverage report

localstack: $(VENV)/test  ## the whole stack on LocalStack: takes minutes, needs Python 3.13 and npm, else skips
	@PYTHONPATH=tests $(BIN)/python -m on_localstack.run

lint: $(VENV)/test
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check .
	@$(BIN)/mypy

docs: $(VENV)/run  ## write the pages that come from the code
	@$(BIN)/python docs/build.py

bench: $(VENV)/test  ## speed and memory, as ratios within one run: takes an hour
	@$(UV_PIP) --group bench
	@$(BIN)/python bench/run.py

bench-quick: $(VENV)/test  ## the ratios of the hot path, in about a minute
	@$(BIN)/python bench/run.py --quick

lock: $(VENV)/test  ## pin the newest versions of all dependencies
	@$(BIN)/uv pip compile -q --upgrade --universal --python-version 3.11 --generate-hashes --no-header --no-annotate \
	  --extra parquet -c requirements/glibc.txt pyproject.toml -o requirements/run.txt
	@$(BIN)/uv pip compile -q --upgrade --universal --python-version 3.11 --generate-hashes --no-header --no-annotate \
	  --group dev -c requirements/run.txt pyproject.toml -o requirements/test.txt
	@$(BIN)/python requirements/functions.py
	@$(BIN)/uv pip compile -q --upgrade --python-version 3.13 --generate-hashes --no-header --no-annotate \
	  --group localstack -o requirements/localstack.txt
	@cd tests/axe && npm update --package-lock-only --ignore-scripts --omit-lockfile-registry-resolved --loglevel=error
	@cd tests/on_localstack && npm update --package-lock-only --ignore-scripts --omit-lockfile-registry-resolved --loglevel=error

clean:  ## remove what the targets made
	rm -rf $(VENV) .venv-newest .venv-bounds-* .venv-localstack build dist .pytest_cache .mypy_cache .ruff_cache .hypothesis .coverage

$(VENV)/bin/python:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "slips needs Python 3.11 or newer; say which: make PYTHON=python3.12")'
	@echo "making $(VENV) ..."
	@$(PYTHON) -m venv $(VENV)

# pip installs uv alone, and uv the rest, which takes a third of the time.
$(VENV)/run: $(VENV)/bin/python requirements/run.txt pyproject.toml
	@echo "installing slips and what it needs ..."
	@awk '/^[^ ]/ { is_uv = /^uv==/ } is_uv' requirements/run.txt >$(VENV)/uv.txt
	@$(PIP) install --no-compile --require-hashes -r $(VENV)/uv.txt
	@$(UV_PIP) --require-hashes -r requirements/run.txt
	@$(UV_PIP) --no-deps --editable .
	@touch $@

$(VENV)/test: $(VENV)/run requirements/test.txt
	@echo "installing what the tests need ..."
	@$(UV_PIP) --require-hashes -r requirements/test.txt
	@touch $@

# Once for all workers: else each of them compiles all tests and all libraries that they import.
$(VENV)/compiled: $(VENV)/test
	@echo "compiling the tests ..."
	@told=$$($(BIN)/python -m pytest -qq --collect-only) || { echo "$$told"; exit 1; }
	@touch $@
