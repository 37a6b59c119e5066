# Two commands are all a newcomer needs: `make run` and `make test`.
PYTHON ?= python3.11
VENV := .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.installed

.PHONY: run test check bench train-starter browser clean

run: $(STAMP)
	$(BIN)/python -m studio run

# Two processes, each with whole files and a studio of its own; the browser's stories, which are the longest, begin first.
test: $(STAMP) browser
	$(BIN)/python -m pytest -n 2 --dist loadfile --no-loadscope-reorder

check: $(STAMP)
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy

bench: $(STAMP)
	$(BIN)/python bench/engine.py
	$(BIN)/python bench/storybook_quality.py
	$(BIN)/python bench/storybook_control.py

train-starter: $(STAMP)
	$(BIN)/python -m studio.starter.train all

# The environment is made anew whenever the pins change. `--prefer-binary`: nothing is compiled on the user's machine.
$(STAMP): requirements.txt
	@command -v $(PYTHON) >/dev/null || { echo "Easel needs Python 3.11; install it, or say make PYTHON=/path/to/python3.11"; exit 1; }
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --prefer-binary --disable-pip-version-check -r requirements.txt
	@touch $(STAMP)

# Debian's Chromium for the browser tests, where we may install it; without one they are skipped, and say so.
browser:
	@command -v chromium >/dev/null || command -v chromium-browser >/dev/null || command -v google-chrome >/dev/null || { \
	  if command -v apt-get >/dev/null && [ "$$(id -u)" = 0 ]; then \
	    echo "Installing Debian's Chromium for the browser tests"; \
	    apt-get update -qq && DEBIAN_FRONTEND=noninteractive apt-get install -y -qq chromium >/dev/null; \
	  fi; } || true
	@command -v chromium >/dev/null || command -v chromium-browser >/dev/null || command -v google-chrome >/dev/null \
	  || echo "BROWSER TESTS SKIPPED: no Chromium here; install the package 'chromium' to run them."

clean:
	rm -rf $(VENV) .ruff_cache .mypy_cache
