PYTHON ?= python3
VENV ?= .venv
BIN := $(VENV)/bin
PORT ?= 8501

.PHONY: app test bench clean

app: $(VENV)/app.stamp
	$(BIN)/python -m streamlit run app.py --server.port $(PORT) --server.showEmailPrompt false

test: $(VENV)/dev.stamp
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/ty check
	OMP_NUM_THREADS=1 $(BIN)/python -m pytest -q

bench: $(VENV)/dev.stamp
	for script in benchmarks/*.py; do OMP_NUM_THREADS=1 $(BIN)/python -m benchmarks.$$(basename $$script .py) || exit 1; done

$(BIN)/python:
	$(PYTHON) -m venv $(VENV)

# A stamp older than its list of requirements means: install again.
$(VENV)/app.stamp: requirements.txt | $(BIN)/python
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -r requirements.txt
	touch $@

$(VENV)/dev.stamp: requirements-dev.txt requirements.txt | $(BIN)/python
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -r requirements-dev.txt
	touch $@ $(VENV)/app.stamp

clean:
	rm -rf $(VENV) .pytest_cache .ruff_cache
