/* synthetic_store.h: stores with made-up rows, for the tests of results/ and plots/.
 *
 * A trial is told as a script, one character per step: 'e' a full epoch, 's' an epoch of the sub-network, 'D' a drop, 'R' a regrow.
 * Accuracies come from a function of (trial's number, epoch), so that expected values can be worked out by hand. */
#ifndef RP_TESTS_SYNTHETIC_STORE_H
#define RP_TESTS_SYNTHETIC_STORE_H

#include "tests/check.h"

#include "core/base/digest.h"
#include "results/store.h"

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

/* A path in a folder of its own, removed with synthetic_remove. */
static char *synthetic_path(void) {
  static char path[64];
  char folder[] = "/tmp/repr-store-XXXXXX";
  if (!mkdtemp(folder)) abort();
  snprintf(path, sizeof path, "%s/results.db", folder);
  return path;
}

static inline void synthetic_remove(const char *path) {
  char command[256];
  snprintf(command, sizeof command, "rm -rf \"$(dirname '%s')\"", path);
  if (system(command) != 0) abort();
}

/* An id that stands for a word. */
static inline rp_id synthetic_id(const char *format, ...) {
  char word[256];
  va_list arguments;
  va_start(arguments, format);
  int length = vsnprintf(word, sizeof word, format, arguments);
  va_end(arguments);
  return rp_digest_of("test", word, (size_t)length);
}

static const rp_environment SYNTHETIC_ENVIRONMENT = {"avx2",  "{\"onednn\":\"2.6.0\"}", "gcc 12.2", "-O2", "f00d", "abc123", "a CPU",
                                                     "a host"};

static const char *const SYNTHETIC_LAYERS[] = {"conv1", "conv2"};
static const int SYNTHETIC_K[] = {2, 3};
static const rp_store_filters SYNTHETIC_FILTERS = {2, SYNTHETIC_LAYERS, SYNTHETIC_K};

static inline rp_criterion synthetic_criterion(const char *ranker) {
  return (rp_criterion){ranker, "1.0.0", "{}", "rankers/x.so", synthetic_id("so %s", ranker)};
}

typedef struct {
  const char *experiment, *arm, *ranker, *data;
  int seed, is_baseline;
  const char *script;
  double (*test_acc)(int seed, int epoch);
  double (*val_acc)(int seed, int epoch); /* NULL = not measured */
  int validation_ranks;
  rp_trial_status status;
} synthetic_trial;

static inline rp_id synthetic_trial_id(const synthetic_trial *trial) {
  return synthetic_id("trial %s %s %d", trial->arm, trial->script, trial->seed);
}

static inline void synthetic_put_trial(rp_store *store, const synthetic_trial *trial) {
  rp_error err = {0};
  rp_param params[] = {{"scheme.name", "repr"}, {"train.epochs", "30"}};
  rp_trial_row row = {
      .id = synthetic_trial_id(trial),
      .seed = (uint64_t)trial->seed,
      .scheme = trial->is_baseline ? "standard" : "repr",
      .ranker = trial->ranker,
      .s1 = trial->is_baseline ? -1 : 2,
      .s2 = trial->is_baseline ? -1 : 1,
      .n = trial->is_baseline ? -1 : 1,
      .p = trial->is_baseline ? NAN : 40,
      .model = "c3",
      .data = trial->data ? trial->data : "cifar10",
      .config_json = "{}",
      .epochs = (int)strlen(trial->script),
      .params = params,
      .n_params = 2,
      .validation_ranks = trial->validation_ranks,
  };
  assert_ok(rp_store_put_trial(store, &row, &err), err);
}

/* The drop of a script takes filter 0 of conv1 and filter 2 of conv2; ortho's scores rise with the filter, so these ranks are 5 and 1 by
 * hand. */
static inline rp_id synthetic_put_drop(rp_store *store, const synthetic_trial *trial, rp_id state) {
  static const float scores[] = {0.1f, 0.2f, 0.3f, 0.4f, 0.5f};
  static const uint8_t set[] = {1, 0, 0, 0, 1};
  static const int ranks[] = {5, 4, 3, 2, 1};
  rp_error err = {0};
  rp_drop_row drop = {
      .request = synthetic_id("request %s %s %d", trial->arm, trial->script, trial->seed),
      .state = state,
      .criterion = synthetic_criterion(trial->ranker ? trial->ranker : "ortho"),
      .p = 40,
      .limits_json = "{}",
      .gate = 1,
      .set = set,
      .ranks = ranks,
      .count = 2,
      .limits_used = 1,
      .ties_at_cut = 3,
      .seconds = 0.5,
  };
  assert_ok(rp_store_put_scores(store, state, &drop.criterion, &SYNTHETIC_FILTERS, scores, &err), err);
  assert_ok(rp_store_put_drop(store, &drop, &SYNTHETIC_FILTERS, &err), err);
  return drop.request;
}

