# make demo     the quick look: base install in .demo, redactions of a sample document as a table and as a marked copy
# make test     everything: all extras in .venv, the gates, the notebooks, tests/
# make readme   README.md from nbs/index.ipynb          make index    run index.ipynb anew (after the model or the samples changed)
# make samples  samples/ and the README's picture       make docs     the documentation site (needs Quarto)
# make lint     ruff                                    make clean    what was built, not .venv
SHELL := /bin/sh
PYTHON ?= $(shell for p in python3.11 python3 python; do $$p -c 'import sys; raise SystemExit(sys.version_info < (3, 11))' 2>/dev/null && echo $$p && break; done)
EXTRAS ?= data,train,app,scan,ray,ocr,monitor,dev
SAMPLE ?= samples/letter.pdf
WORKERS ?= 2
BIN := .venv/bin
export PIP_DISABLE_PIP_VERSION_CHECK := 1
.DEFAULT_GOAL := help
.PHONY: help demo install test gates gate-tree gate-clean gate-export gate-readme notebooks pytest readme index samples docs lint clean

help:
	@sed -n 's/^# \{0,1\}//p;/^SHELL/q' Makefile

# $(call venv,FOLDER,WHAT,IN WORDS): a virtual environment with WHAT installed; pip is heard only when it fails
define venv
	@test -n "$(PYTHON)" || { echo 'Python 3.11 or newer is needed: none of python3.11, python3 and python is' >&2; exit 1; }
	@test -x $(1)/bin/python || $(PYTHON) -m venv $(1) || { rm -rf $(1); echo 'Python has no venv module here; on Debian: apt-get install python3-venv' >&2; exit 1; }
	@echo 'Installing $(3) into $(1) …'
	@rm -rf build
	@$(1)/bin/python -m pip install --quiet -c constraints.txt $(2) > $(1)/install.log 2>&1 || { grep -v '^WARNING' $(1)/install.log | tail -n 30 >&2; exit 1; }
endef

.demo/installed: pyproject.toml constraints.txt $(wildcard redaction/*.py redaction/models/* redaction/models/*/*)
	$(call venv,.demo,.,the base)
	@touch $@

demo: .demo/installed
	@.demo/bin/redaction detect $(SAMPLE) --annotate demo-out

.venv/installed: pyproject.toml constraints.txt
	@df -Pk . | awk 'NR == 2 && $$4 < 13 * 2^20 { printf "Only %.1f GB are free here; with every extra pip takes about 13 GB for a while, and 8 in the end\n", $$4 / 2^20 }' >&2
	$(call venv,.venv,-e '.[$(EXTRAS)]',every extra ($(EXTRAS): several gigabytes))
	@touch $@

install: .venv/installed

test: gates lint notebooks pytest
	@if [ -n "$$CI" ]; then $(MAKE) --no-print-directory gate-tree; fi

gates: install gate-tree gate-clean gate-export gate-readme

# The gates compare with what was there before, so that they also tell the truth about a tree with work in it
sums = find nbs redaction -type f ! -path '*/__pycache__/*' ! -path '*/.ipynb_checkpoints/*' -exec sha256sum {} + | sort -k2
unchanged = @$(sums) > .venv/before; $(1) > .venv/gate.log 2>&1 || { tail -n 30 .venv/gate.log >&2; exit 1; }; $(sums) > .venv/after; \
	if cmp -s .venv/before .venv/after; then echo 'gate: $(2)'; \
	else echo 'FAILED gate: $(2). Changed now:' >&2; diff .venv/before .venv/after | sed -n 's/^[<>] [0-9a-f]*  /  /p' | sort -u >&2; exit 1; fi

gate-tree:
	@dirty=$$(git status --porcelain 2>/dev/null); \
	if [ -z "$$dirty" ]; then echo 'gate: the tree is clean'; \
	elif [ -n "$$CI" ]; then echo 'FAILED gate: the tree is clean. Not committed:' >&2; echo "$$dirty" >&2; git diff --stat >&2; exit 1; \
	else echo 'gate skipped: the tree has work in it that is not committed'; fi

gate-clean: install
	$(call unchanged,$(BIN)/nbdev-clean,nbdev-clean changes nothing)

gate-export: install
	$(call unchanged,$(BIN)/nbdev-export,nbdev-export changes nothing)

gate-readme: install
	@$(BIN)/python tools/readme.py --check && echo 'gate: README.md is what nbs/index.ipynb makes'

notebooks: install
	OMP_NUM_THREADS=1 $(BIN)/nbdev-test --n-workers $(WORKERS)

# A file's tests stay in one process: they share fixtures
pytest: install
	$(BIN)/python -m pytest -n $(WORKERS) --dist loadfile tests

readme: install
	@$(BIN)/python tools/readme.py

index: install
	@cd nbs && ../$(BIN)/jupyter nbconvert --log-level ERROR --to notebook --execute --inplace index.ipynb && cd .. && $(BIN)/nbdev-clean --fname nbs/index.ipynb
	@$(MAKE) --no-print-directory readme

samples: install
	@$(BIN)/python tools/samples.py

docs: install
	@command -v quarto > /dev/null || { echo 'The site is built with Quarto, which is not here: https://quarto.org/docs/get-started' >&2; exit 1; }
	$(BIN)/nbdev-docs

lint: install
	$(BIN)/ruff check redaction nbs tests tools benchmarks app.py setup.py

clean:
	rm -rf build dist demo-out _docs _proc .demo .pytest_cache .ruff_cache .hypothesis
	find . -name __pycache__ -not -path './.venv/*' -prune -exec rm -rf {} +
