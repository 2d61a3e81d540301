# The front door. CMake does the work: see CMakeLists.txt and CMakePresets.json.

.DEFAULT_GOAL := build
.PHONY: build demo test lint coverage check-deep crash siege bench soak fuzz-campaign fuzz install deb offline-bundle clean format help

help: ## this list
	@grep -E '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed 's/:.*##/\t/' | expand -t 16

build: ## the daemon, the command line and libberth, optimised, in build/release
	@tools/need build
	@tools/build release -DBUILD_TESTING=OFF

demo: build ## the walk-through: group, key, device, hub. KEEP=1 leaves the daemon running
	@tools/demo build/release/cli/berth $(if $(KEEP),keep)

test: ## everything: unit tests under sanitizers, the official SDKs, the command line, crashes
	@tools/need build test package bench
	@tests/run

lint: ## clang-tidy, cppcheck and gcc -fanalyzer over all sources
	@tools/need build test lint
	@tools/lint

coverage: ## lines and branches of core/ that the unit tests take
	@tools/need build test
	@tools/coverage --run

check-deep: ## what takes long: ThreadSanitizer over unit tests and SDKs, valgrind over unit tests. PART=tsan or PART=valgrind: one of them
	@tools/need build test deep
	@tools/check-deep $(or $(PART),tsan valgrind)

crash: ## kill -9 in the middle of registrations, ten times; then the proof that the test can fail
	@tools/need build test
	@tools/build debug
	@BERTH=build/debug/cli/berth tests/in-netns node tests/e2e/crash.mjs
	@BERTH=build/debug/cli/berth tests/in-netns node tests/e2e/crash.mjs --expect-loss

siege: ## an SDK registers while PEERS (5800, of which over 5000 at any moment) slow and hostile peers are held: times, memory, files
	@tools/need build test
	@tools/build release -DBUILD_TESTING=OFF
	@cd tests/sdk && npm ci --silent --no-audit --no-fund --ignore-scripts
	@BERTH=$(CURDIR)/build/release/cli/berth tests/in-netns tests/e2e/siege $(or $(PEERS),5800) 50

bench: ## what berth costs beside nginx, mosquitto and openssl, and how that grows, in one run. SAVE=1 writes docs/performance/ and what the pages quote
	@tools/need build bench $(if $(SAVE),profile)
	@tools/build release -DBUILD_TESTING=OFF
	@bench/run $(if $(SAVE),--save)

soak: ## MINUTES (60) of mixed load: memory, files and database at start, middle and end; no growth that is not explained
	@tools/need build bench
	@tools/build release -DBUILD_TESTING=OFF
	@node bench/soak/main.mjs --minutes $(or $(MINUTES),60)

fuzz: ## every fuzz target for SECONDS (60)
	@tools/need build fuzz
	@tools/build fuzz
	@tests/fuzz/run $(or $(SECONDS),60)

fuzz-campaign: ## every fuzz target for its budget of CPU time (hours), corpora and regressions kept, the table of docs/internals/fuzz.md. CPU=seconds for each
	@tools/need build fuzz
	@tools/build fuzz
	@BERTH_FUZZ_CPU=$(CPU) tests/fuzz/campaign run
	@tests/fuzz/campaign gather
	@tests/fuzz/campaign report

install: build ## into PREFIX (/usr/local), or DESTDIR
	@cmake --install build/release --prefix $(or $(PREFIX),/usr/local)

deb: ## the Debian packages berth and libberth-dev, in build/deb
	@tools/need build package
	@tools/deb

offline-bundle: ## packages, all they depend on and an installer, in one tar for a machine without internet. BUILD=1 adds what a build needs, WITH="NAME.." other packages
	@tools/need build package
	@tools/offline-bundle $(if $(BUILD),--build) $(addprefix --with ,$(WITH))

format: ## clang-format over all sources
	@git ls-files '*.c' '*.h' | xargs clang-format -i

clean: ## removes build/
	@rm -rf build
