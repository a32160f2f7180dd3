# Makefile: build, test, demo. `make help` lists the targets.
#
# Every .c below core/, results/, plots/ and experiments/ goes into build/librepr.a (but experiments/main.c); each rankers/NAME.c becomes
# build/rankers/NAME.so; each tests/{unit,integration,faults}/test_NAME.c becomes a program that `make test` runs.

BUILD ?= build
CC ?= gcc
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
ALL_CFLAGS := -std=c11 -D_GNU_SOURCE -I. $(CFLAGS) $(WARNINGS) $(WERROR_FLAGS) -ffp-contract=off -fvisibility=hidden -fPIC $(SANITIZE_FLAGS)
ALL_LDFLAGS := $(SANITIZE_FLAGS) -rdynamic $(LDFLAGS)
LIBRARIES := -ldnnl -llapacke -lopenblas -lyaml -lsqlite3 -lxxhash -lgomp -ldl -lpthread -lm

LIBRARY_SOURCES := $(filter-out experiments/main.c,$(wildcard core/*/*.c results/*.c plots/*.c experiments/*.c experiments/*/*.c))
EMBEDDED_OBJECTS := $(patsubst %,$(BUILD)/objects/%.o,$(wildcard results/*.sql plots/*.gp plots/*.csv))
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

# The tests alone, without the checks of `make test`: make one with `make build/tests/unit/test_draws`.
tests: $(TESTS)

clean:
	rm -rf build build-*

-include $(shell find $(BUILD) -name '*.d' 2>/dev/null)

.PHONY: all tests clean
