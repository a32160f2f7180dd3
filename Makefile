# Makefile: build, test, demo. `make help` lists the targets.
#
# Every .c below core/, results/, plots/ and experiments/ goes into build/librepr.a (but experiments/main.c); each rankers/NAME.c becomes
# build/rankers/NAME.so; each tests/{unit,integration,faults}/test_NAME.c becomes a program that `make test` runs.

BUILD ?= build
ifeq ($(origin CC),default) # of make itself: cc
CC := gcc
endif
comma := ,
ifneq ($(SANITIZE),)
  BUILD := build-$(subst $(comma),-,$(SANITIZE))
  SANITIZE_FLAGS := -fsanitize=$(SANITIZE) -fno-sanitize-recover=all -fno-omit-frame-pointer -g
endif
ifneq ($(WERROR),)
  WERROR_FLAGS := -Werror
endif

CFLAGS ?= -O2 -g
WARNINGS := -Wall -Wextra -Wpedantic -Wshadow
# Expanded in each recipe, so that what single objects add to WARNINGS below is in it.
ALL_CFLAGS = -std=c11 -D_GNU_SOURCE -I. $(CFLAGS) $(WARNINGS) $(WERROR_FLAGS) -ffp-contract=off -fvisibility=hidden -fPIC $(SANITIZE_FLAGS)
ALL_LDFLAGS := $(SANITIZE_FLAGS) -rdynamic $(LDFLAGS)
LIBRARIES := -ldnnl -llapacke -lopenblas -lyaml -lsqlite3 -lxxhash -lcurl -larchive -lmd -lz -lgomp -ldl -lpthread -lm

