PYTHON ?= python3
VENV ?= .venv
BIN := $(VENV)/bin
PORT ?= 8501
ADDRESS ?= 0.0.0.0

.PHONY: app serve test bench clean

app: $(VENV)/app.stamp
	$(BIN)/python -m streamlit run app.py --server.port $(PORT) --server.showEmailPrompt false

# For a class: reachable from other machines, no browser opened here, nothing of the code shown where something fails.
# A server that starts a thread for every click stays small with two pools of memory instead of one per thread, tables
# given back at once, Arrow's own pool out of use, which keeps a part for every thread, and one thread for a product.
# What else can be set (folder, workers, limits, password) stands in SECURITY.md.
serve: $(VENV)/app.stamp
	MALLOC_ARENA_MAX=2 MALLOC_MMAP_THRESHOLD_=131072 ARROW_DEFAULT_MEMORY_POOL=system OPENBLAS_NUM_THREADS=1 \
		exec $(BIN)/python -m streamlit run app.py --server.port $(PORT) --server.address $(ADDRESS) \
		--server.headless true --server.fileWatcherType none --server.maxUploadSize $${DNIS_MAX_UPLOAD_MB:-25} --client.showErrorDetails none

# At the priority of the searches that the app starts: else those wait for all other tests, and the browsers for them.
test: $(VENV)/dev.stamp
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/ty check
	OMP_NUM_THREADS=1 nice -n 5 $(BIN)/python -m pytest -q --numprocesses 2 --no-loadscope-reorder

bench: $(VENV)/dev.stamp
	for script in benchmarks/*.py; do OMP_NUM_THREADS=1 $(BIN)/python -m benchmarks.$$(basename $$script .py) || exit 1; done

$(BIN)/python:
	$(PYTHON) -m venv $(VENV)

# A stamp older than its list of requirements means: install again.
$(VENV)/app.stamp: requirements.txt | $(BIN)/python
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -r requirements.txt
	touch $@

$(VENV)/dev.stamp: requirements-dev.txt requirements.txt requirements-bulk.txt requirements-sweep.txt | $(BIN)/python
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -r requirements-dev.txt
	touch $@ $(VENV)/app.stamp

clean:
	rm -rf $(VENV) .pytest_cache .ruff_cache
