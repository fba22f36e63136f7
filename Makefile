# `make book` and `make test` set up everything they need. Any of the settings below can
# be given on the command line: make test WORKERS=4
PYTHON ?= python3
WORKERS ?= 2
PORT ?= 8000
SEED ?= 1
CHAPTER ?= reconstruction/rebuilding_a_block
TO ?= _build/classroom

VENV := .venv/bin/python
PYTEST := $(VENV) -m pytest -rs
CHAPTERS = $(wildcard book exercises solutions)
# nbval runs every cell; pages hold no stored outputs, so their asserts are what is tested.
# The plugin holds each notebook to its budget of seconds and memory; notebooks that a reader
# has changed are not ours to test.
NBVAL := --nbval-lax --nbval-current-env --nbval-cell-timeout=120 -p notebook_budget --ignore-glob='*-yours-*.ipynb'

.PHONY: help
help:  ## list the targets (the default)
	@sed -n 's/^\([a-z0-9-]*\):[^#]*## */\1	/p' $(MAKEFILE_LIST) | while IFS='	' read -r name text; \
	do printf '  make %-15s %s\n' "$$name" "$$text"; done

.PHONY: setup
setup:
	@$(PYTHON) tools/setup_environment.py

.PHONY: book
book: setup  ## build the site in _build/html, every page executed
	@$(VENV) tools/export_notebooks.py
	@$(VENV) tools/build_book.py
	@$(VENV) tools/export_notebooks.py  # once more: now the numbers in the text are known
	@$(VENV) tools/build_browser_lab.py

.PHONY: test
test: setup  ## run the whole test suite
	@$(VENV) tools/export_notebooks.py
	PYTHONPATH=tools $(PYTEST) tests course_lib $(CHAPTERS) $(NBVAL) -m "not slow" -n $(WORKERS) --dist loadfile

.PHONY: test-slow
test-slow: setup  ## run the tests that make test leaves out
	@$(VENV) tools/export_notebooks.py
	$(PYTEST) tests -m slow -n $(WORKERS) --dist loadfile

# Sums are rounded otherwise there. What a page says must not hang on it.
.PHONY: test-other-cpu
test-other-cpu: setup  ## run the notebooks as on another processor: two threads, no vector instructions
	@$(VENV) tools/export_notebooks.py
	PYTHONPATH=tools OMP_NUM_THREADS=2 ATEN_CPU_CAPABILITY=default $(PYTEST) $(CHAPTERS) $(NBVAL)

.PHONY: test-oldest-z3
test-oldest-z3: setup  ## run the tests of the solver parts on the oldest Z3 that is allowed
	$(VENV) -m pip install --quiet --upgrade --no-deps --target _build/oldest_z3 z3-solver==4.16.0.0
	PYTHONPATH=_build/oldest_z3 $(VENV) -c "import z3; assert z3.get_version()[:2] == (4, 16)"
	PYTHONPATH=_build/oldest_z3 $(PYTEST) tests/reconstruction tests/minimisation -m "not slow" -n $(WORKERS)

# Torch is excepted: it and torchvision only work as the pair in constraints.txt.
LOWEST := _build/lowest
PARTS := $(addprefix tests/,reconstruction gradients minimisation membership capstone)
.PHONY: test-lowest
test-lowest:  ## run the library's tests and the notebooks on the oldest versions that pyproject.toml allows
	$(PYTHON) -m venv --clear $(LOWEST)
	$(LOWEST)/bin/python -m pip install --quiet uv
	grep -E '^(torch|torchvision)==' constraints.txt > $(LOWEST)/torch.txt
	$(LOWEST)/bin/uv pip install --python $(LOWEST)/bin/python --resolution lowest-direct \
	  --override $(LOWEST)/torch.txt -e '.[book,test]'
	$(LOWEST)/bin/python tools/export_notebooks.py
	PYTHONPATH=tools $(LOWEST)/bin/python -m pytest -rs course_lib $(PARTS) tests/exercises tests/datasets \
	  tests/plotting tests/test_progress.py tests/test_display.py tests/test_imports.py $(CHAPTERS) $(NBVAL) \
	  -m "not slow" -n $(WORKERS) --dist loadfile

.PHONY: serve
serve: setup  ## show the built site on http://127.0.0.1:8000
	@test -f _build/html/index.html || { echo "There is no site yet: run make book first."; exit 1; }
	$(VENV) -m http.server $(PORT) --bind 127.0.0.1 --directory _build/html

.PHONY: lab
lab:  ## open the notebooks in JupyterLab
	@$(PYTHON) tools/setup_environment.py --extras book,test,dev
	@$(VENV) tools/export_notebooks.py
	$(VENV) -m jupyterlab

.PHONY: notebooks
notebooks: setup  ## write the .ipynb file beside each page
	$(VENV) tools/export_notebooks.py

.PHONY: exercises
exercises: setup  ## derive exercises/ from solutions/
	$(VENV) tools/derive_exercises.py

.PHONY: assignment
assignment: setup  ## write an nbgrader assignment (CHAPTER=reconstruction/rebuilding_a_block SEED=1 TO=folder)
	$(VENV) tools/export_assignment.py $(CHAPTER) --to $(TO) --seed $(SEED) $(if $(EXERCISES),--exercises $(EXERCISES))

.PHONY: measure
measure: setup  ## measure seconds and memory of each page
	$(VENV) tools/measure_pages.py

.PHONY: claims
claims: setup  ## write the page of claims
	$(VENV) tools/claims.py

.PHONY: faults
faults: setup  ## plant forty faults in the library and see whether the tests notice (SEED=1)
	$(VENV) tools/plant_faults.py --seed $(SEED)

.PHONY: bench
bench: setup  ## time the methods of the course against each other
	$(VENV) -m benchmarks

.PHONY: clean
clean:  ## remove the built site and the exported notebooks (not .venv, nor notebooks you changed)
	rm -rf _build .pytest_cache
	@if [ -x $(VENV) ]; then $(VENV) tools/export_notebooks.py --remove; fi
