# Everything is done in .venv/; `make` alone lists what can be made.
SHELL := /bin/bash
.DEFAULT_GOAL := help
.PHONY: help env test test-all torture check format play demo bench factory notebook sounds hardware clean distclean

# The CPU build is enough. On Linux PyPI's own torch brings CUDA with it (some GB): name an index of CPU builds in
# TORCH_INDEX to have the small one.
TORCH := torch==2.13.0
TORCH_INDEX ?=
BUNDLE ?= models/quartet/quartet.tombola
SOUNDS ?=
PAIRS ?= 10000
PYTEST ?= -q -rs -n auto --dist loadfile
PIP := -m pip --disable-pip-version-check install -qq

# The wheels of onnxruntime measure their use; ours need not be counted.
export ORT_DISABLE_TELEMETRY := 1

help: ## list what can be made
	@echo "make TARGET, where TARGET is one of"
	@awk -F ':.*## ' '/^[a-z-]+:.*## /{printf "  %-10s %s\n", $$1, $$2}' $(MAKEFILE_LIST)
	@echo "SOUNDS=folder/ gives the demo your own sounds, one sub-folder per mode; BUNDLE=file is what bench measures."

env: .venv/.stamp ## make .venv/ with both distributions and all tools (does nothing when it is there)

# $(call make_venv,FOLDER): with the first Python that is new enough and can make one.
define make_venv
	@test -x $(1)/bin/python && exit 0; old=; bare=; \
	for python in $(PYTHON) python3.11 python3.12 python3.13 python3; do \
	  "$$python" -c 'import sys' >/dev/null 2>&1 || continue; \
	  "$$python" -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { old="$$python"; continue; }; \
	  "$$python" -c 'import ensurepip, venv' 2>/dev/null || { bare="$$python"; continue; }; \
	  echo "· $(1) with $$("$$python" --version)"; exec "$$python" -m venv $(1); \
	done; \
	if test -n "$$bare"; then echo "$$bare cannot make virtual environments; install its venv package (Debian: apt-get install python3-venv)."; \
	elif test -n "$$old"; then echo "$$old is $$("$$old" --version), but Tombola needs Python 3.11 or newer; install one, or name it with PYTHON=."; \
	else echo "No Python was found; install Python 3.11 or newer, or name it with PYTHON=."; fi >&2; exit 1
endef

# $(call try,FOLDER,PACKAGE,WHAT IS LOST WITHOUT IT): for what cannot be had everywhere.
define try
	@$(1)/bin/python $(PIP) --no-deps $(2) >>$(1)/optional.log 2>&1 \
	  && echo "· $(2)" || echo "· $(2) cannot be installed here: $(3) ($(1)/optional.log says why)"
endef

.venv/.stamp: pyproject.toml device/pyproject.toml host_tools/pyproject.toml hardware/pyproject.toml
	$(call make_venv,.venv)
	@echo "· pip" && .venv/bin/python $(PIP) --upgrade "pip>=25.1"
	@echo "· $(TORCH), the largest part" && .venv/bin/python $(PIP) $(if $(TORCH_INDEX),--extra-index-url "$(TORCH_INDEX)") "$(TORCH)"
	@echo "· tombola-device, tombola-host, tombola-hardware and what they need" && .venv/bin/python $(PIP) -e "device[gpio]" -e host_tools -e hardware
	@echo "· tools" && .venv/bin/python $(PIP) --group pyproject.toml:dev
	@# Two processes that compile the same function into an empty cache can crash (numba; seen once in 18): so one, now.
	@echo "· what librosa compiles" && .venv/bin/python -c "import numpy; from tombola_host.corpus.pitch import PyinTracker; \
	  PyinTracker().contour(numpy.sin(numpy.arange(24000, dtype='f4') / 20))"
	$(call try,.venv,python-rtmidi,no MIDI ports but files and sockets)
	$(call try,.venv,pyalsaaudio,sound needs PortAudio (Debian: libportaudio2); it needs a C compiler and on Debian libasound2-dev)
	$(call try,.venv,av,m4a and mp4 are not read)
	$(call try,.venv,tinysoundfont,the demo needs npm or SOUNDS= and the factory set cannot be built)
	$(call try,.venv,pretty_midi,the demo needs npm or SOUNDS=)
	@touch $@

