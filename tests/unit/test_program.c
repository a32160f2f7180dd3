/* test_program.c: schemes become lists of ops: rules 1 to 3 and 19, limits, mistakes. */
#include "core/base/memory.h"
#include "experiments/plan/program.h"
#include "tests/yaml_files.h"

enum { N_IMAGES = 1000 };  /* of the training split: 15 steps of 64 */
static rp_program program; /* of the running test */

static int free_program(void **unused) {
  (void)unused;
  rp_program_free(&program);
  return 0;
}

static rp_status build(const char *config_yaml, rp_error *err) {
  RP_CLEANUP(rp_node_free) rp_node *config = NULL;
  rp_program_free(&program);
  assert_ok(rp_yaml_parse(config_yaml, "demo.yaml", &config, err), *err);
  assert_ok(rp_node_set_paths(config, "", err), *err);
  return rp_program_build(config, N_IMAGES, &program, err);
}

static void assert_built(const char *config_yaml) {
  rp_error err = {0};
  assert_ok(build(config_yaml, &err), err);
}

static void assert_refused(const char *config_yaml, const char *part) {
  rp_error err = {0};
  assert_fails(build(config_yaml, &err), RP_EINPUT, err, part);
  assert_int_equal(program.n_steps, 0);
}

/* A configuration with a scheme from a file of its own. */
static const char *with_scheme(const char *scheme_yaml, const char *rest) {
  static char config[512];
  snprintf(config, sizeof config, "scheme: {name: %s}\n%s", test_file("own.yaml", scheme_yaml), rest);
  return config;
}

/* Steps as one line: t = an epoch of the full net, s = of the sub-network, D = drop, R = regrow. */
static void assert_steps(const char *expected) {
  rp_text text = {0};
  for (int i = 0; i < program.n_steps; i++) {
    const rp_step *step = &program.steps[i];
    const char *letter = step->kind == RP_OP_DROP ? "D" : step->kind == RP_OP_REGROW ? "R" : step->phase == RP_PHASE_SUB ? "s" : "t";
    rp_text_add(&text, letter);
  }
  assert_string_equal(rp_text_string(&text), expected);
  rp_text_free(&text);
}

static const rp_step *step_of_kind(rp_op_kind kind, int which) {
  for (int i = 0; i < program.n_steps; i++)
    if (program.steps[i].kind == kind && which-- == 0) return &program.steps[i];
  fail_msg("there is no such step");
  return NULL;
}

#define REPR "{name: repr, s1: 2, s2: 1, n: 2}"
#define SHORT "train: {epochs: 7}\n"
#define SHORT_WITH(keys) "train: {epochs: 7, " keys "}\n"

/* ---- Rule 1 ---------------------------------------------------------------------------------- */

static void rule_1_epochs_count_from_1_and_sub_lasts_from_drop_to_regrow(void **unused) {
  (void)unused;
  assert_built("train: {epochs: 100}\nscheme: {name: repr, s1: 20, s2: 10, n: 3}\n");
  assert_int_equal(program.epochs, 100);
  assert_int_equal(program.n_steps, 100 + 6);
  uint32_t epoch = 0;
  for (int i = 0; i < program.n_steps; i++) {
    const rp_step *step = &program.steps[i];
    if (step->kind == RP_OP_DROP) assert_true(epoch == 20 || epoch == 50 || epoch == 80);
    if (step->kind == RP_OP_REGROW) assert_true(epoch == 30 || epoch == 60 || epoch == 90);
    if (step->kind != RP_OP_TRAIN) {
      assert_int_equal(step->epoch, epoch);
      continue;
    }
    assert_int_equal(step->epoch, ++epoch);
    int is_sub = (epoch > 20 && epoch <= 30) || (epoch > 50 && epoch <= 60) || (epoch > 80 && epoch <= 90);
    assert_int_equal(step->phase, is_sub ? RP_PHASE_SUB : RP_PHASE_FULL);
  }
  assert_int_equal(program.first_final_epoch, 91);
  assert_string_equal(rp_phase_name(RP_PHASE_SUB), "sub");
}

static void rule_1_the_phase_is_sub_with_the_gate_off_too(void **unused) {
  (void)unused;
  assert_built(SHORT "scheme: {name: repr, s1: 2, s2: 1, n: 2, gate: off}\n");
  assert_steps("ttDsRttDsRt");
  assert_false(step_of_kind(RP_OP_DROP, 0)->as.drop.gate);
}

/* ---- Rule 2 ---------------------------------------------------------------------------------- */

static void rule_2_rest_is_what_is_left_of_the_total(void **unused) {
  (void)unused;
  assert_built("train: {epochs: 9}\nscheme: " REPR "\n");
  assert_steps("ttDsRttDsRttt");
  assert_built("train: {epochs: 4}\nscheme: standard\n");
  assert_steps("tttt");
  assert_int_equal(program.first_final_epoch, 1);
}

static void rule_2_without_a_total_the_programs_own_sum_counts(void **unused) {
  (void)unused;
  assert_built(with_scheme("program:\n  - train: 2\n  - drop:\n  - train: 1\n  - regrow:\n  - train: 2\n", ""));
  assert_steps("ttDsRtt");
  assert_int_equal(program.epochs, 5);
}

