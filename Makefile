# Two commands for everyone: `make demo` and `make test`. Both make .venv first.
# `uv` is used when it is there, plain venv + pip otherwise.
PYTHON ?= python3
VENV   := .venv
BIN    := $(VENV)/bin
SITE   := docs/_build/html
DATA   := $(abspath $(firstword $(REACTUNE_DATA) $(wildcard ../shared/data)))

# where this is set, each of many processes compiles anew all that it imports: 7 s instead of nothing
export PYTHONDONTWRITEBYTECODE :=

.PHONY: demo test dev lint docs clean help

help:
	@echo "make demo   tune the emulated reactor, end to end"
	@echo "make test   run the test suite"
	@echo "make lint   ruff, mypy and the import contract"
	@echo "make docs   build the site: $(SITE)/index.html"
	@echo "make clean  remove the environment and what tools left behind"

demo: $(VENV)/.installed
	@$(BIN)/reactune demo

# small matrices only: more threads cost more than they bring; workers twice the cores, since much
# of what is tested waits
test: $(VENV)/.installed
	@REACTUNE_DATA="$(DATA)" OPENBLAS_NUM_THREADS=1 $(BIN)/python -m pytest -n 4 --dist worksteal $(PYTEST_ARGS)

lint: $(VENV)/.dev
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports

# warnings are errors; pages of modules that are gone must not linger
docs: $(VENV)/.docs
	@rm -rf docs/_build docs/reference/api
	@OPENBLAS_NUM_THREADS=1 $(BIN)/python -m sphinx -q -j auto -b html -W --keep-going -n docs $(SITE)
	@echo "The site: $(SITE)/index.html"

dev: $(VENV)/.dev

# $(1): the extra to install, with the exact versions of constraints.txt
define install
	@echo "Installing reactune[$(1)] into $(VENV) (the first time takes a minute or two) ..."
	@if command -v uv >/dev/null 2>&1; then \
	    uv pip install -q --python $(BIN)/python -c constraints.txt -e '.[$(1)]'; \
	else \
	    $(BIN)/python -m pip install -q --disable-pip-version-check -c constraints.txt -e '.[$(1)]'; \
	fi
endef

$(BIN)/python:
	@$(PYTHON) -c 'import sys; sys.exit(not (3, 11) <= sys.version_info[:2] <= (3, 13))' || { \
	    echo "reactune needs Python 3.11, 3.12 or 3.13; say which: make PYTHON=python3.11 demo"; exit 1; }
	@if command -v uv >/dev/null 2>&1; then \
	    uv venv -q --python "$$($(PYTHON) -c 'import sys; print(sys.executable)')" $(VENV); \
	else \
	    $(PYTHON) -m venv $(VENV) || { \
	        echo "no venv module here; on Debian or Ubuntu: apt install python3-venv"; exit 1; }; \
	fi

$(VENV)/.installed: setup.cfg pyproject.toml constraints.txt | $(BIN)/python
	$(call install,test)
	@touch $@

$(VENV)/.dev: $(VENV)/.installed
	$(call install,dev)
	@touch $@

$(VENV)/.docs: $(VENV)/.installed
	$(call install,docs)
	@touch $@

clean:
	rm -rf $(VENV) docs/_build docs/reference/api build dist *.egg-info .pytest_cache .mypy_cache .ruff_cache .hypothesis .import_linter_cache
