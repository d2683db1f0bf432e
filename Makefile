# Nothing but Go is needed (and gcc, for the race detector). What PostgreSQL stores is tested where initdb and postgres are
# found; DOGEAR_REQUIRE_POSTGRES=1 makes their absence a failure.

GO       ?= go
GOLANGCI ?= $(GO) run github.com/golangci/golangci-lint/v2/cmd/golangci-lint@v2.15.0
T        ?= 30s

# The modules of PostgreSQL; the root links no driver.
POSTGRES = state/pgstore examples/novel/postgres

# The dashboard's pages in a real Chromium: tests and pictures, in a module of their own. DOGEAR_REQUIRE_BROWSER=1 makes it
# a failure that there is none.
BROWSER = controller/dashboard/browser

.PHONY: test lint fmt bench fuzz cover soak screenshots

test: ## every test, with the race detector
	$(GO) test -race -timeout 20m ./...
	cd examples/langchain && $(GO) test -race -timeout 5m ./...
	@command -v chromium chromium-browser google-chrome >/dev/null || echo "NO CHROMIUM: the dashboard is not tested in a browser"
	cd $(BROWSER) && $(GO) test -race -timeout 10m ./...
	@set -e; for dir in $(POSTGRES); do (set -x; cd $$dir && $(GO) test -race -timeout 20m ./...); done

lint: ## the linters of .golangci.yml
	$(GOLANGCI) run ./...
	@set -e; root=$$PWD; for dir in $(POSTGRES) $(BROWSER); do (set -x; cd $$dir && $(GOLANGCI) run -c $$root/.golangci.yml ./...); done

fmt:
	gofmt -w $$($(GO) list -f '{{.Dir}}' ./...) $(POSTGRES)

bench: ## what durability and the guard cost, how well limits are used (the figures of the README), and every benchmark
	$(GO) run ./workflow/internal/bench
	$(GO) run ./providers/internal/bench
	$(GO) run ./controller/dashboard/internal/bench
	cd state/pgstore && $(GO) run ./internal/bench
	$(GO) test -run '^$$' -bench . -benchmem -timeout 60m ./...

fuzz: ## every fuzz target for a time: make fuzz T=10m
	@set -e; for pkg in $$($(GO) list ./...); do \
		for target in $$($(GO) test -list '^Fuzz' $$pkg | grep '^Fuzz' || true); do \
			echo "== $$pkg $$target"; \
			$(GO) test -run '^$$' -fuzz "^$$target$$" -fuzztime $(T) -fuzzminimizetime 20x $$pkg; \
		done; \
	done

cover: ## coverage of all packages by all tests, in coverage.out and coverage.html
	$(GO) test -coverpkg=./... -coverprofile=coverage.out ./...
	$(GO) tool cover -html=coverage.out -o coverage.html
	@$(GO) tool cover -func=coverage.out | tail -n 1

soak: ## every test, those that sample with many more samples
	DOGEAR_SOAK=1 $(GO) test -race -count=1 -timeout 24h ./...
	@set -e; for dir in $(POSTGRES); do (set -x; cd $$dir && DOGEAR_SOAK=1 $(GO) test -race -count=1 -timeout 24h ./...); done

screenshots: ## the pictures of the dashboard's pages, light and dark, wide and narrow
	cd $(BROWSER) && $(GO) run . -o ../pictures
