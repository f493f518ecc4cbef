# make demo    a Klaviyo on this machine, the site and a worker, with a season of referrals played through them
# make test    everything that can run here
# make bench   the figures of the README, measured here
# make soak    an hour of bad days
# make lint    types, style and the rules of who may import whom
# make lock    for maintainers: renew the locked versions (needs uv)

PYTHON ?= python3
VENV := .venv
export PIP_DISABLE_PIP_VERSION_CHECK := 1

.PHONY: help demo test bench soak lint lock
.DELETE_ON_ERROR:

help:
	@sed -n 's/^# //p' Makefile

# make demo ONCE=1 stops after the table; PORT=8001 SANDBOX_PORT=8101 serves on other ports.
demo: $(VENV)/installed
	@$(VENV)/bin/python manage.py demo $(if $(ONCE),--once) $(if $(PORT),--port $(PORT)) $(if $(SANDBOX_PORT),--sandbox-port $(SANDBOX_PORT))

# make test ONLY="tests/klaviyo -k consent" runs a part.
test: $(VENV)/installed-for-tests $(VENV)-newest-client/installed
	@$(VENV)/bin/python -m tests.run $(ONLY)

# make bench ONLY=claims runs one; QUICK=1 is smaller, to see that it works. AGAINST=a1b2c3d plays that commit and this
# folder in turn, RUNS=5 times each (3), and tells medians and ratios: of what an event costs, unless ONLY says of what.
bench: $(VENV)/installed-for-tests
	@$(VENV)/bin/python -m tests.benchmarks.run $(if $(QUICK),--quick) \
		$(if $(AGAINST),--against $(AGAINST)) $(if $(RUNS),--runs $(RUNS)) $(ONLY)

# make soak MINUTES=5 is shorter.
soak: $(VENV)/installed-for-tests
	@MINUTES=$(MINUTES) $(VENV)/bin/python -m tests.benchmarks.run soak

lint: $(VENV)/installed-for-tests
	$(VENV)/bin/ruff check
	$(VENV)/bin/ruff format --check
	$(VENV)/bin/mypy
	$(VENV)/bin/lint-imports

lock:
	uv pip compile --universal --python-version 3.11 --generate-hashes --no-header --no-annotate --upgrade \
		pyproject.toml --output-file requirements.lock
	uv pip compile --universal --python-version 3.11 --generate-hashes --no-header --no-annotate --upgrade \
		pyproject.toml --group test --constraint requirements.lock --output-file requirements-test.lock
	uv pip compile --universal --python-version 3.11 --generate-hashes --no-header --no-annotate --upgrade \
		--group newest-client --output-file tests/newest-client.lock

$(VENV)/installed: requirements.lock
	@$(call install,$<)
	@touch $@

$(VENV)/installed-for-tests: requirements-test.lock
	@$(call install,$<)
	@touch $(VENV)/installed $@

# The newest official client beside the one of our revision; without a network the test of it says so.
$(VENV)-newest-client/installed: tests/newest-client.lock | $(VENV)/installed-for-tests
	@$(VENV)/bin/python -m tests.klaviyo.sandbox.newest_client >/dev/null || true

define install
	$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' \
		|| { echo "Python 3.11 or newer is needed: apt-get install python3, or name one with PYTHON=..."; exit 1; }; \
	$(PYTHON) -c 'import ensurepip' 2>/dev/null \
		|| { echo "Python cannot make environments here yet: apt-get install python3-venv"; exit 1; }; \
	echo "Installing the packages of $(1) into $(VENV), once ..."; \
	$(PYTHON) -m venv $(VENV) && $(VENV)/bin/pip install -qq --require-hashes --requirement $(1)
endef
