# make demo      everything once, on a fresh clone: install, compose, prepare, train, evaluate, compose again
# make test      all tests (23 minutes on two cores); make test-fast leaves out those marked slow
# make quality   ruff and mypy; make style formats
# make shipped-code   the code of models in model_cards/ as it is in the package
# make benchmark the figures of tests/benchmarks/README.md; needs runs/folk-chorales

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
export HF_HUB_OFFLINE ?= 1
# On a CPU, threads that wait spinning slow each other down as soon as two processes share the cores.
export GOMP_SPINCOUNT ?= 0

.PHONY: demo test test-fast quality style shipped-code benchmark clean

$(VENV)/.demo: pyproject.toml constraints.txt
	test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	$(BIN)/pip install --quiet --disable-pip-version-check -c constraints.txt -e '.[demo]'
	touch $@

$(VENV)/.dev: pyproject.toml constraints.txt
	test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	$(BIN)/pip install --quiet --disable-pip-version-check -c constraints.txt -e '.[dev]'
	touch $@ $(VENV)/.demo

demo: $(VENV)/.demo
	$(BIN)/python train/demo.py --output demo_output $(DEMO_FLAGS)

# Two workers with one thread each.
PYTEST := OMP_NUM_THREADS=1 $(BIN)/python -m pytest -n 2 --dist worksteal

test: $(VENV)/.dev
	$(PYTEST) tests

test-fast: $(VENV)/.dev
	$(PYTEST) tests -m "not slow"

quality: $(VENV)/.dev
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

style: $(VENV)/.dev
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

# A file of a shipped model is named like the package's own: modeling_<family>.py; all of its family stand beside it.
shipped-code:
	for file in model_cards/*/modeling_*.py; do \
		name=$$(basename $$file .py); cp symbolic_music/models/$${name#*_}/*_$${name#*_}.py $$(dirname $$file); \
	done

benchmark: $(VENV)/.dev
	$(BIN)/python tests/benchmarks/run_all.py

clean:
	rm -rf $(VENV) build *.egg-info .pytest_cache .mypy_cache .ruff_cache demo_output
