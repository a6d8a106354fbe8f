# `make run` and `make test` set up what they need; PYTHON=python3.12 make run chooses the Python.
PYTHON ?= python3
VERSION := $(shell $(PYTHON) -c 'import sys; print("%d.%d" % sys.version_info[:2])' 2>/dev/null)
BIN := .venv/bin
READY := .venv/ready-$(VERSION)
ELSEWHERE := .venv/elsewhere-$(VERSION)
unexport MPLBACKEND # a kernel that inherits one like `agg` shows no figure, and says nothing

help: ## show this list
	@grep -E '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/^([a-z-]+):.*## /  make \1 \t/' | expand -t 24

setup: $(READY) ## install everything into .venv (about 1.5 GB)

$(READY): requirements.txt pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(not (3, 10) <= sys.version_info[:2] <= (3, 14))' || \
	  { echo "Python 3.10 to 3.14 is wanted, but $(PYTHON) is '$(VERSION)': PYTHON=python3.12 make ..." >&2; exit 1; }
	@[ -f $@ ] || $(PYTHON) -m venv --clear .venv || \
	  { echo "$(PYTHON) cannot make a virtual environment; on Debian: apt-get install python3-venv" >&2; exit 1; }
	$(BIN)/python -m pip install --disable-pip-version-check -r requirements.txt
	@touch $@

setup-elsewhere: $(ELSEWHERE) ## add trainers, loggers and optimizers by others, which some tests take (about 0.3 GB)

$(ELSEWHERE): $(READY) requirements-elsewhere.txt
	$(BIN)/python -m pip install --disable-pip-version-check -r requirements.txt -r requirements-elsewhere.txt
	@touch $@

run: setup ## execute every notebook in a fresh kernel; copies and HTML go to build/
	$(BIN)/python tools/run_notebooks.py

lab: setup ## open the chapter in JupyterLab
	$(BIN)/jupyter lab --notebook-dir=notebooks

test: setup ## unit tests, doctests, and every notebook cell by cell against its stored output
	$(BIN)/python -m pytest $(ON_ALL_CORES)

test-quick: setup ## in a minute: the core, doctests, the house, and whatever else is not long
	$(BIN)/python -m pytest $(ON_ALL_CORES) --quick

ON_ALL_CORES := -n auto

bench: setup-elsewhere ## what epochs, watching, memory and grading cost, beside tools by others; three quarters of an hour
	$(BIN)/python tools/bench.py
	$(BIN)/python tools/bench_pages.py
	$(BIN)/python tools/bench_memory.py
	$(BIN)/python tools/bench_watching.py
	$(BIN)/python tools/bench_grading.py

html: setup ## build the HTML edition of the notebooks as they are stored: build/html/index.html
	@rm -rf build/html build/doctrees build/jupyter_execute
	$(BIN)/python -m sphinx -q -W --keep-going -c notebooks/site -d build/doctrees notebooks build/html
	@echo "look at build/html/index.html"

# KEY="a secret" draws other variants of the exercises than the book's; EACH=names.txt gives each learner their own
DRAW = $(if $(KEY),--key "$(KEY)")
release: setup ## write the course, with KEY=... with exercises that the book doesn't solve: build/course
	$(BIN)/python -m d2lparams.course release $(DRAW) $(if $(EACH),--each "$(EACH)")

class: setup ## make 100 submissions to try the grading with, plain or as a platform exports them: make class FORM=moodle
	$(BIN)/python tools/make_class.py 100 build/class$(if $(FORM),-$(FORM) --form $(FORM))

grade: told setup ## grade a class, a folder or a zip: make grade SUBMISSIONS=build/class OUT=build/graded [GRADES=... COLUMN=...]
	$(BIN)/python -m d2lparams.course grade $(DRAW) $(if $(EACH),--each) "$(SUBMISSIONS)" "$(OUT)" \
	  $(if $(GRADES),--grades "$(GRADES)") $(if $(COLUMN),--column "$(COLUMN)")

told:
	@[ -n "$(SUBMISSIONS)" ] && [ -n "$(OUT)" ] || \
	  { echo "which submissions, and where to? For example: make grade SUBMISSIONS=build/class OUT=build/graded" >&2; exit 1; }

notebooks: setup ## execute every notebook and store the outputs
	$(BIN)/python tools/run_notebooks.py --store

check: setup ## form, docstrings, who imports whom, and types
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/pydoclint d2lparams/[a-z]*.py d2lparams/plots d2lparams/widgets
	$(BIN)/lint-imports --no-logo
	$(BIN)/mypy

# tests that need more than the core: a new file of tests is the core's, until it is named here
WINGS := bank browser chapter contrast copies course d2l_versions data deep_net drawn exercises forms grading guesses \
  honest hostile house html lab_figures language_model left_behind live_explorer live_pages live_playground loggers \
  notebooks pages platforms playground plots processes quiz replay round_trip run_notebooks sandbox small_nets \
  submissions survival trainers two_processes variants widgets
CORE := $(wildcard d2lparams/*.py) $(filter-out $(WINGS:%=tests/test_%.py),$(wildcard tests/test_*.py))
TORCH ?= $(shell sed -nE 's/.*"torch>=([0-9.]+)".*/\1/p' pyproject.toml)
OTHER := build/torch-$(TORCH)
check-torch: ## the core's tests on another torch, in an environment of its own: make check-torch TORCH=2.14.1
	@[ -x $(OTHER)/bin/python ] || $(PYTHON) -m venv $(OTHER)
	grep -E '^(nbval|numpy|pandas|pytest|pytest-xdist|safetensors|scipy|transformers)==' requirements.txt > $(OTHER)/core.txt
	$(OTHER)/bin/python -m pip install --quiet --disable-pip-version-check torch==$(TORCH) -r $(OTHER)/core.txt
	$(OTHER)/bin/python -m pytest $(CORE)

clean: ## remove what was built, but no data
	rm -rf .venv build .pytest_cache .ruff_cache .mypy_cache .import_linter_cache *.egg-info
	find d2lparams tests notebooks \( -name __pycache__ -o -name .ipynb_checkpoints \) -prune -exec rm -rf {} +

.DEFAULT_GOAL := help
.PHONY: help setup setup-elsewhere run lab test test-quick bench html release class grade told notebooks check check-torch clean
