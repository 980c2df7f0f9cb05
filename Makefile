# `make run` executes the study (another: NOTEBOOK=notebooks/which_model). Tests come in three sizes: `make check` before
# every commit, `make test` for every push, `make test-all` with the slow proofs. All set up .venv first.
PYTHON ?= python3
VENV := .venv
PY := $(VENV)/bin/python
NOTEBOOK ?= gait_recognition
# Data, preparation, splits and statistics, which train next to nothing, and one benchmark from arrays to table
CHECKED := tests/test_house.py tests/trials tests/protocols tests/datasets tests/preprocessing \
	tests/results/test_scores.py tests/results/test_intervals.py tests/results/test_opening.py
export TF_CPP_MIN_LOG_LEVEL ?= 3
export PYTHONHASHSEED ?= 0
export PYTHONWARNINGS ?= ignore:resource_tracker

.PHONY: run check test test-all lint clean

run: $(VENV)/installed
	$(PY) -m nbconvert --to notebook --execute --output-dir results $(NOTEBOOK).ipynb \
		--ExecutePreprocessor.timeout=-1 --ExecutePreprocessor.extra_arguments='--IPKernelApp.capture_fd_output=False'
	$(PY) -m nbconvert --to html --output-dir results results/$(notdir $(NOTEBOOK)).ipynb

check: lint
	$(PY) -m pytest -m "not slow" $(CHECKED) --ignore tests/datasets/synthetic

test: lint
	$(PY) -m pytest -m "not slow"

test-all: lint
	$(PY) -m pytest --hypothesis-profile=full
	GAIT_PROFILE=quick GAIT_DATA=synthetic GAIT_RESULTS=$$(mktemp -d) $(PY) -m pytest -o addopts=-q \
		--nbmake --nbmake-timeout=600 gait_recognition.ipynb notebooks

lint: $(VENV)/tested
	$(PY) -m ruff check .
	$(PY) -m ruff format --check .

$(VENV)/installed: requirements.txt pyproject.toml
	test -x $(PY) || $(PYTHON) -m venv $(VENV)
	$(PY) -m pip install --quiet --disable-pip-version-check -r requirements.txt -e '.[notebooks]'
	touch $@

$(VENV)/tested: $(VENV)/installed
	$(PY) -m pip install --quiet --disable-pip-version-check -e '.[test]'
	touch $@

clean:
	rm -rf $(VENV) build *.egg-info .pytest_cache .ruff_cache .hypothesis