static void rule_2_after_counts_from_the_last_cycle(void **unused) {
  (void)unused;
  assert_built("train: {epochs: {after: 3}}\nscheme: " REPR "\n");
  assert_steps("ttDsRttDsRttt");
  assert_refused(
      with_scheme("program:\n  - train: 2\n  - drop:\n  - train: 1\n  - regrow:\n  - train: 2\n", "train: {epochs: {after: 3}}\n"),
      "demo.yaml:2:25: train.epochs.after: 3 epochs after the last cycle do not fit the program, which trains 2 there");
}

static void rule_2_a_program_that_does_not_fit_names_the_smallest_total_that_fits(void **unused) {
  (void)unused;
  assert_refused("train: {epochs: 6}\nscheme: " REPR "\n",
                 "demo.yaml:1:17: train.epochs: the program does not fit into 6 epochs; the smallest total that fits is 7");
  assert_built(SHORT "scheme: " REPR "\n"); /* and it does fit */
  assert_refused("scheme: " REPR "\n", "the smallest total that fits is 7");
  assert_built(with_scheme("program: [{train: 2}, {drop: {}}, {train: 1}, {regrow: {}}, {train: 2}, {train: rest}]\n",
                           "train: {epochs: {after: 5}}\n"));
  assert_steps("ttDsRttttt");
  assert_refused(with_scheme("program: [{train: 2}, {drop: {}}, {train: 1}, {regrow: {}}, {train: 2}]\n", "train: {epochs: 6}\n"),
                 "the program trains 5 epochs, not 6; the total that fits is 5");
}

static void rule_2_a_full_epoch_follows_the_last_regrow_unless_the_scheme_ends_in_sub(void **unused) {
  (void)unused;
  assert_refused(with_scheme("program: [{train: 2}, {drop: {}}, {train: 1}, {regrow: {}}]\n", ""),
                 "no full epoch is left after the last regrow");
  assert_refused(with_scheme("program: [{train: 2}, {drop: {}}, {train: 1}]\n", ""),
                 "own.yaml:1:30: program[1].drop: nothing grows back what is dropped here");
  assert_built(with_scheme("ends: sub\nprogram: [{train: 2}, {drop: {}}, {train: 1}]\n", ""));
  assert_steps("ttDs");
  assert_true(program.ends_in_sub);
  assert_built(with_scheme("ends: sub\nprogram: [{train: 2}, {drop: {}}, {train: rest}]\n", "train: {epochs: 2}\n"));
  assert_steps("ttD");
}

static void rule_2_s1_of_0_epochs_is_an_error(void **unused) {
  (void)unused;
  assert_refused(SHORT "scheme: {name: repr, s1: 0}\n",
                 "demo.yaml:2:26: scheme.s1: 0 is not a number of epochs (a whole number from 1, or rest)");
  assert_refused(SHORT "scheme: {name: repr, s1: 1.5}\n", "scheme.s1: 1.5 is not a number of epochs");
  assert_refused(SHORT "scheme: {name: repr, n: -1}\n", "scheme.n: -1 is not a number of repetitions");
}

static void rule_2_rest_stands_once_and_regrow_follows_a_drop(void **unused) {
  (void)unused;
  assert_refused(with_scheme("program: [{train: rest}, {train: rest}]\n", SHORT), "`train: rest` once only");
  assert_refused(with_scheme("program: [{train: 2}, {regrow: {}}, {train: rest}]\n", SHORT),
                 "nothing is dropped here that could be regrown");
  assert_refused(with_scheme("program: []\n", SHORT), "the program trains no epoch");
}

/* Nobody foresaw it: two drops with different settings before one regrow, and nothing in between. */
static void a_scheme_that_nobody_foresaw_becomes_its_steps(void **unused) {
  (void)unused;
  assert_built(with_scheme("parameters: {first: 10, both: [conv1]}\n"
                           "program:\n"
                           "  - train: 2\n"
                           "  - drop: {ranker: l2, p: $first}\n"
                           "  - train: 1\n"
                           "  - drop: {ranker: {name: ortho, variant: authors}, p: 12.5, limits: {skip: $both, scope: layer}}\n"
                           "  - train: 2\n"
                           "  - regrow: {mode: random}\n"
                           "  - train: rest\n",
                           SHORT));
  assert_steps("ttDsDssRtt");
  const rp_step *first = step_of_kind(RP_OP_DROP, 0), *second = step_of_kind(RP_OP_DROP, 1), *regrow = step_of_kind(RP_OP_REGROW, 0);
  assert_int_equal(first->epoch, 2);
  assert_int_equal(first->cycle, 1);
  assert_string_equal(first->as.drop.ranker, "l2");
  assert_int_equal(first->as.drop.p.digits, 10);
  assert_int_equal(first->as.drop.scope, RP_SCOPE_NETWORK);
  assert_int_equal(second->epoch, 3);
  assert_int_equal(second->cycle, 2);
  assert_string_equal(second->as.drop.settings[0].name, "variant");
  assert_string_equal(second->as.drop.settings[0].text, "authors");
  assert_int_equal(second->as.drop.p.digits, 125);
  assert_int_equal(second->as.drop.p.decimals, 1);
  assert_int_equal(second->as.drop.scope, RP_SCOPE_LAYER);
  assert_string_equal(second->as.drop.skip[0], "conv1");
  assert_int_equal(regrow->epoch, 5);
  assert_int_equal(regrow->as.regrow.mode, RP_REGROW_RANDOM);
  assert_int_equal(program.first_final_epoch, 6);
}

