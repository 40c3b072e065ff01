# make run [ARGS="open Hello"]   build stoa and run it
# make test                      everything that must hold
# make page                      the page: types, tests, and that its build is what is checked in
# make e2e [E2ETEST=story]       the page of real nodes in a real browser; a minute
# make browsers [E2ETEST=story]  the same in Firefox and in WebKitGTK; ten minutes
# make pagesoak [SOAKTIME=10m]   the page over a room of 520 people, for so long
# make screens [SCREENS=room]    pictures of the page, into cmd/stoa/ui/screens
# make bench                     the figures, in a table at the end; five minutes
# make relaybench                what a relay costs, beside other ways; fifteen minutes
# make crowd [LISTENERS=400]     crowds behind relays, real processes; ten minutes
# make lines [SCENE='loss 5']    a voice on lossy, slow and thin lines, as root on Linux; eight minutes
# make sim [SIMTIME=10m]         10,000 members in virtual time; about as long in real time
# make sound [TABLE=Echo]        tables of echo, noise, clocks and word errors; ten minutes
# make lab [LAB=all] [RUN=nat]   real programs behind NATs and firewalls, as root on Linux
# make packages                  a .deb and an .rpm in bin/packages, tried out first; two minutes
# make fuzz [FUZZTIME=1m]        every fuzz target for a while
#
# The first thing that each does is to install what is missing: see .ci/need.

# nolibopusfile leaves out a C library that nothing here uses.
TAGS := -tags nolibopusfile
FUZZTIME := 1m
LISTENERS := 400
SIMTIME := 10m
SHAPES := 1:50 1:200 1:500 1:1000 5:100
PACKAGES := identity node room audio cmd

# STRICT=1 fails when a test is skipped; TESTFLAGS are further flags of go test.
STRICT :=
TESTFLAGS :=

export CGO_ENABLED := 1

.PHONY: run build need test check page need-e2e e2e browsers pagesoak screens bench relaybench crowd sim sound lab lines packages fuzz clean

run: build
	@bin/stoa $(ARGS)

build: need
	@go build -trimpath $(TAGS) -o bin/stoa ./cmd/stoa

need:
	@.ci/need