/* A shadow's answer to what acted in synthetic_put_drop on the given state: as if it had been asked for the same drop. */
static inline void synthetic_put_shadow(rp_store *store, rp_id state, rp_id acted, const rp_criterion *shadow, const float *scores,
                                        const int *ranks, const uint8_t *set) {
  rp_error err = {0};
  char hex[RP_ID_HEX + 1];
  rp_id_hex(state, hex);
  rp_drop_row answer = {.request = synthetic_id("shadow %s %s %s", shadow->ranker, shadow->options_json, hex),
                        .state = state,
                        .criterion = *shadow,
                        .p = 40,
                        .limits_json = "{}",
                        .gate = 1,
                        .set = set,
                        .ranks = ranks,
                        .count = 2,
                        .seconds = 0.25};
  rp_shadow_row row = {.request = acted, .criterion = *shadow, .asked = answer.request, .outcome = RP_SHADOW_SCORED};
  assert_ok(rp_store_put_scores(store, state, shadow, &SYNTHETIC_FILTERS, scores, &err), err);
  assert_ok(rp_store_put_drop(store, &answer, &SYNTHETIC_FILTERS, &err), err);
  assert_ok(rp_store_put_shadow(store, &row, &err), err);
}

/* Puts a trial with all the states of its script, and its path. */
static inline void synthetic_run_trial(rp_store *store, const synthetic_trial *trial) {
  static const rp_layer_row layers[] = {{"conv1", 0.1, 0.01, 2, 0}, {"conv2", 0.2, 0.02, 3, -1}};
  rp_error err = {0};
  rp_id none = {{0}}, parent = none, trial_id = synthetic_trial_id(trial);
  int epoch = 0, cycle = 0, sub = 0;
  synthetic_put_trial(store, trial);
  for (int step = 0; step <= (int)strlen(trial->script); step++) {
    char what = step ? trial->script[step - 1] : 'i';
    rp_id request = none;
    rp_state_row state = rp_state_row_empty();
    if (what == 'D') request = synthetic_put_drop(store, trial, parent), cycle++, sub = 1;
    if (what == 'R') sub = 0;
    if (what == 'e' || what == 's')
      epoch++, state.lr = 0.01, state.train_acc = trial->test_acc(trial->seed, epoch) + 0.1, state.train_loss = 1;
    state.id = synthetic_id("state %s %s %d %d", trial->arm, trial->script, trial->seed, step);
    state.parent = parent;
    state.digest = synthetic_id("bits %d", step);
    state.op = what == 'i' ? "init" : what == 'D' ? "drop" : what == 'R' ? "regrow" : "train";
    state.epoch = epoch, state.cycle = cycle, state.phase = sub ? "sub" : "full";
    state.test_acc = trial->test_acc(trial->seed, epoch) - (what == 'D' ? 0.05 : what == 'R' ? 0.02 : 0);
    state.val_acc = trial->val_acc ? trial->val_acc(trial->seed, epoch) : NAN;
    state.seconds = 2;
    if (what == 'R') state.regrown = 2, state.constraints_asked = 7, state.constraints_met = 6, state.max_cos_left = 0.25;
    if (what == 'R') state.test_acc_bn = state.test_acc + 0.005, state.val_acc_bn = 0.375;
    state.layers = layers, state.n_layers = 2;
    assert_ok(rp_store_put_state(store, &state, &err), err);
    assert_ok(rp_store_put_path(store, trial_id, step, state.id, request, NULL, &err), err);
    parent = state.id;
  }
  assert_ok(rp_store_set_trial_status(store, trial_id, trial->status, trial->status == RP_TRIAL_FAILED ? RP_EPLUGIN : RP_OK,
                                      trial->status == RP_TRIAL_FAILED ? "ranker bad: it gave NaN" : NULL, &err),
            err);
}

/* Runs the trials and puts the plan of their experiment; a trial's baseline is the first baseline trial of its seed. */
static inline void synthetic_run(rp_store *store, const synthetic_trial *trials, int n, const rp_criterion *shadows, int n_shadows) {
  rp_error err = {0};
  rp_plan_trial members[64] = {0};
  assert_ok(rp_store_set_environment(store, &SYNTHETIC_ENVIRONMENT, 0, &err), err);
  assert_ok(rp_store_begin(store, &err), err);
  for (int i = 0; i < n; i++) {
    synthetic_run_trial(store, &trials[i]);
    members[i] = (rp_plan_trial){
        .trial = synthetic_trial_id(&trials[i]), .arm = trials[i].arm, .is_baseline = trials[i].is_baseline, .differs_json = "{}"};
    for (int j = n - 1; j >= 0 && !trials[i].is_baseline; j--)
      if (trials[j].is_baseline && trials[j].seed == trials[i].seed) members[i].baseline = synthetic_trial_id(&trials[j]);
  }
  rp_plan_row plan = {.experiment = trials[0].experiment,
                      .digest = synthetic_id("plan of %d", n),
                      .trials = members,
                      .n_trials = n,
                      .shadows = shadows,
                      .n_shadows = n_shadows};
  assert_ok(rp_store_put_plan(store, &plan, &err), err);
  assert_ok(rp_store_commit(store, &err), err);
}

#endif
