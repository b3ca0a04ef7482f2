# hexzctl from a bare clone. Needs Python 3.11 or newer, a C compiler and make (3.81 will do).
#
# Everything is installed into .venv, in the versions of constraints.txt. Files in .venv remember
# what is done, so that a second `make` does nothing again.

# The first of these that is Python 3.11 or newer makes the environment.
PYTHON ?= python3 python3.14 python3.13 python3.12 python3.11
VENV := .venv
BIN := $(VENV)/bin

SELFPLAY = selfplay --search gumbel --runs-per-move 32 --games-per-process 32 --max-seconds 60 \
	--output-dir selfplay-out

# The engine is built for this machine; see setup.py.
HEXZ_MARCH ?= native
export HEXZ_MARCH
export PIP_DISABLE_PIP_VERSION_CHECK = 1
# Each of the hundreds of processes that the tests start would compile our modules for itself.
unexport PYTHONDONTWRITEBYTECODE

# What checks the scripts of the pages. The pages themselves need no package.
JAVASCRIPT := tests/javascript

ENGINE := setup.py $(shell find hexz -name '*.pyx' -o -name '*.pxd')

# The compiled modules whose types others read in a .pyi.
TYPED := $(wildcard $(patsubst %.pyx,%.pyi,$(filter %.pyx,$(ENGINE))))

.PHONY: help build play train selfplay test test-fast test-all soak fuzz licences lint lint-javascript proto reference docs wheel \
	clean

help:
	@echo 'make play       opens a page to play on, against levels from beginner to champion'
	@echo 'make train      trains a player on this machine until Ctrl-C; goes on where it ended'
	@echo 'make selfplay   plays a minute of self-play and shows the games'
	@echo 'make test       runs all tests but the endurance tests'
	@echo 'make test-fast  runs most of those of the engine, the search, the network and the wire'
	@echo 'make test-all   runs all tests'
	@echo 'make soak       lets everything fail for half an hour and proves that nothing is lost'
	@echo 'make fuzz       tries many malformed inputs for a minute, on Linux; FUZZ="--inputs 1000000" more'
	@echo 'make licences   lists the licences of all packages that users install'
	@echo 'make lint       runs the linters and type checks of Python and, with npm, of JavaScript and workflows'
	@echo 'make build      brings .venv and the compiled engine up to date, as all of these do'
	@echo 'make reference  writes docs/reference from the declarations, help texts and docstrings'
	@echo 'make docs       makes a site of the documentation in build/site'
	@echo 'make proto      generates hexz/wire/hexz_pb2.* from proto/hexz.proto'
	@echo 'make wheel      builds a wheel for other machines in dist'
	@echo 'make clean      removes all that was built; .venv stays'
	@echo
	@echo 'PYTHON=... names the interpreter to use; HEXZ_MARCH= builds a portable engine.'

build: $(VENV)/built

# Less is installed to play than to train: an environment that has all of it will do.
play: $(if $(wildcard $(VENV)/built),build,$(VENV)/playable)
	@echo
	@echo 'The page opens in your browser, or open the address yourself. Ctrl-C ends it.'
	@echo 'A player of your own: make train, and then'
	@echo '  $(BIN)/hexzctl serve-player --model hexz-data --follow --open'
	@echo
	$(BIN)/hexzctl serve-player --port 0 --open

# Ctrl-C is how these end, so their exit code for it is no error; make itself ends with that signal.
# The shell has to outlive it, to see the exit code.
until_ctrl_c = @trap : INT; $(1) || test $$? -eq 130

selfplay: build
	$(call until_ctrl_c,$(BIN)/hexzctl $(SELFPLAY))

train: build
	$(call until_ctrl_c,$(BIN)/hexzctl train)

# Several tests at once, see tests/conftest.py; those of a file one after another, as they share what
# took long to make; and files in the order that it gives them, not by their numbers of tests.
PYTEST := $(BIN)/python -m pytest -n auto --dist loadfile --no-loadscope-reorder

test: build
	$(PYTEST)

test-fast: build
	$(PYTEST) -m 'not slow and not soak' tests/engine tests/search tests/model tests/wire

test-all: build
	$(BIN)/python -m pytest -m ''

# Wants root, for machines with networks of their own.
SOAK_SECONDS ?= 1800
soak: build
	SOAK_SECONDS=$(SOAK_SECONDS) $(BIN)/python -m pytest -m soak -s tests/system/test_soak.py

# Atheris makes the inputs, guided by the code that they reach.
FUZZ ?= --seconds 60
fuzz: build
	$(BIN)/python -m pip install -q -c constraints.txt --group fuzz
	$(BIN)/python -m tests.fuzz $(FUZZ)

licences: build
	$(BIN)/python -m tests.licences

lint: build
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/python -m mypy
	$(BIN)/python -m mypy.stubtest --concise --ignore-positional-only --ignore-unused-allowlist \
	    --allowlist tests/stubs.txt --mypy-config-file pyproject.toml $(subst /,.,$(TYPED:.pyi=))
	$(BIN)/lint-imports --no-cache --no-logo
	$(BIN)/vulture
	@if command -v npm >/dev/null; then $(MAKE) lint-javascript; \
	else echo 'The JavaScript is not checked: npm is missing (Debian: apt-get install npm)'; fi

