# Every target is one command that can be typed without make as well.

SOAK_SEEDS  ?= 100000
SOAK_CHECKS ?= 5000
BENCH       ?= .
BENCH_COUNT ?= 10
GREMLINS    ?= github.com/go-gremlins/gremlins/cmd/gremlins@v0.6.0

.DEFAULT_GOAL := help
.PHONY: help demo test check race cover fmt build bench counts capacity mutants time-to-find soak gremlins clean

help: ## list the targets
	@awk -F ':.*## ' '/^[a-z]+:.*## / { printf "  %-8s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

demo: ## run a campaign of chaos against the built-in driver
	go run ./cmd/holdfast run

test: ## run all tests
	go test ./...

check: ## run what CI runs
	.ci/run

race: ## run the tests with the race detector
	.ci/run race

cover: ## hold the product's packages to their test coverage
	.ci/run cover

fmt: ## format the code
	gofmt -w $$(git ls-files '*.go')

build: ## build a static binary into bin/
	CGO_ENABLED=0 go build -trimpath -o bin/holdfast ./cmd/holdfast

bench: ## run the benchmarks, in the format that benchstat reads
	go test -run '^$$' -bench '$(BENCH)' -benchmem -count $(BENCH_COUNT) ./benchmarks/...

counts: ## write the counts anew that CI compares with
	go run ./cmd/holdfast bench --counts --sizes 100,1000,10000 --samples 10 -o bench >benchmarks/counts.txt

capacity: ## measure what docs/capacity.md tells; three minutes, three gigabytes
	go run ./cmd/holdfast bench --sizes 100,1000,10000,100000,1000000 --plot docs/capacity.svg >docs/capacity.txt
	go run ./cmd/holdfast bench sim >>docs/capacity.txt
	go run ./cmd/holdfast bench capacity --plot docs/arrivals.svg >docs/arrivals.txt

time-to-find: ## how soon random, PCT and perturbation find each mutant; an hour and a half
	go run ./cmd/holdfast mutants --strategies random,pct,perturb --seeds 40

mutants: ## break the driver and the harness in many ways, and see whether each is found
	go run ./cmd/holdfast mutants

soak: ## run SOAK_SEEDS seeds (100000), and properties SOAK_CHECKS times (5000)
	go run ./cmd/holdfast run --seeds 1-$(SOAK_SEEDS)
	RAPID_CHECKS=$(SOAK_CHECKS) go test -count=1 -timeout 6h ./attachment/... ./reconciler ./model/... ./scenarios ./sim/... ./internal/stock

gremlins: ## mutate the product with gremlins; its own unit tests are to notice
	GOFLAGS=-vet=off go run $(GREMLINS) unleash ./reconciler
	GOFLAGS=-vet=off go run $(GREMLINS) unleash ./attachment

clean: ## remove what was built and what runs have left
	rm -rf bin holdfast-out
