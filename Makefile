PYTHON ?= python3
VENV ?= .venv
BIN := $(VENV)/bin
PORT ?= 8501
ADDRESS ?= 0.0.0.0

.PHONY: app serve test bench clean

app: $(VENV)/app.stamp
	$(BIN)/python -m streamlit run app.py --server.port $(PORT) --server.showEmailPrompt false

# For a class: reachable from other machines, no browser opened here, nothing of the code shown where something fails.
# What else can be set (folder, workers, limits, password) stands in SECURITY.md.
serve: $(VENV)/app.stamp
	$(BIN)/python -m streamlit run app.py --server.port $(PORT) --server.address $(ADDRESS) --server.headless true \
		--server.fileWatcherType none --server.maxUploadSize $${DNIS_MAX_UPLOAD_MB:-25} --client.showErrorDetails none

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