/* ---- Rule 3 ---------------------------------------------------------------------------------- */

static void rule_3_each_epoch_carries_its_resolved_options(void **unused) {
  (void)unused;
  assert_built("train: {epochs: 2, batch: 32, threads: 2, last_batch: keep, optimizer: {name: momentum, lr: 0.05, momentum: 0.8, "
               "weight_decay: 5e-4}}\n");
  const rp_step *step = step_of_kind(RP_OP_TRAIN, 1);
  assert_int_equal(step->epoch, 2);
  assert_near(step->as.train.lr, 0.05, 0);
  assert_int_equal(step->as.train.batch, 32);
  assert_true(step->as.train.keep_last_batch);
  assert_int_equal(step->as.train.optimizer.kind, RP_MOMENTUM);
  assert_near(step->as.train.optimizer.momentum, 0.8, 0);
  assert_near(step->as.train.optimizer.weight_decay, 5e-4, 0);
  assert_int_equal(program.threads, 2);
  assert_int_equal(program.optimizer.kind, RP_MOMENTUM);
  assert_string_equal(step->params,
                      "{\"batch\":32,\"last_batch\":\"keep\",\"optimizer\":\"momentum\",\"optimizer.lr\":0.05,\"optimizer.momentum\":0.8,"
                      "\"optimizer.weight_decay\":0.0005,\"threads\":2}");
}

static void rule_3_defaults_are_the_documented_ones_and_not_in_ids(void **unused) {
  (void)unused;
  assert_built(SHORT "scheme: " REPR "\n");
  const rp_step *train = step_of_kind(RP_OP_TRAIN, 0), *drop = step_of_kind(RP_OP_DROP, 0), *regrow = step_of_kind(RP_OP_REGROW, 0);
  assert_near(train->as.train.lr, 0.01, 0);
  assert_int_equal(train->as.train.batch, 64);
  assert_false(train->as.train.keep_last_batch);
  assert_int_equal(train->as.train.optimizer.kind, RP_SGD);
  assert_int_equal(program.threads, 1);
  assert_string_equal(drop->as.drop.ranker, "ortho");
  assert_int_equal(drop->as.drop.normalise, -1);
  assert_true(drop->as.drop.gate);
  assert_true(drop->as.drop.p.digits == 30 && drop->as.drop.p.decimals == 0);
  assert_int_equal(drop->as.drop.keep_at_least, 1);
  assert_int_equal(drop->as.drop.drop_at_most.digits, 100);
  assert_int_equal(drop->as.drop.score.data, RP_SCORE_AUTO);
  assert_int_equal(drop->as.drop.score.images, 0);
  assert_true(regrow->as.regrow.mode == RP_REGROW_ORTHOGONAL && regrow->as.regrow.scale == RP_SCALE_MEAN_NORM);
  assert_true(!regrow->as.regrow.keep_bias && regrow->as.regrow.readers == RP_READERS_KEEP);
  for (int i = 0; i < program.n_steps; i++) assert_string_equal(program.steps[i].params, "{}");
}

static void defaults_that_are_written_out_do_not_change_ids(void **unused) {
  (void)unused;
  assert_built("train: {epochs: 7, batch: 64.0, optimizer: {name: sgd, lr: 1e-2}}\ndata: cifar10\nscore: {data: auto}\n"
               "scheme: {name: repr, s1: 2, s2: 1, n: 2, p: 30.0, ranker: {name: ortho}, limits: {skip: [], keep_at_least: 1}, "
               "regrow: {mode: orthogonal, scale: mean-norm, bias: zero}}\n");
  for (int i = 0; i < program.n_steps; i++) assert_string_equal(program.steps[i].params, "{}");
}

/* Order and spelling do not matter, nor does what is off. */
static void augmentation_is_in_an_epochs_options_and_in_one_spelling_in_ids(void **unused) {
  (void)unused;
  static const char *const SPELLINGS[] = {"[flip, crop: 4]", "[crop: 4, flip]", "{flip: on, crop: 4.0}", "{cutout: 0, crop: 4, flip: yes}"};
  for (int i = 0; i < 4; i++) {
    char config[128];
    snprintf(config, sizeof config, SHORT "data: {name: cifar10, augment: %s}\n", SPELLINGS[i]);
    assert_built(config);
    const rp_step *step = step_of_kind(RP_OP_TRAIN, 3);
    assert_true(step->as.train.augment.flip && step->as.train.augment.crop == 4 && step->as.train.augment.cutout == 0);
    assert_string_equal(step->params, "{\"augment\":{\"crop\":4,\"flip\":true}}");
  }
  assert_built(SHORT "data: {augment: [cutout: 8]}\n");
  assert_string_equal(step_of_kind(RP_OP_TRAIN, 0)->params, "{\"augment\":{\"cutout\":8}}");
  static const char *const NONE[] = {"none", "[]", "{crop: 0}", "{flip: off}"};
  for (int i = 0; i < 4; i++) {
    char config[128];
    snprintf(config, sizeof config, SHORT "data: {augment: %s}\n", NONE[i]);
    assert_built(config);
    assert_string_equal(step_of_kind(RP_OP_TRAIN, 0)->params, "{}");
  }
}