check: need
	@unformatted=$$(gofmt -l $(PACKAGES) .ci) && if [ -n "$$unformatted" ]; then \
		echo "not as gofmt writes it:" $$unformatted >&2; exit 1; fi
	go vet $(LABTAGS),sound ./...
	go tool staticcheck $(LABTAGS),sound ./...
	CGO_ENABLED=0 go build -o /dev/null ./cmd/stoa
	go vet .ci/*.go
	go test .ci/*.go
	go vet .ci/figures/*.go
	go test .ci/figures/*.go

# Three runs. Under the race detector, which is slow and of no use to a loop over
# every flipped bit, loops are shorter (-short). Then everything whole, without it.
# The real processes come last and alone: they keep real time, which on a machine
# busy with other tests nobody can. Those that run side by side do little but wait, so
# there may be more of them than processors.
#
# -cpu 1 until this needs Go 1.27: before it, the race detector has one state for all
# timers of a testing/synctest bubble, and two goroutines that run timers of theirs on
# two processors at once corrupt it; the program then dies of SIGSEGV in the runtime
# (golang/go#78156). The detector compares what is synchronised with what, so it finds
# races on one processor too, and the packages still run beside each other.
#
# The arithmetic of curves and of scrypt goes without the race detector. It works on
# numbers of its own that nobody shares, and slowed down it was most of the time.
#
# The packages go backwards: room takes the longest and must not begin last.
RACE := -race -cpu 1 -short $(patsubst %,-gcflags=%=-race=false,crypto/internal/fips140/edwards25519/... golang.org/x/crypto/scrypt)
VERDICT = go run .ci/verdict.go $(if $(STRICT),-strict)
PURE = $$(go list $(TAGS) ./... | grep -v /process$$ | sort -r)

test: check page
	@.ci/need sound
	@.ci/need desktop
	$(VERDICT) -limit 10m -- $(RACE) -timeout 8m $(TAGS) $(TESTFLAGS) $(PURE)
	$(VERDICT) -limit 6m -- -timeout 5m $(TAGS) $(TESTFLAGS) $(PURE)
	$(VERDICT) -limit 8m -- -timeout 8m -parallel 6 $(TAGS) $(TESTFLAGS) ./cmd/stoa/process
	$(MAKE) e2e

# Those who only run stoa need nothing of what follows: the page's build is checked in.
PAGE := cmd/stoa/ui/page
E2E := cmd/stoa/ui/e2e
E2ETEST := *

# npm writes this file when it is done, so it installs again when the list has changed.
%/node_modules/.package-lock.json: %/package-lock.json
	@.ci/need page
	npm --prefix $* ci
	@touch $@

page: $(PAGE)/node_modules/.package-lock.json
	npm --prefix $(PAGE) run check
	npm --prefix $(PAGE) test
	@! grep -rnE '\b(test|it|describe)\.(skip|todo|only)\b' $(PAGE)/src $(PAGE)/pack || { echo 'a test of the page does not run' >&2; exit 1; }
	@! grep -n '"resolved"' $(PAGE)/package-lock.json $(E2E)/package-lock.json || { \
		echo 'an address of a registry does not belong into package-lock.json' >&2; exit 1; }
	npm --prefix $(PAGE) run build -- --outDir $(CURDIR)/bin/page --emptyOutDir
	@node $(PAGE)/pack/compare.js bin/page cmd/stoa/ui/dist || { \
		echo "cmd/stoa/ui/dist is not what its sources build: npm run build in $(PAGE), and check it in" >&2; exit 1; }

# What the tests of the page run beside the program.
need-e2e: build $(E2E)/node_modules/.package-lock.json
	@go build -trimpath -o bin/heard ./cmd/stoa/ui/e2e/heard
	@go build -trimpath -o bin/expired ./cmd/stoa/ui/e2e/expired
	@go build -trimpath $(TAGS) -o bin/uitest ./cmd/stoa/ui/uitest

e2e: need-e2e
	cd $(E2E) && STRICT=$(STRICT) node --test --test-concurrency=1 --test-reporter=./lib/verdict.js lib/verdict.test.js $(E2ETEST).test.js

# What people do and see, and what other sites try, in browsers of other makes.
# On a screen of their own that nobody sees, since they copy and paste. A browser for each
# person, asked by one word after the other, takes its time.
browsers: E2ETEST := story truth looks screens strangers
browsers: need-e2e
	@.ci/need browsers
	@cd $(E2E) && failed=; for browser in firefox webkit; do \
		echo "in $$browser"; \
		DRIVE=$$browser STRICT=$(STRICT) PATIENCE=80000 xvfb-run -a -s '-screen 0 1600x1200x24' node --test --test-concurrency=1 \
			--test-reporter=./lib/verdict.js lib/tab.test.js $(E2ETEST:%=%.test.js) || failed="$$failed $$browser"; \
	done; [ -z "$$failed" ] || { echo "failed in$$failed" >&2; exit 1; }

SOAKTIME := 10m

pagesoak: need-e2e
	cd $(E2E) && node soak.js $(SOAKTIME)

SCREENS :=

screens: need-e2e
	cd $(E2E) && node screens.js $(SCREENS)

# The figures that .ci/figures puts into its table; go test -bench . runs them all.
FIGURES := VerifyThree|^Benchmark(Seal|Open|Refuse|Add|Encode|Decode|FirstPacket)$$|^BenchmarkEvaluate$$/8000|^BenchmarkPlayedInTime$$/rtt=100ms/loss=5%

bench: need
	@{ go test $(TAGS) -run '^$$' -bench '$(FIGURES)' -benchmem ./identity ./room ./room/seal ./audio ./audio/opus ./node; \
	go test $(TAGS) -run '^$$' -bench . -timeout 9m ./cmd/stoa/process; } 2>&1 | go run .ci/figures/figures.go

# PERFLOAD=program brings rows of a load generator for other relays.
relaybench: build
	@go build -o bin/load ./cmd/stoa/process/load
	@bin/load bench -stoa bin/stoa -rounds 3 $(SHAPES)

# The tests of crowds, in the size that they are meant for.
crowd: need
	STOA_CROWD=$(LISTENERS) go test $(TAGS) -count=1 -v -timeout 30m -run 'Crowd|RelayDies|RelaysThatLie' ./cmd/stoa/process

sim: need
	go test -tags nolibopusfile,sim -count=1 -v -timeout 2h -run 'TestTenThousand$$' ./room -thousands $(SIMTIME)

# Measured against what was asked, in tables. One package after another: some keep real time.
TABLE :=

sound: build
	@.ci/need sound
	@.ci/need judge
	go test $(TAGS),sound -count=1 -v -p 1 -timeout 30m -run '^TestTable$(TABLE)' ./audio/... ./cmd/stoa/app ./cmd/stoa/process

# LAB=all tries everything many times; RUN chooses scenarios by name. First come tests
# of the laboratory itself: that its NATs are what they are called.
LAB := short
RUN :=
LABTAGS := -tags nolibopusfile,lab

lab: build
	@.ci/need lab
	@go build -trimpath $(TAGS) -o bin/crowd ./cmd/stoa/process/crowd
	@go build -trimpath -o bin/lab ./cmd/stoa/process/lab
	$(VERDICT) -limit 3m -- $(LABTAGS) $(TESTFLAGS) ./cmd/stoa/process/lab/network ./cmd/stoa/process/lab/hop
	@bin/lab -set $(LAB) -run '$(RUN)'

# A voice on bad lines: what was played in time, and what the program chose. PERFLOAD=program
# brings a column of another make.
SCENE :=

lines: build
	@.ci/need lab
	@go build -trimpath -o bin/lines ./cmd/stoa/process/lab/lines
	@bin/lines -for 20s $(if $(SCENE),'$(SCENE)')

fuzz: need
	.ci/fuzz $(FUZZTIME)

# In a module of its own, because what makes packages is no part of the program. The tests
# pack the last commit twice in different folders, install what comes of it below folders
# and compare.
packages: need
	@.ci/need packages
	cd .ci/pack && go vet . && go run ../verdict.go $(if $(STRICT),-strict) -limit 8m -- -timeout 8m $(TESTFLAGS) . && go run .

clean:
	rm -rf bin