.venv-device/.stamp: pyproject.toml device/pyproject.toml
	$(call make_venv,.venv-device)
	@echo "· pip" && .venv-device/bin/python $(PIP) --upgrade "pip>=25.1"
	@echo "· tombola-device alone, without torch" && .venv-device/bin/python $(PIP) -e "device[gpio]" mido
	@echo "· pytest" && .venv-device/bin/python $(PIP) --group pyproject.toml:test
	$(call try,.venv-device,python-rtmidi,no MIDI ports but files and sockets)
	$(call try,.venv-device,pyalsaaudio,the tests of ALSA are skipped)
	$(call try,.venv-device,sounddevice,the tests of PortAudio are skipped)
	@touch $@

test: .venv/.stamp .venv-device/.stamp ## the quick tests; the device's run where there is no torch
	@.venv-device/bin/python -c "import importlib.util, sys; sys.exit(any(map(importlib.util.find_spec, ('torch', 'tombola_host'))))" \
	  || { echo ".venv-device has torch or the host in it; run make distclean and make test again." >&2; exit 1; }
	@status=0; \
	echo "· tests/device, without torch"; .venv-device/bin/python -m pytest $(PYTEST) tests/device || status=1; \
	echo "· the rest"; .venv/bin/python -m pytest $(PYTEST) --ignore tests/device || status=1; \
	exit $$status

test-all: .venv/.stamp ## all tests in .venv/, those that are slow or fetch something too
	@.venv/bin/python -m pytest -rs -m ""

torture: .venv-device/.stamp ## break the instrument at each edge, 10 000 pairs of faults (PAIRS=): 15 minutes and more
	@.venv-device/bin/python tests/torture/campaign.py --pairs $(PAIRS)

check: .venv/.stamp ## ruff, mypy and the import contracts
	@status=0; \
	echo "· ruff"; .venv/bin/ruff check --quiet --output-format concise . || status=1; \
	echo "· format"; .venv/bin/ruff format --quiet --check --output-format concise . || { echo "run make format"; status=1; }; \
	echo "· mypy"; .venv/bin/mypy || status=1; \
	echo "· import contracts"; .venv/bin/lint-imports --no-logo || status=1; \
	exit $$status

format: .venv/.stamp ## bring the code into form
	@.venv/bin/ruff check --quiet --fix-only . ; .venv/bin/ruff format .

play: .venv/.stamp ## play the factory sounds in a browser; needs no hardware, no MIDI and no sound card
	@.venv/bin/tombolad run --browser

demo: .venv/.stamp ## recordings to a playing instrument, and a report in build/demo/report.html
	@.venv/bin/python -m tombola_host demo $(if $(SOUNDS),--sounds "$(SOUNDS)")

bench: .venv/.stamp ## what a bundle costs on this computer
	@.venv/bin/python -m tombola_host bench "$(BUNDLE)"

factory: .venv/.stamp ## build the factory set in models/ anew: 20 minutes on two cores, and 390 MB to fetch
	@.venv/bin/python -m tombola_host.demo.factory models

notebook: .venv/.stamp ## run the studies of docs/notebook again, or go on with them; says first how long: an hour and more
	@.venv/bin/python -m tombola_host.demo.notebook docs/notebook/studies docs/pictures/lottery build/notebook

sounds: .venv/.stamp ## render docs/sounds/ anew with the factory set
	@.venv/bin/python -m tombola_host.demo.sounds models docs/sounds

hardware: .venv/.stamp ## generate schematics, panel, lists and simulation anew; needs KiCad 9 and ngspice
	@.venv/bin/python -m tombola_hardware build

clean: ## remove what was built, but neither environments nor the cache of sounds
	@rm -rf build dist device/dist host_tools/dist .pytest_cache .mypy_cache .ruff_cache .import_linter_cache .hypothesis
	@find device host_tools hardware tests -name __pycache__ -type d -prune -exec rm -rf {} +

distclean: clean ## clean, and remove the environments
	@rm -rf .venv .venv-device