/* ---- Optimizers ------------------------------------------------------------------------------ */

static void assert_params(const char *train, const char *params) {
  char config[512];
  snprintf(config, sizeof config, "train: {epochs: 2, %s}\n", train);
  assert_built(config);
  assert_string_equal(program.steps[1].params, params);
}

static void rule_3_each_optimizer_carries_its_options_and_names_what_is_no_default(void **unused) {
  (void)unused;
  assert_params("optimizer: nesterov", "{\"optimizer\":\"nesterov\"}");
  assert_near(program.optimizer.momentum, 0.9, 0);
  assert_params("optimizer: {name: rmsprop, alpha: 0.9, epsilon: 0.001}",
                "{\"optimizer\":\"rmsprop\",\"optimizer.alpha\":0.9,\"optimizer.epsilon\":0.001}");
  assert_true(program.optimizer.kind == RP_RMSPROP && program.optimizer.alpha == 0.9 && program.optimizer.epsilon == 0.001);
  assert_params("optimizer: adam", "{\"optimizer\":\"adam\"}");
  assert_near(program.steps[0].as.train.lr, 0.001, 0);
  assert_true(program.optimizer.beta1 == 0.9 && program.optimizer.beta2 == 0.999 && program.optimizer.epsilon == 1e-8);
  assert_params("optimizer: {name: adam, beta1: 0.8, beta2: 0.99, epsilon: 1e-8, lr: 0.001}",
                "{\"optimizer\":\"adam\",\"optimizer.beta1\":0.8,\"optimizer.beta2\":0.99}");
  assert_true(program.optimizer.beta1 == 0.8 && program.optimizer.beta2 == 0.99);
  assert_params("optimizer: {name: adamw, weight_decay: 0.01}", "{\"optimizer\":\"adamw\"}");
  assert_near(program.optimizer.weight_decay, 0.01, 0);
}

/* Without weight decay there is nothing that it could leave out. */
static void what_decays_is_in_ids_where_something_decays(void **unused) {
  (void)unused;
  assert_params("optimizer: {decay: weights}", "{}");
  assert_params("optimizer: {name: momentum, decay: weights, weight_decay: 0.1}",
                "{\"optimizer\":\"momentum\",\"optimizer.decay\":\"weights\",\"optimizer.weight_decay\":0.1}");
  assert_int_equal(program.optimizer.decay, RP_DECAY_WEIGHTS);
  assert_params("optimizer: {decay: all, weight_decay: 0.1}", "{\"optimizer.weight_decay\":0.1}");
  assert_int_equal(program.optimizer.decay, RP_DECAY_ALL);
}

/* ---- Schedules (rule 3) ---------------------------------------------------------------------- */

/* The lr of each epoch's first step, in order. */
static void assert_first_rates(const double *expected, int n) {
  int epochs = 0;
  for (int i = 0; i < program.n_steps; i++) {
    if (program.steps[i].kind != RP_OP_TRAIN) continue;
    if (epochs < n) assert_near(program.steps[i].as.train.lr, expected[epochs], 1e-12);
    epochs++;
  }
  assert_int_equal(epochs, n);
}

static void rule_3_an_epoch_of_one_lr_is_named_by_it_whatever_the_schedule(void **unused) {
  (void)unused;
  assert_built("train: {epochs: 5, optimizer: {lr: 0.02}, schedule: {name: staircase, factor: 0.5, every: 2}}\n");
  assert_first_rates((double[]){0.02, 0.02, 0.01, 0.01, 0.005}, 5);
  assert_string_equal(program.steps[1].params, "{\"optimizer.lr\":0.02}");
  assert_string_equal(program.steps[3].params, "{}"); /* 0.01 is the default */
  assert_string_equal(program.steps[4].params, "{\"optimizer.lr\":0.005}");
  assert_built("train: {epochs: 3, optimizer: {lr: 0.02}, schedule: {name: exponential, factor: 0.5}}\n");
  assert_string_equal(program.steps[0].params, "{\"optimizer.lr\":0.02}");
  assert_string_equal(program.steps[1].params, "{}");
  assert_built("train: {epochs: 3, schedule: {name: cosine, final: 0.002}}\n");
  assert_string_equal(program.steps[0].params, "{}");
  assert_first_rates((double[]){0.01, 0.008, 0.004}, 3);
  assert_built("train: {epochs: 4, optimizer: {lr: 0.02}, schedule: {name: cyclical, low: 0.01, half_period: 1}}\n");
  assert_first_rates((double[]){0.01, 0.02, 0.01, 0.02}, 4);
  assert_string_equal(program.steps[2].params, "{}");
}

