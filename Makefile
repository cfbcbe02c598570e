# The two commands: `make demo` and `make test`. `make help` lists the rest.
SHELL := /bin/sh
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
WORKERS ?= 4
LICENCES := 'Apache;BSD;ISC;MIT;MPL;Mozilla;PSF;Python Software Foundation'

.DEFAULT_GOAL := help
.PHONY: help install demo test mutate test-infra test-fast simulate chaos seed-at-scale bench check audit check-policies contract format lock package release smoke-aws clean

help: ## List the targets.
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | awk -F ':.*## ' '{printf "  make %-14s %s\n", $$1, $$2}'

$(VENV)/local.stamp: requirements/local.txt pyproject.toml
	@PYTHON="$(PYTHON)" sh scripts/install.sh $(VENV) requirements/local.txt
	@touch $@

$(VENV)/dev.stamp: requirements/dev.txt pyproject.toml
	@PYTHON="$(PYTHON)" sh scripts/install.sh $(VENV) requirements/dev.txt
	@touch $@ $(VENV)/local.stamp

install: $(VENV)/dev.stamp ## Set up .venv with everything, from the lock.

demo: $(VENV)/local.stamp ## Run the whole system here and play 1,000 status changes through it.
	@$(BIN)/fanout demo $(DEMO)

test: install ## Run the tests.
	$(BIN)/pytest -n $(WORKERS) --dist worksteal -m "not exhaustive"

test-exhaustive: install ## Run every test, at every point where a process can be killed, and at scale; an hour and a half.
	$(BIN)/pytest -n $(WORKERS)

test-infra: install ## Terraform: the rules of the modules, and each example on the embedded AWS.
	$(BIN)/pytest -n $(WORKERS) --dist worksteal -m infra

simulate: install ## Play fresh random histories against the guarantees: SEEDS=N [SEED=n].
	@PYTHONPATH=tests $(BIN)/python -m simulation --seeds $(or $(SEEDS),2000) $(if $(SEED),--seed $(SEED)) $(SIMULATE)

chaos: install ## Load and faults on the embedded AWS, then the checkers: MINUTES=N [SEED=n] [RATE=n].
	@PYTHONPATH=tests $(BIN)/python -m chaos --minutes $(or $(MINUTES),1) $(if $(SEED),--seed $(SEED)) $(if $(RATE),--rate $(RATE)) $(CHAOS)

seed-at-scale: install ## Seed a subscriber of many customers while they change: CUSTOMERS=N.
	@PYTHONPATH=tests $(BIN)/python -m seed_at_scale --customers $(or $(CUSTOMERS),100000) $(SEED_AT_SCALE)

bench: install ## What publisher and consumer cost, beside what one would write first: BENCH="--json".
	@$(BIN)/python -m bench $(BENCH)

test-fast: install ## Run the tests that need no processes and no moto; forty seconds.
	$(BIN)/pytest -n logical -m "not slow" tests/architecture tests/contract tests/docs tests/unit

check: install ## Linters, types, import rules, template, secrets, licences.
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports --no-cache
	$(BIN)/cfn-lint infra/sam/template.yaml $(wildcard infra/sam/subscribers/*.yaml)
	sh scripts/secrets.sh $(BIN)
	$(BIN)/pip-licenses --from=mixed --partial-match --allow-only=$(LICENCES) >$(VENV)/licences.txt

audit: install ## Look for known vulnerabilities of what is locked; asks the package index.
	sh scripts/audit.sh $(BIN)

mutate: install ## Change the deciding code in small ways, and list what no test notices; half an hour.
	@sh scripts/mutate.sh $(BIN) $(MUTANTS)

check-policies: install ## checkov and parliament, in a virtual environment of their own.
	sh scripts/policies.sh $(BIN)

contract: install ## Generate what is generated from the schemas and the registry.
	$(BIN)/fanout schema generate

format: install ## Format the code.
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

lock: install ## Lock the dependencies anew, with hashes and without addresses.
	sh scripts/lock.sh $(BIN)

package: $(VENV)/local.stamp ## Build the Lambda packages into dist/.
	$(BIN)/fanout package $(PACKAGE)

release: $(VENV)/local.stamp ## Build a release into dist/: packages, wheel, SBOMs, checksums: RUNTIMES="3.13".
	@sh scripts/release.sh $(BIN) $(RUNTIMES)

smoke-aws: $(VENV)/local.stamp ## Deploy on AWS, drill, tear down: SMOKE="--execute", or "--local".
	$(BIN)/python scripts/smoke_aws.py smoke $(SMOKE)

clean: ## Remove what was built here.
	rm -rf dist build .pytest_cache .mypy_cache .ruff_cache .hypothesis
