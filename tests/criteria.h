/* criteria.h: a built-in criterion on a context of a test's own, which is small enough to compute its scores by hand. */
#ifndef RP_TESTS_CRITERIA_H
#define RP_TESTS_CRITERIA_H

#include "core/ranking/options.h"
#include "tests/ranker_files.h"

enum { MOST_FILTERS = 64, MOST_WORDS = 16 };

/* A conv layer whose filters are all active and which has no BN. Further fields are the test's. */
#define CONV(layer_name, n_filters, n_channels, kernel_height, kernel_width, weights, is_active)                                           \
  {                                                                                                                                        \
    .size = sizeof(rp_conv_layer), .name = layer_name, .K = n_filters, .C = n_channels, .R = kernel_height, .S = kernel_width,             \
    .weight = weights, .active = is_active, .out_height = 1, .out_width = 1                                                                \
  }

/* Layers in order; writes where their filters stand. */
static inline rp_context context_of(rp_conv_layer *const *layers, uint32_t n) {
  rp_context context = {.size = sizeof context, .n_layers = n, .n_classes = 2, .cycle = 1, .layers = (const rp_conv_layer *const *)layers};
  for (uint32_t l = 0; l < n; l++) {
    layers[l]->first_filter = context.n_filters;
    context.n_filters += layers[l]->K;
  }
  assert_true(context.n_filters <= MOST_FILTERS);
  return context;
}

/* A criterion with its options as words, name and value by turns: "variant signed level kernel". */
typedef struct {
  rp_plugin plugin;
  rp_value *options;
  const rp_ranker *ranker;
} criterion;

static inline criterion open_criterion(const char *name, const char *words) {
  char file[64], copy[256], *rest = copy;
  rp_option_text given[MOST_WORDS];
  int n = 0;
  snprintf(file, sizeof file, "rankers/%s.so", name);
  snprintf(copy, sizeof copy, "%s", words);
  for (char *word; (word = strtok_r(rest, " ", &rest)); n++) given[n] = (rp_option_text){word, strtok_r(rest, " ", &rest)};
  rp_error err = {0};
  criterion opened = {.plugin = load_plugin(file)};
  rp_plugin_description description = describe_plugin(file);
  assert_ok(rp_ranker_options_parse(&description, given, n, &opened.options, &err), err);
  rp_plugin_description_free(&description);
  opened.ranker = opened.plugin.ranker;
  return opened;
}

static inline void close_criterion(criterion *opened) {
  free(opened->options);
  rp_plugin_free(&opened->plugin);
}

/* All calls of an event. Returns what the first one that failed did, with its message; `importance` [n_filters], NaN where nothing was
 * written. */
static inline int score_criterion(const char *name, const char *words, const rp_context *context, const rp_batch *batches, int n_batches,
                                  float *importance, rp_message *message) {
  criterion opened = open_criterion(name, words);
  const rp_ranker *ranker = opened.ranker;
  void *self = NULL;
  int status = RP_RANKER_OK, is_created = 0;
  *message = (rp_message){.size = sizeof *message};
  for (uint32_t f = 0; f < context->n_filters; f++) importance[f] = NAN;
  if (ranker->create) status = ranker->create(context, opened.options, &self, message);
  is_created = status == RP_RANKER_OK;
  for (int i = 0; status == RP_RANKER_OK && i < n_batches; i++) status = ranker->observe(self, context, &batches[i], message);
  if (status == RP_RANKER_OK) status = ranker->score(self, context, importance, message);
  if (is_created && self && ranker->destroy) ranker->destroy(self);
  close_criterion(&opened);
  return status;
}

/* Scores of active filters, to 1e-6; what stands at inactive ones does not count. */
static inline void assert_importances(const char *name, const char *words, const rp_context *context, const rp_batch *batches,
                                      int n_batches, const double *expected) {
  float importance[MOST_FILTERS];
  rp_message message;
  if (score_criterion(name, words, context, batches, n_batches, importance, &message) != RP_RANKER_OK)
    fail_msg("%s %s: %s", name, words, message.text);
  for (uint32_t l = 0; l < context->n_layers; l++)
    for (uint32_t k = 0; k < context->layers[l]->K; k++) {
      uint32_t f = context->layers[l]->first_filter + k;
      if (context->layers[l]->active[k] && !(fabs(importance[f] - expected[f]) <= 1e-6 * (1 + fabs(expected[f]))))
        fail_msg("%s %s: filter %u of %s has %.9g, not %.9g", name, words, (unsigned)k, context->layers[l]->name, (double)importance[f],
                 expected[f]);
    }
}

#endif