/* 15 steps each: stairs of 30 steps are stairs of two epochs. */
static void rule_3_steps_count_to_whole_epochs_where_they_fit(void **unused) {
  (void)unused;
  assert_built("train: {epochs: 4, schedule: {name: staircase, factor: 0.5, every: 30, unit: steps}}\n");
  assert_first_rates((double[]){0.01, 0.01, 0.005, 0.005}, 4);
  for (int i = 0; i < 4; i++) assert_int_equal(program.steps[i].as.train.within.kind, RP_CONSTANT);
  assert_string_equal(program.steps[0].params, "{}");
  assert_string_equal(program.steps[2].params, "{\"optimizer.lr\":0.005}");
}

static void rule_3_an_epoch_of_several_lrs_is_named_by_its_schedule_and_first_step(void **unused) {
  (void)unused;
  assert_built("train: {epochs: 3, schedule: {name: staircase, factor: 0.5, every: 20, unit: steps}}\n");
  assert_first_rates((double[]){0.01, 0.01, 0.005}, 3); /* steps 0 to 14, 15 to 29, 30 to 44; stairs at 20 and 40 */
  assert_string_equal(program.steps[0].params, "{}");
  assert_string_equal(program.steps[1].params, "{\"schedule.every\":20,\"schedule.factor\":0.5,\"schedule.first\":15,\"schedule.lr\":0.01,"
                                               "\"schedule.name\":\"staircase\"}");
  const rp_train_options *second = &program.steps[1].as.train;
  assert_true(rp_train_lr(second, 4) == 0.01 && rp_train_lr(second, 5) == 0.005 && rp_train_lr(second, 14) == 0.005);

  assert_built("train: {epochs: 3, batch: 100, last_batch: keep, optimizer: {name: adam, lr: 0.5}, "
               "schedule: {name: exponential, factor: 0.5, unit: steps}}\n");
  assert_string_equal(program.steps[2].params,
                      "{\"batch\":100,\"last_batch\":\"keep\",\"optimizer\":\"adam\",\"schedule.factor\":0.5,\"schedule.first\":20,"
                      "\"schedule.lr\":0.5,\"schedule.name\":\"exponential\"}");
  assert_near(rp_train_lr(&program.steps[2].as.train, 3), ldexp(0.5, -23), 0);

  /* The optimizer's lr decides nothing where low and high are given; only the time within the period counts. */
  assert_built("train: {epochs: 3, optimizer: {lr: 7}, schedule: {name: cyclical, low: 0.25, high: 0.75, half_period: 10, unit: steps}}\n");
  assert_string_equal(program.steps[2].params, "{\"schedule.first\":10,\"schedule.half_period\":10,\"schedule.high\":0.75,"
                                               "\"schedule.low\":0.25,\"schedule.name\":\"cyclical\"}");
  assert_near(rp_train_lr(&program.steps[2].as.train, 0), 0.75, 0);
  assert_near(rp_train_lr(&program.steps[1].as.train, 0), 0.5, 0); /* step 15 */
}

/* A warm-up does not depend on what follows, nor what follows on the warm-up. */
static void rule_3_a_cosine_by_steps_and_its_warm_up_are_named_apart(void **unused) {
  (void)unused;
  static const char WARM_UP[] = "{\"schedule.first\":15,\"schedule.lr\":0.01,\"schedule.name\":\"cosine\",\"schedule.warm_up\":30}";
  assert_built("train: {epochs: 5, schedule: {name: cosine, warm_up: 2, final: 0.001, unit: steps}}\n");
  assert_string_equal(program.steps[1].params, WARM_UP);
  assert_string_equal(program.steps[3].params,
                      "{\"schedule.final\":0.001,\"schedule.first\":15,\"schedule.length\":45,\"schedule.lr\":0.01,"
                      "\"schedule.name\":\"cosine\"}");
  assert_near(rp_train_lr(&program.steps[1].as.train, 14), 0.01 * 30 / 31, 1e-15); /* step 29 */
  assert_near(rp_train_lr(&program.steps[2].as.train, 0), 0.01, 0);
  assert_near(rp_train_lr(&program.steps[3].as.train, 0), 0.001 + 0.009 * 0.75, 1e-15); /* a third of the way */
  assert_built("train: {epochs: 9, schedule: {name: cosine, warm_up: 2, unit: steps}}\n");
  assert_string_equal(program.steps[1].params, WARM_UP);
}

/* Two epochs, drop, one, regrow, twice, and one: t t D s R t t D s R t. */
static void rule_3_cycles_restart_a_schedule_where_they_are_told_to(void **unused) {
  (void)unused;
  assert_built(SHORT_WITH("schedule: {name: exponential, factor: 0.5}") "scheme: " REPR "\n");
  assert_steps("ttDsRttDsRt");
  assert_first_rates((double[]){0.01, 0.005, 0.0025, 0.00125, 0.000625, 0.0003125, 0.00015625}, 7);
  assert_built(SHORT_WITH("schedule: {name: exponential, factor: 0.5, restart: cycles}") "scheme: " REPR "\n");
  assert_first_rates((double[]){0.01, 0.005, 0.0025, 0.01, 0.005, 0.0025, 0.01}, 7);
  assert_built(SHORT_WITH("schedule: {name: cosine, restart: off}") "scheme: " REPR "\n");
  assert_near(program.steps[8].as.train.lr, 0.0018825509907063, 1e-12);
  assert_built(SHORT_WITH("schedule: {name: cosine, restart: cycles}") "scheme: " REPR "\n");
  assert_first_rates((double[]){0.01, 0.0075, 0.0025, 0.01, 0.0075, 0.0025, 0.01}, 7);
  assert_built(SHORT_WITH("schedule: {name: exponential, factor: 0.5, unit: steps, restart: cycles}") "scheme: " REPR "\n");
  assert_string_equal(program.steps[5].params, program.steps[0].params);
  assert_non_null(strstr(program.steps[6].params, "\"schedule.first\":15,"));
}