LIBRARY_SOURCES := $(filter-out experiments/main.c,$(wildcard core/*/*.c results/*.c plots/*.c experiments/*.c experiments/*/*.c))
EMBEDDED_OBJECTS := $(patsubst %,$(BUILD)/objects/%.o,$(wildcard results/*.sql plots/*.gp plots/*.csv rankers/*.template))
LIBRARY_OBJECTS := $(LIBRARY_SOURCES:%.c=$(BUILD)/objects/%.o) $(EMBEDDED_OBJECTS)
RANKERS := $(patsubst rankers/%.c,$(BUILD)/rankers/%.so,$(wildcard rankers/*.c))
TEST_PLUGINS := $(patsubst tests/%.c,$(BUILD)/tests/%.so,$(wildcard tests/plugins/*.c))
TESTS := $(patsubst tests/%.c,$(BUILD)/tests/%,$(wildcard tests/unit/test_*.c tests/integration/test_*.c tests/faults/test_*.c))

all: $(BUILD)/repr $(RANKERS)

$(BUILD)/librepr.a: $(LIBRARY_OBJECTS)
	@rm -f $@
	ar rcs $@ $^

$(BUILD)/objects/%.o: %.c
	@mkdir -p $(@D)
	$(CC) $(ALL_CFLAGS) -MMD -MP -c $< -o $@

# SQL, templates and tables become C strings: results/views.sql is rp_embedded_results_views_sql.
$(BUILD)/embedded/%.c: %
	@mkdir -p $(@D)
	{ echo "extern const char rp_embedded_$(subst -,_,$(subst .,_,$(subst /,_,$*)))[];"; \
	  echo "const char rp_embedded_$(subst -,_,$(subst .,_,$(subst /,_,$*)))[] = {"; od -An -v -t d1 $< | sed 's/[-0-9]\{1,\}/&,/g'; echo '0};'; } > $@

$(EMBEDDED_OBJECTS): $(BUILD)/objects/%.o: $(BUILD)/embedded/%.c
	@mkdir -p $(@D)
	$(CC) $(ALL_CFLAGS) -c $< -o $@

# What was built with other flags is built anew: the flags stand in the environment of every computed state.
FLAGS_STAMP := $(BUILD)/flags
COMMIT := $(shell git rev-parse HEAD 2>/dev/null)
$(shell mkdir -p $(BUILD); echo '$(CC) $(CFLAGS) $(SANITIZE_FLAGS)' | cmp -s - $(FLAGS_STAMP) || echo '$(CC) $(CFLAGS) $(SANITIZE_FLAGS)' >$(FLAGS_STAMP))
$(shell echo '$(COMMIT)' | cmp -s - $(BUILD)/commit || echo '$(COMMIT)' >$(BUILD)/commit)
$(LIBRARY_OBJECTS) $(BUILD)/objects/experiments/main.o $(RANKERS): $(FLAGS_STAMP)

# Square roots go into wide registers only where they need not set errno; no result depends on this.
$(BUILD)/objects/core/nn/optimizer.o: WARNINGS += -fno-math-errno

# What the environment of a computed state says of this build: it moves with every source that touches numbers.
NUMERIC_SOURCES := $(sort $(wildcard core/*/*.c core/*/*.h))
ENVIRONMENT_OBJECT := $(BUILD)/objects/experiments/work/environment.o
$(ENVIRONMENT_OBJECT): $(NUMERIC_SOURCES) $(BUILD)/commit
$(ENVIRONMENT_OBJECT): WARNINGS += -DRP_BUILD_FLAGS='"$(CFLAGS) $(SANITIZE_FLAGS)"' \
  -DRP_BUILD_NUMERIC_SOURCES='"$(shell cat $(NUMERIC_SOURCES) | cksum | tr ' ' -)"' \
  -DRP_BUILD_COMMIT='"$(COMMIT)"'

$(BUILD)/rankers/%.so: rankers/%.c
	@mkdir -p $(@D)
	$(CC) $(ALL_CFLAGS) -MMD -MP -shared $< -o $@ -lm

$(BUILD)/tests/plugins/%.so: tests/plugins/%.c
	@mkdir -p $(@D)
	$(CC) $(ALL_CFLAGS) -MMD -MP -shared $< -o $@ -lm

$(BUILD)/repr: $(BUILD)/objects/experiments/main.o $(BUILD)/librepr.a
	$(CC) $(ALL_LDFLAGS) $< -Wl,--whole-archive $(BUILD)/librepr.a -Wl,--no-whole-archive $(LIBRARIES) -o $@

$(BUILD)/tests/%: tests/%.c $(BUILD)/librepr.a
	@mkdir -p $(@D)
	$(CC) $(ALL_CFLAGS) -MMD -MP $< $(BUILD)/librepr.a $(ALL_LDFLAGS) $(LIBRARIES) -lcmocka -o $@

# Tests find the plugins in ../../rankers and ../plugins, seen from their own folder.
$(TESTS): | $(RANKERS) $(TEST_PLUGINS)

# ---- Targets for people ------------------------------------------------------------------------------------------------------------------------

# What building, running and testing needs, as Debian packages. clang and its runtime are for `make fuzz` only.
PACKAGES := gcc make libdnnl-dev libopenblas-dev liblapacke-dev libyaml-dev libsqlite3-dev libxxhash-dev librandom123-dev libcmocka-dev \
            zlib1g-dev libcurl4-openssl-dev libarchive-dev libmd-dev gnuplot-nox fonts-dejavu-core
SUDO := $(shell [ "$$(id -u)" = 0 ] || echo sudo)

deps:
	@$(call install_missing,$(PACKAGES))

# $(call install_missing,PACKAGES): a shell command that asks for root only where something is missing.
install_missing = missing=""; for package in $(1); do \
	  dpkg-query -W -f '$${Status}' $$package 2>/dev/null | grep -q 'ok installed' || missing="$$missing $$package"; done; \
	if [ -z "$$missing" ]; then exit 0; fi; \
	if ! command -v apt-get >/dev/null; then echo "Please install:$$missing"; exit 1; fi; \
	echo "Installing:$$missing"; $(SUDO) apt-get update -qq && \
	$(SUDO) env DEBIAN_FRONTEND=noninteractive apt-get install -y -q --no-install-recommends $$missing

# Builds in a make of its own: what deps installs is then seen by every rule.
demo: deps
	@$(MAKE) --no-print-directory all
	$(BUILD)/repr run experiments/demo.yaml
	$(BUILD)/repr report demo
	$(BUILD)/repr plot demo

test: deps
	@$(MAKE) --no-print-directory all tests $(TEST_PLUGINS)
	@BUILD=$(BUILD) sh tests/run.sh $(TESTS)

# The engine beside PyTorch. PEERS=--brief leaves out what takes long.
PEER_DRIVERS := $(patsubst %.c,$(BUILD)/%,$(wildcard tests/parity/*.c))
test-peers: deps
	@$(call install_missing,python3-torch python3-numpy)
	@$(MAKE) --no-print-directory all $(PEER_DRIVERS)
	@BUILD=$(BUILD) sh tests/parity/run.sh $(PEERS)

# The tests that a sanitizer build runs: what is in memory and what comes from outside.
test-sanitized: deps
	@$(MAKE) --no-print-directory SANITIZE=address,undefined all-and-tests
	@BUILD=build-address-undefined sh tests/run.sh $(patsubst $(BUILD)/%,build-address-undefined/%,$(filter-out $(BUILD)/tests/integration/%,$(TESTS)))

all-and-tests: all tests $(TEST_PLUGINS)

tests: $(TESTS)

PREFIX ?= /usr/local
install: all
	install -d $(DESTDIR)$(PREFIX)/bin $(DESTDIR)$(PREFIX)/lib/repr/rankers $(DESTDIR)$(PREFIX)/include/repr/rankers $(DESTDIR)$(PREFIX)/share/repr
	install $(BUILD)/repr $(DESTDIR)$(PREFIX)/bin/repr
	install $(RANKERS) $(DESTDIR)$(PREFIX)/lib/repr/rankers
	install -m 644 rankers/ranker.h $(DESTDIR)$(PREFIX)/include/repr/rankers
	install -D -m 644 rankers/README.md $(DESTDIR)$(PREFIX)/share/doc/repr/rankers.md
	cp -r experiments/schemes experiments/models experiments/paper experiments/*.yaml $(DESTDIR)$(PREFIX)/share/repr

# Each parser of files from outside, FUZZ_SECONDS long, from its corpus on. What is found lands in build-fuzz/, as does what the corpora grow by.
FUZZ_SECONDS ?= 60
FUZZERS := $(patsubst tests/fuzz/fuzz_%.c,%,$(wildcard tests/fuzz/fuzz_*.c))
FUZZ_FLAGS := -O1 -g -fno-omit-frame-pointer -fno-sanitize-recover=all
fuzz: deps
	@$(call install_missing,clang libclang-rt-dev)
	@$(MAKE) --no-print-directory BUILD=build-fuzz CC=clang CFLAGS='$(FUZZ_FLAGS) -fsanitize=fuzzer-no-link,address,undefined' build-fuzz/librepr.a
	@set -e; for name in $(FUZZERS); do mkdir -p build-fuzz/corpus/$$name build-fuzz/found; \
	  clang -std=c11 -D_GNU_SOURCE -I. $(FUZZ_FLAGS) -fsanitize=fuzzer,address,undefined tests/fuzz/fuzz_$$name.c build-fuzz/librepr.a $(LIBRARIES) \
	    -o build-fuzz/fuzz_$$name; \
	  build-fuzz/fuzz_$$name -max_total_time=$(FUZZ_SECONDS) -timeout=20 -close_fd_mask=1 -print_final_stats=1 \
	    -artifact_prefix=build-fuzz/found/$$name- build-fuzz/corpus/$$name tests/fuzz/corpus/$$name; done

bench: all
	@$(call install_missing,python3-torch)
	PYTHON=/usr/bin/python3 sh tests/bench/compare.sh $(BUILD)/repr $(BENCH)

clean:
	rm -rf build build-*

help:
	@echo "make             build build/repr and build/rankers/*.so"
	@echo "make deps        install what building and running needs (apt)"
	@echo "make demo        deps, build, a small sweep on generated images, its table and figures"
	@echo "make test        deps, build, all tests"
	@echo "make test-sanitized   the unit, fault and corpus tests under the address and undefined-behaviour sanitizers"
	@echo "make test-peers  outputs, gradients, optimizers, schedules, whole trials beside PyTorch's (PEERS=--brief: under 3 minutes)"
	@echo "make fuzz FUZZ_SECONDS=60   each parser of files from outside under libFuzzer"
	@echo "make bench       training and evaluation speed beside PyTorch (BENCH='5 --model resnet --batch 128')"
	@echo "make install PREFIX=/usr/local"

-include $(shell find $(BUILD) -name '*.d' 2>/dev/null)

.PHONY: all deps demo test test-peers test-sanitized all-and-tests tests install fuzz bench clean help
