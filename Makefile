# One virtual environment, made on first use and again when the dependencies change.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
AIRFLOW := .airflow
ORCHESTRATORS := .orchestrators
WAREHOUSES := .warehouses
SPARK := .spark
DESTINATIONS := .destinations
FAKESNOW := .fakesnow
DBT := .dbt_environment
DOCS := .docs_environment
BROWSER := .browser
# A comma that does not end an argument of call.
, := ,
READY := $(VENV)/.ready
SEEDS ?= 2000
KILLS ?= 50

# $(call environment,FOLDER,ARGUMENTS): a virtual environment; ARGUMENTS go to pip install.
define environment
	$(PYTHON) -m venv --clear $(1)
	$(1)/bin/python -m pip install --quiet --disable-pip-version-check --upgrade 'pip>=25.1'
	$(1)/bin/python -m pip install --quiet --disable-pip-version-check $(2)
endef

.DEFAULT_GOAL := help
.PHONY: help run test search simulate slow torture bench airflow dbt models pages docs orchestrators warehouses spark destinations fakesnow readers browser pictures pythons check format build clean

help: ## Show this list
	@grep -hE '^[a-z]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 12

$(READY): pyproject.toml constraints.txt
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' \
		|| { echo "Python 3.11 or later is needed; set PYTHON=/path/to/it"; exit 1; }
	$(call environment,$(VENV),--constraint constraints.txt --group dev \
		--editable '.[metrics$(,)report$(,)sandbox]')
	@touch $@

run: $(READY) ## Load from Twilio if credentials are set, else from the sandbox
	@if [ -n "$$TWILIO_AUTH_TOKEN$$TWILIO_API_KEY_SECRET" ] || [ -f .dlt/secrets.toml ]; \
		then $(BIN)/comms load; else $(BIN)/comms demo --html comms_demo.html; fi

test: $(READY) ## Run the quick tests, in four to five minutes
	$(BIN)/python -m pytest -q --numprocesses 2 --dist worksteal

search: $(READY) ## Run all tests with other examples of each property each time
	HYPOTHESIS_PROFILE=search $(BIN)/python -m pytest -q -m "" --numprocesses 2 --dist worksteal

simulate: $(READY) ## Live through thousands of made-up accounts (SEEDS=2000)
	$(BIN)/python -m tests.simulation.play 1 $(SEEDS)

slow: $(READY) ## Run the other tests: several loads each, weeks of loads, large loads
	$(BIN)/python -m pytest -q -m slow --numprocesses 2 --dist worksteal

torture: $(READY) ## Kill a first load at 50 random moments and look what is lost (KILLS=50)
	$(BIN)/python -m tests.torture --kills $(KILLS)

bench: $(READY) ## Measure a first load beside others, and what else costs time (takes a quarter of an hour)
	$(BIN)/python -m tests.bench --environments .bench
	$(BIN)/python -m tests.bench.cases --large

airflow: $(READY) $(AIRFLOW)/.ready ## Run both DAGs on a real Airflow against the sandbox
	AIRFLOW_ENVIRONMENT=$(AIRFLOW) $(BIN)/python -m pytest -q -x tests/airflow

$(AIRFLOW)/.ready: pyproject.toml tests/airflow/constraints.txt
	$(call environment,$(AIRFLOW),--constraint tests/airflow/constraints.txt \
		apache-airflow asyncpg --editable '.[postgres$(,)report$(,)sandbox]')
	@touch $@

orchestrators: $(READY) $(ORCHESTRATORS)/.ready ## Run the pipelines for Dagster and Prefect against the sandbox
	ORCHESTRATORS_ENVIRONMENT=$(ORCHESTRATORS) $(BIN)/python -m pytest -q --durations=2 tests/orchestrators

$(ORCHESTRATORS)/.ready: pyproject.toml tests/orchestrators/constraints.txt
	$(call environment,$(ORCHESTRATORS),--constraint tests/orchestrators/constraints.txt \
		dagster dagster-dlt prefect --editable '.[sandbox]')
	@touch $@

dbt: $(READY) $(DBT)/.ready ## Build the dbt package on DuckDB and PostgreSQL, and turn it red
	DBT_ENVIRONMENT=$(DBT) $(BIN)/python -m pytest -q --numprocesses 2 --dist worksteal tests/dbt

$(DBT)/.ready: tests/dbt/constraints.txt
	$(call environment,$(DBT),--constraint tests/dbt/constraints.txt dbt-core dbt-duckdb dbt-postgres)
	@touch $@

