# gearbridge: `make` tells what there is to do.

VENV := .venv
BIN := $(VENV)/bin

.DEFAULT_GOAL := help
.PHONY: help demo demo-postgres test lint format docs bench soak screenshots packages venv clean
.DELETE_ON_ERROR:

help: ## Tell what there is to do
	@echo 'make TARGET, where TARGET is one of:'
	@sed -n 's/^\([a-z-]*\):.*## \(.*\)/  \1|\2/p' Makefile | while IFS='|' read -r name text; do printf '%-16s %s\n' "$$name" "$$text"; done

demo: $(VENV)/.demo ## See an INSERT become a job, and a worker resize its picture (needs python3 only)
	@$(BIN)/gearbridge demo

demo-postgres: $(VENV)/.demo ## The same from a temporary PostgreSQL with the extension
	@.ci/test-packages
	@$(BIN)/gearbridge demo --postgres

test: packages lint ## Check everything: installs what is missing, then lint, types and tests
	GEARBRIDGE_TEST_COVERAGE=1 $(BIN)/pytest --numprocesses=auto --dist=loadfile --no-loadscope-reorder

lint: $(VENV)/.dev ## Check style and types
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

format: $(VENV)/.dev ## Write the code as `make lint` wants it
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

docs: $(VENV)/.dev ## Make the site of docs/ in build/docs, and fail where a link leads nowhere
	NO_MKDOCS_2_WARNING=1 $(BIN)/mkdocs build --strict --config-file .ci/mkdocs.yml
	@echo "The site is at build/docs/index.html"

bench: packages $(VENV)/.bench ## Measure jobs/s and latencies of gearbridge and, beside it, of gearmand and other queues
	$(BIN)/python -m tests.bench.versus_gearmand
	$(BIN)/python -m tests.bench.direct_calls
	$(BIN)/python -m tests.bench.sql_queue
	$(BIN)/python -m tests.bench.sql_peers
	$(BIN)/python -m tests.bench.sql_table_size
	$(BIN)/python -m tests.bench.many_functions
	$(BIN)/python -m tests.bench.deep_queue
	$(BIN)/python -m tests.bench.deeper_than_memory
	$(BIN)/python -m tests.bench.nodes
	$(BIN)/python -m tests.bench.watched

soak: packages $(VENV)/.dev ## The long versions: more kills, more random histories (some hours)
	GEARBRIDGE_TEST_KILLS=50 GEARBRIDGE_TEST_TRANSACTIONS=10000 GEARBRIDGE_TEST_DATABASE_KILLS=10 GEARBRIDGE_TEST_EXAMPLES=20000 \
		GEARBRIDGE_TEST_FAILOVERS=10 GEARBRIDGE_TEST_NODE_KILLS=180 GEARBRIDGE_TEST_NODE_PAUSES=30 GEARBRIDGE_TEST_NODE_WORKERS=16 \
		GEARBRIDGE_TEST_NODE_OUTAGES=60 GEARBRIDGE_TEST_NODE_OUTAGE_SECONDS=20 GEARBRIDGE_TEST_NODE_COUNTS=200 GEARBRIDGE_TEST_NODE_CUTS=10 \
		GEARBRIDGE_TEST_TAKEN_CANCELS=1000 GEARBRIDGE_TEST_TAKEN_TIME_OUTS=100 GEARBRIDGE_TEST_TAKEN_LEASES=50 \
		GEARBRIDGE_TEST_IDENTITY_JOBS=100000 GEARBRIDGE_TEST_FUZZ_SECONDS=300 GEARBRIDGE_TEST_FUZZ_STREAMS=100000 GEARBRIDGE_TEST_FUZZ_SEED=$$(date +%s) \
		GEARBRIDGE_TEST_ATTACKERS=200 GEARBRIDGE_TEST_SLOW_MEGABYTES=400 GEARBRIDGE_TEST_EARLY_SUBMITS=50000 GEARBRIDGE_TEST_SLOW_LINE_JOBS=1000 \
		GEARBRIDGE_TEST_LARGE_JOBS=100 GEARBRIDGE_TEST_SLOW_DISK_JOBS=5000 \
		$(BIN)/pytest tests/server/test_memory.py tests/server/test_slow_readers.py tests/server/test_slow_lines.py tests/server/test_large_jobs.py tests/server/test_slow_disk.py tests/server/test_durability.py tests/server/test_database_outage.py tests/server/test_failover.py tests/server/test_failover_of_a_group.py tests/server/test_nodes.py tests/server/test_node_outages.py \
		tests/server/test_identity.py tests/interop/test_taken_jobs.py tests/core/test_engine_fuzz.py tests/core/test_nodes.py tests/fuzz tests/stores/test_atomicity.py tests/bridge

screenshots: packages $(VENV)/.dev ## Take the pictures of the dashboard in docs/images anew
	$(BIN)/python -m tests.dashboard.screenshots

packages: ## Install what the tests run against: Debian's packages, Node's libraries
	@.ci/test-packages

venv: $(VENV)/.dev ## Make the virtual environment for development

clean: ## Remove what the other targets made
	rm -rf $(VENV) build dist demo-out .mypy_cache .pytest_cache .ruff_cache .hypothesis

# Each environment holds everything of the one before it, and is brought up to date when pyproject.toml changes.
$(VENV)/.demo: pyproject.toml .ci/venv
	@.ci/venv $(VENV) demo
	@touch $@

$(VENV)/.dev: pyproject.toml .ci/venv
	@.ci/venv $(VENV) demo,dev,docs
	@touch $(VENV)/.demo $@

$(VENV)/.bench: $(VENV)/.dev tests/bench/peers/node/package-lock.json
	@.ci/venv $(VENV) demo,dev,docs,bench
	@npm ci --prefix tests/bench/peers/node --no-audit --no-fund --ignore-scripts --loglevel=error
	@touch $(VENV)/.demo $(VENV)/.dev $@
