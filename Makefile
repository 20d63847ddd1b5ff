# Every target sets up what it needs; nothing is installed again while pyproject.toml and constraints.txt stay as they are.

PYTHON ?= $(shell for p in python3 python3.13 python3.12 python3.11; do \
	command -v $$p >/dev/null && $$p -c 'import sys; sys.exit(sys.version_info < (3, 11))' && echo $$p && break; done)
VENV ?= .venv
BIN := $(VENV)/bin
READY := $(VENV)/.ready

.PHONY: demo test test-wheels slow check fix data bench trials results clean

demo: $(READY)  ## run the main job: a small model of scikit-learn's digits, with the proof
	$(BIN)/edgekit distill digits

test: $(READY)  ## the default suite
	$(BIN)/python -m pytest

test-wheels: $(READY)  ## the runtime with other wheels of onnxruntime, and sources with transformers, in throw-away environments
	$(BIN)/python tests/wheels.py

slow: $(READY)  ## the tests that take minutes
	$(BIN)/python -m pytest -m slow

check: $(READY)  ## lint and types
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy

fix: $(READY)  ## what lint can repair
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

data: $(READY)  ## fetch the data sets of the benchmarks, by checksum
	$(BIN)/python bench/fetch_data.py
	$(BIN)/python bench/photos.py

bench: $(READY)  ## measure edgekit itself: start-up, imports, the latency of its models
	$(BIN)/python bench/startup.py
	$(BIN)/python bench/call.py
	$(BIN)/python bench/batching.py
	$(BIN)/python bench/generation.py
	$(BIN)/python bench/training.py
	$(BIN)/python bench/export.py

trials: $(READY)  ## how far verdicts, tuning, pruning by time and 8 bits can be trusted: about 1.5 hours, each goes on
	$(BIN)/python bench/quantization.py
	$(BIN)/python bench/pruning.py
	$(BIN)/python bench/tuning.py
	$(BIN)/python bench/validity.py

results: $(READY) data  ## the recipes' figures, one seed at a time; goes on where it stopped
	$(BIN)/python bench/results.py
	$(BIN)/python bench/views.py
	$(BIN)/python bench/front.py

clean:  ## remove the environment
	rm -rf $(VENV)

$(READY): pyproject.toml constraints.txt
	@test -n "$(PYTHON)" || { echo "error: edgekit needs Python 3.11 or newer; set PYTHON=/path/to/python3.11"; exit 1; }
	@echo "setting up $(VENV) (once; a few minutes, mostly PyTorch)"
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt -e ".[cpu,train,dev]"
	@touch $@
