# Each target works alone on a fresh machine: it makes the virtual environment it needs.
.DEFAULT_GOAL := help
PYTHON ?= python3
RUN_VENV := .venv/.run
DEV_VENV := .venv/.dev
BIN := .venv/bin
export PIP_DISABLE_PIP_VERSION_CHECK := 1
export PIP_ROOT_USER_ACTION := ignore

.PHONY: help install run test test-fast lint bench bench-reading screenshots campaign-kill campaign-kill-index lock messages clean

help:
	@echo "make run            start the station and print where it is"
	@echo "make install        only install: for a phone, or for systemd"
	@echo "make test           all tests (needs Debian's chromium, gettext, nodejs, libnss3-tools and postgresql; installs them when root)"
	@echo "make test-fast      the tests that need no browser and take no minutes"
	@echo "make lint           ruff, mypy --strict, import-linter"
	@echo "make bench          measure against rsync and restic (Debian packages)"
	@echo "make bench-reading  measure indexing, reading and searching a million messages (some minutes)"
	@echo "make screenshots    make the pictures of the README anew"
	@echo "make campaign-kill  kill the station and the phone 100 times each"
	@echo "make campaign-kill-index  kill what reads snapshots, and its confined child, 40 times each"
	@echo "make lock           pin the newest acceptable dependencies, with hashes"

.venv/bin/python:
	$(PYTHON) -m venv .venv

# The locks are complete; an older pip left to resolve extras again stumbles over newer releases.
$(RUN_VENV): requirements.lock | .venv/bin/python
	$(BIN)/pip install --quiet --no-deps --require-hashes -r requirements.lock
	@touch $@

$(DEV_VENV): requirements-dev.lock | .venv/bin/python
	$(BIN)/pip install --quiet --no-deps --require-hashes -r requirements-dev.lock
	@touch $(RUN_VENV) $@

install: $(RUN_VENV)

run: $(RUN_VENV)
	@$(BIN)/python manage.py station --browser

test: $(DEV_VENV)
	@sh tests/need-debian chromium:chromium msgfmt:gettext node:nodejs certutil:libnss3-tools pg_ctlcluster:postgresql
	$(BIN)/pytest -n 2 --dist worksteal

test-fast: $(DEV_VENV)
	@sh tests/need-debian node:nodejs pg_ctlcluster:postgresql
	$(BIN)/pytest -n 2 --dist worksteal -m "not browser and not slow"

lint: $(DEV_VENV)
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports
	STATION_DATA_DIR=var/lint $(BIN)/python manage.py makemigrations --check --dry-run
	STATION_DATA_DIR=var/lint $(BIN)/python manage.py check --fail-level WARNING

bench: $(DEV_VENV)
	@sh tests/need-debian rsync:rsync restic:restic rclone:rclone sshd:openssh-server chromium:chromium
	$(BIN)/python -m benchmarks.run; rivals=$$?; $(BIN)/python -m benchmarks.browser && exit $$rivals

bench-reading: $(DEV_VENV)
	$(BIN)/python -m benchmarks.indexing
	$(BIN)/python -m benchmarks.reading
	$(BIN)/python -m benchmarks.searching

screenshots: $(DEV_VENV)
	@sh tests/need-debian chromium:chromium
	$(BIN)/python -m docs.screenshots

campaign-kill: $(DEV_VENV)
	KILLS=100 $(BIN)/pytest tests/test_kill.py --timeout=7200

campaign-kill-index: $(DEV_VENV)
	INDEX_KILLS=40 INDEX_MESSAGES=30000 $(BIN)/pytest tests/test_indexing_kill.py --timeout=7200

lock: $(DEV_VENV)
	$(BIN)/uv pip compile --quiet --upgrade --generate-hashes --no-emit-index-url --no-header \
		--python-version 3.11 pyproject.toml -o requirements.lock
	$(BIN)/uv pip compile --quiet --generate-hashes --no-emit-index-url --no-header \
		--python-version 3.11 pyproject.toml --group dev -c requirements.lock -o requirements-dev.lock

messages: $(DEV_VENV)
	$(BIN)/python manage.py makemessages -l zh_Hans --no-obsolete --no-wrap --add-location file -i .venv -i tests
	sed -i '/^"Report-Msgid-Bugs-To/d; /^"POT-Creation-Date/d' backupstation/locale/zh_Hans/LC_MESSAGES/django.po
	$(BIN)/python manage.py compilemessages -i .venv

clean:
	rm -rf .venv .mypy_cache .ruff_cache .pytest_cache .hypothesis