static void a_schedule_that_lacks_a_key_or_contradicts_itself_is_refused_with_its_place(void **unused) {
  (void)unused;
  assert_refused("train:\n  epochs: 7\n  schedule: staircase\n", "demo.yaml:3:13: train.schedule: staircase needs `every`: the epochs");
  assert_refused("train: {epochs: 7, schedule: {name: staircase, factor: 0.5}}\n",
                 "demo.yaml:1:30: train.schedule: staircase needs `every`");
  assert_refused("train: {epochs: 7, schedule: exponential}\n", "train.schedule: exponential needs `factor`");
  assert_refused("train: {epochs: 7, schedule: {name: cyclical, half_period: 2}}\n", "train.schedule: cyclical needs `low`");
  assert_refused("train: {epochs: 7, schedule: {name: cyclical, low: 0}}\n", "train.schedule: cyclical needs `half_period`");
  assert_refused("train: {epochs: 7, schedule: {name: cyclical, low: 0.2, high: 0.1, half_period: 2}}\n",
                 "demo.yaml:1:52: train.schedule.low: 0.2 is above high, 0.1");
  assert_refused("train: {epochs: 7, schedule: {name: cyclical, low: 0.2, half_period: 2}}\n",
                 "train.schedule.low: 0.2 is above the optimizer's lr, 0.01");
  assert_refused("train: {epochs: 7, schedule: {name: cosine, final: 0.1}}\n",
                 "demo.yaml:1:52: train.schedule.final: 0.1 is above the optimizer's lr, 0.01");
  assert_refused(
      "train: {epochs: 7, schedule: {name: cosine, warm_up: 7}}\n",
      "demo.yaml:1:54: train.schedule.warm_up: a warm-up of 7 epochs leaves nothing of the 7 epochs from epoch 1 on; 6 is the most");
  assert_built("train: {epochs: 7, schedule: {name: cosine, warm_up: 6}}\n");
  assert_refused(SHORT_WITH("schedule: {name: cosine, warm_up: 1, restart: cycles}") "scheme: " REPR "\n",
                 "a warm-up of 1 epochs leaves nothing of the 1 epochs from epoch 7 on");
}

/* ---- Drops ----------------------------------------------------------------------------------- */

static void a_drop_says_what_differs_from_its_defaults(void **unused) {
  (void)unused;
  assert_built(
      SHORT
      "score: {images: 500, data: train}\n"
      "scheme: {name: repr, s1: 2, s2: 1, n: 2, p: 12.50, gate: off, ranker: {name: lib/mine.so, x: 1.0, flag: yes, normalise: layer-l2},\n"
      "  limits: {skip: [b, a, b], keep_at_least: 2, drop_at_most: 50, scope: layer}}\n");
  const rp_step *step = step_of_kind(RP_OP_DROP, 1);
  const rp_drop_request *drop = &step->as.drop;
  assert_string_equal(drop->ranker, "lib/mine.so");
  assert_int_equal(drop->normalise, RP_NORMALISE_LAYER_L2);
  assert_int_equal(drop->n_settings, 2);
  assert_string_equal(drop->settings[0].name, "flag");
  assert_string_equal(drop->settings[0].text, "on");
  assert_string_equal(drop->settings[1].text, "1");
  assert_int_equal(drop->n_skip, 2);
  assert_string_equal(drop->skip[0], "a");
  assert_int_equal(drop->score.data, RP_SCORE_TRAIN);
  assert_int_equal(drop->score.images, 500);
  assert_string_equal(drop->place, "demo.yaml:3:78: scheme.ranker");
  assert_string_equal(step->params, "{\"gate\":false,\"limits.drop_at_most\":50,\"limits.keep_at_least\":2,\"limits.scope\":\"layer\","
                                    "\"limits.skip\":[\"a\",\"b\"],\"p\":12.5,"
                                    "\"score.data\":\"train\",\"score.images\":500}");
}

static void p_outside_0_to_100_is_refused_where_it_was_given(void **unused) {
  (void)unused;
  assert_refused("train: {epochs: 100}\nscheme:\n  name: repr\n  p: 130\n", "demo.yaml:4:6: scheme.p: 130 is not a percentage (0 to 100)");
  assert_refused(SHORT "scheme: {name: repr, s1: 2, s2: 1, n: 2, p: -1}\n", "scheme.p: -1 is not a percentage (0 to 100)");
  assert_refused(SHORT "scheme: {name: repr, s1: 2, s2: 1, n: 2, p: half}\n", "scheme.p: 'half' is not a percentage (0 to 100)");
}

