# make demo: install, then the main study.   make test: install, then every check.
# Needs Python 3.11 or newer and make. VENV=folder, PYTHON=interpreter and ARGS="scale=debug" may be given.
PYTHON ?= python3
VENV ?= .venv
ARGS ?=
TORCH = $(shell sed -n 's/^torch==//p' constraints.txt)
BIN = $(VENV)/bin
INSTALLED = $(VENV)/installed

.PHONY: demo test browser lint types install clean help

help:
	@echo "make demo   install, train and compare five memories on fast mapping (about 18 minutes on 2 cores), write runs/demo/report.html"
	@echo "make test   install, then lint, types and the whole test suite"
	@echo "make browser   the viewer in a real Chromium (installs Debian's where it may)"
	@echo "make clean  remove the environment and the runs"

demo: install
	$(BIN)/loci compare experiment=fast_mapping scale=cpu folder=runs/demo $(ARGS)

test: install lint types
	$(BIN)/python -m pytest

browser: install
	command -v chromium >/dev/null || command -v google-chrome >/dev/null || apt-get install -y -q chromium \
		|| sudo apt-get install -y -q chromium
	$(BIN)/python -m pytest -m browser tests/browser

lint: install
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

types: install
	$(BIN)/mypy

install: $(INSTALLED)

# Without an NVIDIA driver the CPU build of torch is tried first: from the user's own pip sources, then through uv.
$(INSTALLED): pyproject.toml constraints.txt
	test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	command -v nvidia-smi >/dev/null || $(BIN)/pip install -q "torch==$(TORCH)+cpu" 2>/dev/null \
		|| ( $(BIN)/pip install -q uv && $(BIN)/uv pip install -q --python $(BIN)/python --torch-backend cpu "torch==$(TORCH)" 2>/dev/null ) \
		|| echo "no CPU build of torch found: taking the standard one"
	$(BIN)/pip install -q -c constraints.txt -e ".[all]"
	touch $(INSTALLED)

clean:
	rm -rf $(VENV) runs