models: $(READY) ## Write the generated files of the dbt package again
	$(BIN)/python -m comms_source.views.dbt

pages: $(READY) ## Write docs/commands.md and docs/columns.md again
	$(BIN)/python -m tests.docs.generate

docs: $(READY) $(DOCS)/.ready ## Build the site of the documentation into site/, and check it
	NO_MKDOCS_2_WARNING=1 PYTHONDONTWRITEBYTECODE=1 $(DOCS)/bin/mkdocs build --quiet
	SITE=site $(BIN)/python -m pytest -q tests/docs/test_site.py

$(DOCS)/.ready: tests/docs/constraints.txt
	$(call environment,$(DOCS),--constraint tests/docs/constraints.txt mkdocs mkdocs-material)
	@touch $@

warehouses: $(WAREHOUSES)/.ready ## Check what warehouses with an account would be sent; ClickHouse runs
	$(WAREHOUSES)/bin/python -m pytest -q tests/warehouses

$(WAREHOUSES)/.ready: pyproject.toml tests/warehouses/constraints.txt
	$(call environment,$(WAREHOUSES),--constraint tests/warehouses/constraints.txt \
		--group warehouses --editable '.[sandbox]')
	@touch $@

spark: $(SPARK)/.ready ## Load in Databricks' dialect into Spark, which needs Java 17
	SPARK_LOCAL_IP=127.0.0.1 $(SPARK)/bin/python -m pytest -q --durations=3 tests/spark

$(SPARK)/.ready: pyproject.toml tests/spark/constraints.txt
	$(call environment,$(SPARK),--constraint tests/spark/constraints.txt \
		--group spark --editable '.[sandbox]')
	@touch $@

destinations: $(DESTINATIONS)/.ready ## Load into each kind of destination, and compare what they answer
	$(DESTINATIONS)/bin/python -m pytest -q tests/destinations

fakesnow: $(DESTINATIONS)/.ready $(FAKESNOW)/.ready ## Load into fakesnow in Snowflake's dialect, and compare what it answers
	FAKESNOW_ENVIRONMENT=$(FAKESNOW) $(DESTINATIONS)/bin/python -m pytest -q -k fakesnow tests/destinations

$(FAKESNOW)/.ready: tests/destinations/fakesnow_constraints.txt
	$(call environment,$(FAKESNOW),--constraint tests/destinations/fakesnow_constraints.txt 'fakesnow[server]')
	@touch $@

readers: $(DESTINATIONS)/.ready ## Read with eight processes all through a load of 100,000 operations
	$(DESTINATIONS)/bin/python -m tests.destinations.readers

$(DESTINATIONS)/.ready: pyproject.toml tests/destinations/constraints.txt
	$(call environment,$(DESTINATIONS),--constraint tests/destinations/constraints.txt \
		--group test --group destinations --editable '.[lake$(,)postgres$(,)sandbox]')
	@touch $@

browser: $(BROWSER)/.ready ## Test the page of the report in Chromium: keyboard, console, accessibility
	$(BROWSER)/bin/python -m pytest -q tests/report/test_report_browser.py

pictures: $(BROWSER)/.ready ## Draw docs/pictures again, from the demo's story at a fixed time
	$(BROWSER)/bin/python -m tests.pictures

$(BROWSER)/.ready: pyproject.toml constraints.txt tests/report/package.json
	$(call environment,$(BROWSER),--constraint constraints.txt --group test --group browser \
		--editable '.[report$(,)sandbox]')
	cp tests/report/package.json $(BROWSER)/
	npm install --prefix $(BROWSER) --no-package-lock --no-audit --no-fund --silent
	@touch $@

pythons: $(READY) ## Load and test with the wheel in each version of Python that is here
	$(BIN)/python -m tests.pythons --environments .pythons

check: $(READY) ## Lint, check the format, the types and the imports between folders
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports --no-logo

format: $(READY) ## Put the code into shape
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

build: $(READY) ## Build wheel and sdist into dist/
	$(BIN)/python -m build --quiet

clean: ## Remove everything that make has made
	rm -rf $(VENV) $(AIRFLOW) $(ORCHESTRATORS) $(DBT) $(DOCS) $(BROWSER) site .bench .pythons $(WAREHOUSES) $(SPARK) $(DESTINATIONS) $(FAKESNOW) dist build .pytest_cache .mypy_cache .ruff_cache .hypothesis
