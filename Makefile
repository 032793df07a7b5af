# POSIX sh and GNU make 3.81 are enough, so that this works on macOS as it comes.
SHELL = /bin/sh
.DEFAULT_GOAL = help
# Nothing may follow the last line of a target that ends with a result, in a make under make.
MAKEFLAGS += --no-print-directory

VERSION      := $(shell git describe --tags --always --dirty 2>/dev/null || echo devel)
GOLANGCI     := .tools/golangci-lint-v2.15.0
GO_SOURCES   := doc.go arch_test.go cmd events orchestrator participants storage .ci
PACKAGES     := ./... ./.ci/testreport ./.ci/docs ./.ci/mutants ./.ci/conformance
RACE         ?= $(if $(filter 1,$(shell go env CGO_ENABLED)),-race)# it needs a C compiler
TEST_TIMEOUT ?= 15m
FUZZTIME     ?= 30s

.PHONY: help
help: ## explain each target
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-12s %s\n", $$1, $$2 }' Makefile

.PHONY: build
build: ## compile the static binary bin/expunge
	CGO_ENABLED=0 go build -trimpath -buildvcs=false -ldflags '-s -w -X main.version=$(VERSION)' -o bin/expunge ./cmd/expunge

# The last line of its output is one JSON object: nothing may be printed after it.
.PHONY: demo
demo: build ## erase one of a thousand people from real stores, and prove it
	@bin/expunge demo

.PHONY: test
test: ## run all tests with the race detector, and name each real server not covered
	$(if $(RACE),,@echo "no C compiler: testing without the race detector")
	go run ./.ci/testreport $(RACE) -timeout $(TEST_TIMEOUT) $(TESTFLAGS) $(PACKAGES)

.PHONY: test-peers
test-peers: ## install and start the real servers, and run all tests against them
	.ci/with-peers $(MAKE) test

.PHONY: conformance
conformance: ## install and start the real servers, and score every adapter at each of them
	.ci/with-peers go run ./.ci/conformance

# A module of its own. The last line of its output is one JSON object.
.PHONY: torture
torture: ## real processes, real faults, an independent checker: 3 to 6 minutes
	@cd .ci/torture && go run . $(TORTUREFLAGS)

DURATION ?= 1h
.PHONY: torture-long
torture-long: ## the same for DURATION (1h)
	@cd .ci/torture && go run . -duration $(DURATION) $(TORTUREFLAGS)

.PHONY: mutants
mutants: ## plant known bugs in a copy of the tree, and see each caught; MUTANTS="name ..." for some
	go run ./.ci/mutants $(MUTANTS)

MODEL_STEPS ?= 5000000
.PHONY: model
model: ## play MODEL_STEPS (5000000) random steps through the core, and hold it to every rule
	EXPUNGE_MODEL_STEPS=$(MODEL_STEPS) go test -count=1 -timeout 0 -run '^TestModelSteps$$' ./orchestrator/saga -v

MODEL_RACES ?= 10000
.PHONY: races
races: ## let MODEL_RACES (10000) cancels race the pivot
	EXPUNGE_MODEL_RACES=$(MODEL_RACES) go test -count=1 -timeout 0 -run '^TestCancelAgainstPivot$$' ./orchestrator/saga -v

.PHONY: fuzz
fuzz: ## run every fuzz test for FUZZTIME (30s) each; FUZZTIME=0 runs their seeds only
	.ci/fuzz $(FUZZTIME)

.PHONY: fmt
fmt: ## format all sources
	go tool -modfile=go.tool.mod gofumpt -l -w $(GO_SOURCES)

.PHONY: lint
lint: $(GOLANGCI) ## run golangci-lint (built into .tools the first time, which takes minutes)
	$(GOLANGCI) run ./...

# Built in a module of its own: with the other tools its many dependencies would decide
# their versions. The file's name is the stamp.
$(GOLANGCI):
	rm -rf .tools/golangci-lint && mkdir -p .tools/golangci-lint
	cd .tools/golangci-lint && go mod init tool && \
		go get github.com/golangci/golangci-lint/v2@$(patsubst .tools/golangci-lint-%,%,$@) && \
		CGO_ENABLED=0 go build -mod=mod -trimpath -o ../../$@ github.com/golangci/golangci-lint/v2/cmd/golangci-lint

.PHONY: check
check: ## what is quick to check without a server: format, go.mod, vet, import rules
	@unformatted=$$(gofmt -l $(GO_SOURCES)); [ -z "$$unformatted" ] || { echo "gofmt: $$unformatted"; exit 1; }
	go mod tidy -diff
	go vet $(PACKAGES)
	go test -count=1 .
	cd .ci/torture && go mod tidy -diff && go vet ./...

.PHONY: ci
ci: ## everything that must pass before a change lands; a server not covered is a failure
	$(MAKE) check
	$(MAKE) build
	$(MAKE) lint
	$(MAKE) fuzz FUZZTIME=0
	$(MAKE) test RACE=-race
	$(MAKE) test-peers RACE=-race
	$(MAKE) model
	$(MAKE) races
	.ci/demo
	cd .ci/torture && go test ./...
	$(MAKE) torture

.PHONY: nightly
nightly: ## what takes longer than a change can wait for
	$(MAKE) model MODEL_STEPS=50000000
	$(MAKE) races MODEL_RACES=100000
	$(MAKE) mutants
	$(MAKE) torture-long
	$(MAKE) restores
	$(MAKE) races-real

RESTORES ?= 50
.PHONY: restores
restores: ## put back RESTORES (50) backups of different ages under traffic
	EXPUNGE_RESTORES=$(RESTORES) go test -count=1 -timeout 60m -run '^TestRestoresUnderTraffic$$' -v ./orchestrator

RACES ?= 10000
.PHONY: races-real
races-real: ## let RACES (10000) cancels race the pivot, with everything real
	EXPUNGE_RACES=$(RACES) go test -count=1 -timeout 60m -run '^TestACancelRacesThePivot$$' -v ./orchestrator

.PHONY: clean
clean: ## remove what was built and installed here
	rm -rf bin .tools .peers
