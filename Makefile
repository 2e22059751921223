# Two commands are all a newcomer needs: `make demo` and `make test`. `make` alone lists the rest.
SHELL := /bin/bash
VENV := .venv
BIN := $(VENV)/bin
.DEFAULT_GOAL := list

.PHONY: list
list: ## this list
	@grep -hE '^[a-z][a-z-]*:.*## ' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 13

# A virtual environment with the package; needs nothing but python3 (3.11 or newer) and make.
$(VENV)/demo-ready: pyproject.toml
	@bash scripts/make-venv $(VENV)
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --editable .
	@touch $@

$(VENV)/dev-ready: pyproject.toml
	@bash scripts/make-venv $(VENV)
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --editable '.[dev]'
	@touch $@ $(VENV)/demo-ready

.PHONY: demo
demo: $(VENV)/demo-ready ## play the sample world, print the page, write everyturn-demo.html
	@$(BIN)/everyturn demo --no-open

.PHONY: setup
setup: $(VENV)/dev-ready ## everything a developer needs, in .venv
	@if [ -d .git ]; then $(BIN)/pre-commit install >/dev/null; fi

.PHONY: test
test: $(VENV)/dev-ready ## every test; installs what they need, a browser included
	@bash scripts/install-browser
	@$(BIN)/python -m pytest

.PHONY: vendor-test
vendor-test: ## written eval cases, and pulls, against each platform's own package (some minutes, .vendors/)
	@bash scripts/vendor-test

.PHONY: check
check: $(VENV)/dev-ready ## format, lint, types, import layers, fast tests
	@$(BIN)/ruff format --check .
	@$(BIN)/ruff check .
	@$(BIN)/mypy
	@$(BIN)/lint-imports
	@$(BIN)/python -m pytest -q -m "not statistics and not e2e"

.PHONY: format
format: $(VENV)/dev-ready ## put the code in its form
	@$(BIN)/ruff format .
	@$(BIN)/ruff check --fix .

.PHONY: docs
docs: $(VENV)/dev-ready ## rewrite the pages the code itself knows
	@$(BIN)/python scripts/write_docs.py

.PHONY: bench
bench: $(VENV)/demo-ready ## speed, memory and bytes of every stage at 10 000 and 100 000 conversations; reading beside bare decoding
	@$(BIN)/python benchmarks/stages.py 10000 100000
	@$(BIN)/python benchmarks/readers.py

.PHONY: clean
clean: ## remove what the above made
	rm -rf $(VENV) .mypy_cache .pytest_cache .ruff_cache .hypothesis .import_linter_cache everyturn-demo.html everyturn-demo.db