static void mistakes_in_a_scheme_are_refused_with_their_place(void **unused) {
  (void)unused;
  assert_refused(SHORT "scheme: {name: repr, s1: 2, s2: 1, n: 2, limits: {skp: [conv1]}}\n",
                 "demo.yaml:2:51: unknown key 'skp' in drop.limits; did you mean 'skip'?");
  assert_refused(SHORT "scheme: {name: repr, s1: 2, s2: 1, n: 2, regrow: {mode: ortogonal}}\n",
                 "demo.yaml:2:57: scheme.regrow.mode: 'ortogonal' is not known here; did you mean 'orthogonal'?");
  assert_refused(SHORT "scheme: {name: repr, s1: 2, s2: 1, n: 2, gate: 3}\n", "scheme.gate: 3 is not on or off");
  assert_refused(SHORT "scheme: {name: repr, s1: 2, s2: 1, n: 2, ranker: {name: l2, normalise: layer}}\n",
                 "scheme.ranker.normalise: 'layer' is not known here");
  assert_refused(SHORT "scheme: {name: repr, s1: 2, s2: 1, n: 2, ranker: {name: l2, x: [1]}}\n", "scheme.ranker.x: a list stands here");
  assert_refused(SHORT "scheme: {name: repr, s3: 2}\n", "demo.yaml:2:22: scheme repr has no parameter 's3'; did you mean 's1'?");
  assert_refused(SHORT "scheme: rpr\n", "demo.yaml:2:9: scheme.name: there is no scheme 'rpr'; did you mean 'repr'?");
  assert_refused(with_scheme("program:\n  - train: 2\n  - dorp: {p: 3}\n", SHORT), "own.yaml:3:5: unknown op 'dorp'; did you mean 'drop'?");
  assert_refused(with_scheme("program:\n  - train: 2\n  - drop: {pp: 3}\n  - train: 1\n  - regrow:\n  - train: rest\n", SHORT),
                 "own.yaml:3:12: unknown key 'pp' in drop; did you mean 'p'?");
  assert_refused(with_scheme("program:\n  - train\n", SHORT), "an entry of a program is a map with one op");
}

/* ---- Regrowing (rules 17 to 19) -------------------------------------------------------------- */

static void assert_regrow(const char *regrow, rp_regrow_options expected, const char *params) {
  char config[256];
  snprintf(config, sizeof config, SHORT "scheme: {name: repr, s1: 2, s2: 1, n: 2, regrow: %s}\n", regrow);
  assert_built(config);
  const rp_step *step = step_of_kind(RP_OP_REGROW, 0);
  assert_int_equal(step->as.regrow.mode, expected.mode);
  assert_int_equal(step->as.regrow.scale, expected.scale);
  assert_int_equal(step->as.regrow.keep_bias, expected.keep_bias);
  assert_int_equal(step->as.regrow.readers, expected.readers);
  assert_string_equal(step->params, params);
}

static void rule_19_the_preset_authors_is_mode_authors_bias_keep_readers_keep(void **unused) {
  (void)unused;
  const rp_regrow_options authors = {RP_REGROW_AUTHORS, RP_SCALE_MEAN_NORM, 1, RP_READERS_KEEP};
  assert_regrow("{preset: authors}", authors, "{\"bias\":\"keep\",\"mode\":\"authors\"}");
  assert_regrow("{mode: authors, bias: keep, readers: keep}", authors, "{\"bias\":\"keep\",\"mode\":\"authors\"}");
}

static void a_key_beside_a_preset_wins_over_it(void **unused) {
  (void)unused;
  assert_regrow("{preset: authors, bias: zero}", (rp_regrow_options){RP_REGROW_AUTHORS, RP_SCALE_MEAN_NORM, 0, RP_READERS_KEEP},
                "{\"mode\":\"authors\"}");
}

static void rule_17_scale_is_for_orthogonal_only(void **unused) {
  (void)unused;
  assert_regrow("{scale: own}", (rp_regrow_options){RP_REGROW_ORTHOGONAL, RP_SCALE_OWN, 0, RP_READERS_KEEP}, "{\"scale\":\"own\"}");
  assert_regrow("{mode: random, scale: own}", (rp_regrow_options){RP_REGROW_RANDOM, RP_SCALE_MEAN_NORM, 0, RP_READERS_KEEP},
                "{\"mode\":\"random\"}");
}

static void rule_16_restore_touches_nothing_whatever_else_is_said(void **unused) {
  (void)unused;
  assert_regrow("{mode: restore, bias: keep, readers: zero}",
                (rp_regrow_options){RP_REGROW_RESTORE, RP_SCALE_MEAN_NORM, 0, RP_READERS_KEEP}, "{\"mode\":\"restore\"}");
}

/* ---- Limits against a model (rule 13) -------------------------------------------------------- */

static rp_status check(const char *config_yaml, rp_error *err) {
  rp_layer_spec layers[] = {{.kind = RP_CONV, .name = "conv1", .outputs = 10},
                            {.kind = RP_MAX_POOL, .name = "pool1"},
                            {.kind = RP_CONV, .name = "conv2", .outputs = 30},
                            {.kind = RP_FC, .name = "fc1", .outputs = 10}};
  rp_model model = {.n_layers = 4, .layers = layers};
  assert_ok(build(config_yaml, err), *err);
  return rp_program_check(&program, &model, err);
}

#define REPR_WITH(keys) SHORT "scheme: {name: repr, s1: 2, s2: 1, n: 2, " keys "}\n"

