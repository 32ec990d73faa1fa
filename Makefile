# The two commands of the README: `make demo` and `make test`. Each sets up all that it needs in .venv.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
READY := $(VENV)/.ready

.PHONY: venv demo test test-slow check bench simulator-report clean

venv: $(READY)

# Made anew only when what is installed could have changed; the marker is written last, so an interrupted
# installation is taken up again.
$(READY): pyproject.toml constraints.txt
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
		{ echo "hemometric needs Python 3.11 or newer; name one with: make PYTHON=python3.11 ..." >&2; exit 2; }
	test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --disable-pip-version-check --quiet --constraint constraints.txt --editable '.[train,dev]'
	touch $(READY)

demo: $(READY)
	$(BIN)/hemometric demo --out demo-output

test: $(READY)
	scripts/check

test-slow: $(READY)
	$(BIN)/python -m pytest -m slow

check: $(READY)
	scripts/check --quick

bench: $(READY)
	$(BIN)/hemometric bench

# docs/simulator.md and its pictures; with HEMOMETRIC_REAL_DATA=folder also recorded ECGs beside simulated ones.
simulator-report: $(READY)
	OMP_NUM_THREADS=1 $(BIN)/python -m validation --data "$(HEMOMETRIC_REAL_DATA)"

clean:
	rm -rf $(VENV) demo-output