lint-javascript: $(JAVASCRIPT)/node_modules/.package-lock.json
	$(JAVASCRIPT)/node_modules/.bin/biome lint --error-on-warnings --config-path=$(JAVASCRIPT) hexz
	$(JAVASCRIPT)/node_modules/.bin/tsc --project $(JAVASCRIPT)
	node $(JAVASCRIPT)/workflows.mjs .github/workflows/*.yml

$(JAVASCRIPT)/node_modules/.package-lock.json: $(JAVASCRIPT)/package-lock.json
	npm ci --prefix $(JAVASCRIPT) --no-audit --no-fund
	@touch $@

# What a machine may lack. The messages pass through the shell in double quotes.
fail = { echo "$(1)" >&2; exit 1; }
NO_PYTHON = Python 3.11 or newer is missing: none of [$(PYTHON)] is one. \
	Install it (Debian: apt-get install python3 python3-venv; macOS: brew install python) \
	or name it with make PYTHON=/path/to/python3
NO_VENV = The venv module of $$python is missing. Install it (Debian: apt-get install python3-venv)
NO_COMPILER = A C compiler is missing: $$cc cannot compile a C program. \
	Install one (Debian: apt-get install gcc libc6-dev; macOS: xcode-select --install)
NO_HEADERS = The C headers of $$python are missing: there is no $$include/Python.h. \
	Install them (Debian: apt-get install python3-dev)

$(VENV)/pyvenv.cfg:
	@for python in $(PYTHON) ''; do \
	    "$$python" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null && break; \
	done; \
	test -n "$$python" || $(call fail,$(NO_PYTHON)); \
	"$$python" -c 'import venv, ensurepip' 2>/dev/null || $(call fail,$(NO_VENV)); \
	config="import sysconfig as s; print(s.get_config_var('CC') or 'cc')"; \
	cc=$${CC:-$$("$$python" -c "$$config")}; \
	echo '#include <stdio.h>' | $$cc -x c -fsyntax-only - 2>/dev/null || $(call fail,$(NO_COMPILER)); \
	include=$$("$$python" -c "import sysconfig; print(sysconfig.get_path('include'))"); \
	test -e "$$include/Python.h" || $(call fail,$(NO_HEADERS)); \
	echo "Using $$("$$python" -c 'import sys; print(sys.executable, sys.version.split()[0])')"; \
	"$$python" -m venv $(VENV) || { rm -rf $(VENV); exit 1; }

# setuptools warns in six lines of any editable installation.
INSTALL = PYTHONWARNINGS=ignore $(BIN)/python -m pip install -c constraints.txt --no-build-isolation -e .

$(VENV)/installed: $(VENV)/pyvenv.cfg pyproject.toml constraints.txt
	@echo 'Installing all packages, with PyTorch, into $(VENV), and compiling the engine. This takes some minutes, once.'
	$(BIN)/python -m pip install -q -c constraints.txt --upgrade pip setuptools cython
	$(INSTALL) --group dev
	@touch $@

$(VENV)/playable: $(VENV)/pyvenv.cfg pyproject.toml constraints.txt $(ENGINE)
	@echo 'Installing what playing needs into $(VENV), and compiling the engine. This takes some minutes, once.'
	$(BIN)/python -m pip install -q -c constraints.txt --upgrade pip setuptools cython
	$(INSTALL)
	$(BIN)/python setup.py -q build_ext --inplace
	@touch $@

$(VENV)/built: $(VENV)/installed $(ENGINE)
	$(BIN)/python setup.py -q build_ext --inplace
	@touch $@

wheel: $(if $(wildcard $(VENV)/built),build,$(VENV)/playable)
	rm -rf build/portable-*
	HEXZ_MARCH= $(BIN)/python -m pip wheel -q --no-deps --no-build-isolation -w dist .

reference: build
	$(BIN)/python -m hexz.schema docs/reference
	PYTHONPATH=. $(BIN)/python docs/commands.py
	PYTHONPATH=. $(BIN)/python docs/metrics.py
	PYTHONPATH=. $(BIN)/python docs/api.py

docs: build
	NO_MKDOCS_2_WARNING=1 $(BIN)/python -m mkdocs build --quiet --strict
	@echo 'Open build/site/index.html. To search in it, serve it: python3 -m http.server --directory build/site'

# Generated code asks for a protobuf at least as new as its generator, so the generator is the one
# of the lower bound in pyproject.toml, in an environment of its own.
proto: $(VENV)/pyvenv.cfg
	test -d build/protoc || $(BIN)/python -m venv build/protoc
	build/protoc/bin/python -m pip install -q 'grpcio-tools==1.72.*'
	build/protoc/bin/python -m grpc_tools.protoc -Ihexz/wire=proto --python_out=. --pyi_out=. \
	    hexz/wire/hexz.proto

clean:
	rm -rf build dist *.egg-info $(VENV)/built $(VENV)/playable .pytest_cache .mypy_cache .ruff_cache .hypothesis
	find hexz hexzctl tests -name __pycache__ -exec rm -rf {} +
	find hexz -name '*.so' -delete