static void rule_13_a_count_that_cannot_be_met_is_known_before_the_run(void **unused) {
  (void)unused;
  rp_error err = {0};
  assert_ok(check(REPR_WITH("p: 95"), &err), err); /* 38 of 40, one kept in each layer */
  assert_fails(check(REPR_WITH("p: 97.5"), &err), RP_EINPUT, err, "demo.yaml:2:45: scheme.p: ");
  assert_ok(check(REPR_WITH("p: 72.5, limits: {skip: [conv1]}"), &err), err); /* 29 of the 30 of conv2 */
  assert_fails(check(REPR_WITH("p: 75, limits: {skip: [conv1]}"), &err), RP_EINPUT, err, "scheme.p: ");
  assert_ok(check(REPR_WITH("p: 50, limits: {drop_at_most: 50}"), &err), err);
  assert_fails(check(REPR_WITH("p: 52.5, limits: {drop_at_most: 50}"), &err), RP_EINPUT, err, "scheme.p: ");
}

static void rule_13_drops_add_up_until_a_regrow(void **unused) {
  (void)unused;
  rp_error err = {0};
  static const char TWO[] =
      "parameters: {p: 30}\nprogram: [{train: 1}, {drop: {p: $p}}, {train: 1}, {drop: {p: $p}}, {train: 1}, {regrow: {}}, {train: rest}]\n";
  char config[256];
  const char *file = test_file("two.yaml", TWO);
  snprintf(config, sizeof config, SHORT "scheme: {name: %s, p: 47.5}\n", file); /* 19 + 19 = 38 of 40 */
  assert_ok(check(config, &err), err);
  snprintf(config, sizeof config, SHORT "scheme: {name: %s, p: 50}\n", file);
  assert_fails(check(config, &err), RP_EINPUT, err, "scheme.p: ");
  assert_ok(check(REPR_WITH("p: 50"), &err), err); /* regrown in between */
}

static void rule_13_skip_names_conv_layers(void **unused) {
  (void)unused;
  rp_error err = {0};
  assert_fails(check(REPR_WITH("limits: {skip: [cnv1]}"), &err), RP_EINPUT, err,
               "demo.yaml:2:57: scheme.limits.skip: 'cnv1' is no conv layer of the model; did you mean 'conv1'? There are: conv1, conv2");
  assert_fails(check(REPR_WITH("limits: {skip: [pool1]}"), &err), RP_EINPUT, err, "'pool1' is no conv layer of the model");
}

#define TEST(name) cmocka_unit_test_teardown(name, free_program)

int main(void) {
  const struct CMUnitTest tests[] = {
      TEST(rule_1_epochs_count_from_1_and_sub_lasts_from_drop_to_regrow),
      TEST(rule_1_the_phase_is_sub_with_the_gate_off_too),
      TEST(rule_2_rest_is_what_is_left_of_the_total),
      TEST(rule_2_without_a_total_the_programs_own_sum_counts),
      TEST(rule_2_after_counts_from_the_last_cycle),
      TEST(rule_2_a_program_that_does_not_fit_names_the_smallest_total_that_fits),
      TEST(rule_2_a_full_epoch_follows_the_last_regrow_unless_the_scheme_ends_in_sub),
      TEST(rule_2_s1_of_0_epochs_is_an_error),
      TEST(rule_2_rest_stands_once_and_regrow_follows_a_drop),
      TEST(a_scheme_that_nobody_foresaw_becomes_its_steps),
      TEST(rule_3_each_epoch_carries_its_resolved_options),
      TEST(rule_3_defaults_are_the_documented_ones_and_not_in_ids),
      TEST(defaults_that_are_written_out_do_not_change_ids),
      TEST(augmentation_is_in_an_epochs_options_and_in_one_spelling_in_ids),
      TEST(rule_3_each_optimizer_carries_its_options_and_names_what_is_no_default),
      TEST(what_decays_is_in_ids_where_something_decays),
      TEST(rule_3_an_epoch_of_one_lr_is_named_by_it_whatever_the_schedule),
      TEST(rule_3_steps_count_to_whole_epochs_where_they_fit),
      TEST(rule_3_an_epoch_of_several_lrs_is_named_by_its_schedule_and_first_step),
      TEST(rule_3_a_cosine_by_steps_and_its_warm_up_are_named_apart),
      TEST(rule_3_cycles_restart_a_schedule_where_they_are_told_to),
      TEST(a_schedule_that_lacks_a_key_or_contradicts_itself_is_refused_with_its_place),
      TEST(a_drop_says_what_differs_from_its_defaults),
      TEST(p_outside_0_to_100_is_refused_where_it_was_given),
      TEST(mistakes_in_a_scheme_are_refused_with_their_place),
      TEST(rule_19_the_preset_authors_is_mode_authors_bias_keep_readers_keep),
      TEST(a_key_beside_a_preset_wins_over_it),
      TEST(rule_17_scale_is_for_orthogonal_only),
      TEST(rule_16_restore_touches_nothing_whatever_else_is_said),
      TEST(rule_13_a_count_that_cannot_be_met_is_known_before_the_run),
      TEST(rule_13_drops_add_up_until_a_regrow),
      TEST(rule_13_skip_names_conv_layers),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
