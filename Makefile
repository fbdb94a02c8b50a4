# Everything here needs only Go and a C compiler, but assets and e2e, which need Node.

GO      ?= go
BIN     := bin/todosync
VERSION ?= $(shell git describe --tags --always --dirty 2>/dev/null || echo dev)
TOOL    := $(GO) tool -modfile=tools.mod
# ./testdata holds the samples; the Go tool leaves folders of that name out of ./...
PACKAGES := ./... ./testdata
FUZZTIME ?= 30s
BENCH_JSON ?= bench.json
# of make chaos and make soak: 0 and empty are the scenarios' own
SEED     ?= 0
KILLS    ?= 0
MINUTES  ?= 0
SCENARIO ?=

.DEFAULT_GOAL := help
.PHONY: help build run demo test race cover fuzz generate assets e2e bench microbench chaos soak lint fmt tidy check clean

help: ## show this list
	@grep -hE '^[a-z0-9]+:.*## ' $(MAKEFILE_LIST) | awk -F ':.*## ' '{printf "  make %-10s %s\n", $$1, $$2}'

build: ## build ./bin/todosync
	$(GO) build -trimpath -ldflags "-s -w -X main.version=$(VERSION)" -o $(BIN) ./cmd/todosync

run: build ## build, then run the demo: worker, embedded NATS, simulated OAs, sample events
	./$(BIN) demo

demo: run ## the same as run

test: ## all tests, with the race detector
	$(GO) test -race -timeout 20m $(PACKAGES)

race: ## all tests with the race detector, in random order, uncached
	$(GO) test -race -shuffle=on -count=1 -timeout 20m $(PACKAGES)

cover: ## test coverage per function, and coverage.html
	$(GO) test -timeout 10m -coverpkg=./... -coverprofile=coverage.out $(PACKAGES)
	$(GO) tool cover -html=coverage.out -o coverage.html
	$(GO) tool cover -func=coverage.out | tail -1

fuzz: ## every fuzz target for FUZZTIME (30s)
	@set -e; for dir in $$(grep -rlE '^func Fuzz' --include='*_test.go' . | xargs -n1 dirname | sort -u); do \
		for target in $$(grep -hoE '^func Fuzz[A-Za-z0-9_]+' $$dir/*_test.go | sed 's/^func //'); do \
			echo "== $$dir $$target"; $(GO) test -run '^$$' -fuzz "^$$target$$" -fuzztime $(FUZZTIME) $$dir; \
		done; \
	done

generate: ## Go from the console's pages (*.templ)
	$(TOOL) templ generate -path web/console

assets: ## the console's scripts and styles, from web/console/assets; needs Node
	cd web/console/assets && npm ci --ignore-scripts --no-audit --no-fund && npm run build

e2e: build ## browser tests of the console, pictures in web/e2e/output; needs Node 20 or later and chromium
	cd web/e2e && npm ci --ignore-scripts --no-audit --no-fund && TODOSYNC=$(abspath $(BIN)) npm test

bench: build ## the limits and todosync side by side, tables and bench.json; QUICK=1: under 3 minutes
	$(GO) run ./internal/bench $(if $(QUICK),-quick) -todosync $(BIN) -json $(BENCH_JSON) $(BENCH_FLAGS)

microbench: ## the Go benchmarks of all packages; BENCH_FLAGS=-benchtime=1x: each once
	$(GO) test -run '^$$' -bench . -benchmem $(BENCH_FLAGS) $(PACKAGES)

chaos: ## long forms of all fault scenarios; SEED=7 KILLS=1000 SCENARIO=Kills plays a part
	$(GO) test -count=1 -v -timeout 0 -parallel 1 ./internal/chaos -run '^Test$(SCENARIO)' -skip '^TestSoak' -args -long -seed=$(SEED) -kills=$(KILLS)

soak: ## half the peak load for MINUTES (30): memory, goroutines, files and disk stay flat
	$(GO) test -count=1 -v -timeout 0 ./internal/chaos -run '^TestSoak$$' -args -long -seed=$(SEED) -minutes=$(MINUTES)

lint: ## vet and the linters of .golangci.yml
	$(GO) vet $(PACKAGES)
	$(TOOL) golangci-lint run

fmt: ## format all Go files
	$(TOOL) gofumpt -w .

tidy: ## bring go.mod in order
	$(GO) mod tidy

check: ## what CI runs: formatting, lint, tests
	@out=$$($(TOOL) gofumpt -l .); if [ -n "$$out" ]; then echo "not formatted (make fmt):"; echo "$$out"; exit 1; fi
	$(MAKE) lint race

clean: ## remove what the other targets made
	rm -rf bin bench.json coverage.out coverage.html data/demo
