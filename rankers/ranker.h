/* ranker.h: the interface between repr and a ranking criterion; the only header that a plugin includes.
 *
 * A plugin is a shared object with one exported data symbol, `const rp_ranker rp_ranker_plugin`. It gives every active filter of a net a
 * number, its importance; repr drops those with the lowest ones. Build one with
 *
 *     gcc -O2 -fPIC -shared -I PREFIX/include/repr mine.c -o mine.so
 *
 * Every struct starts with its size and grows at its end, so that plugins and hosts of one major version fit each other: what is marked
 * "since 1.1" is there where the host's size reaches so far, which a plugin for older hosts has to look at. All tensors are
 * dense row-major float32, read-only, and valid during the call only. Numbers of filters, layers and images are in the context; nothing
 * else of the host, and never the test split, is within reach. C++ includes this header as it is. */
#ifndef RP_RANKER_H
#define RP_RANKER_H

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

#define RP_RANKER_ABI_MAJOR 1
#define RP_RANKER_ABI_MINOR 2

#if defined(__GNUC__)
#define RP_RANKER_EXPORT __attribute__((visibility("default")))
#else
#define RP_RANKER_EXPORT
#endif

/* What a plugin wants to be shown (bits of `flags`). */
enum {
  RP_USES_WEIGHT_GRADIENT = 1 << 0,     /* rp_batch_layer.weight_gradient */
  RP_USES_ACTIVATION = 1 << 1,          /* rp_batch_layer.activation */
  RP_USES_ACTIVATION_GRADIENT = 1 << 2, /* rp_batch_layer.activation_gradient */
  RP_USES_ABLATION = 1 << 3,            /* services ablate and ablate_each; the scoring split is then the validation split */
  RP_USES_HESSIAN_PRODUCT = 1 << 4,     /* service hessian_product */
  RP_STOCHASTIC = 1 << 5                /* scores depend on uniform(): permuting filters need not permute scores */
};

/* What functions and services return: 0 is good, anything else an error, whose text stands in the rp_message. NOT_OFFERED: of a service,
 * that this host does not have it; of create, that the criterion does not apply to this net. */
enum { RP_RANKER_OK = 0, RP_RANKER_ERROR = 1, RP_RANKER_NOT_OFFERED = 2 };

/* Where a plugin writes why it failed (NUL-terminated). */
typedef struct rp_message {
  uint32_t size;
  char text[512];
} rp_message;

/* ---- Options --------------------------------------------------------------------------------- */

typedef enum rp_option_kind { RP_OPTION_NUMBER = 1, RP_OPTION_INTEGER = 2, RP_OPTION_FLAG = 3, RP_OPTION_CHOICE = 4 } rp_option_kind;

/* One option; the host parses and checks it and lists it in `repr rankers info`. */
typedef struct rp_option {
  uint32_t size;
  const char *name; /* [a-z0-9-]+ */
  const char *help; /* one line */
  rp_option_kind kind;
  double default_number;      /* NUMBER, INTEGER; FLAG: 0 or 1; CHOICE: index into choices */
  double lowest, highest;     /* NUMBER, INTEGER: the closed range */
  const char *const *choices; /* CHOICE: NULL-terminated; else NULL */
} rp_option;

/* The value of one option, in the order of rp_ranker.options. */
typedef struct rp_value {
  uint32_t size;
  double number;    /* NUMBER, INTEGER; FLAG: 0 or 1; CHOICE: index */
  const char *text; /* CHOICE: the chosen word; else NULL */
} rp_value;

/* ---- The net --------------------------------------------------------------------------------- */

/* What the plugin is told of one filter's past. */
typedef struct rp_filter_history {
  uint32_t size;
  uint32_t last_regrow_epoch; /* 0 = never */
  uint32_t times_dropped;
} rp_filter_history;

/* Where a filter's map is read: weights on channel `channel` of a later conv or fc, viewed as [outputs][channels][E]: for each output k the
 * E values at weight + (k·channels + channel)·E read it. */
typedef struct rp_reader_slice {
  uint32_t size;
  const char *layer;
  const float *weight;
  uint32_t outputs, channels, channel, E;
} rp_reader_slice;

/* One conv layer. */
typedef struct rp_conv_layer {
  uint32_t size;
  const char *name;
  uint32_t K, C, R, S, stride;
  uint32_t depth;                               /* 0 = reads the image; else 1 + the largest depth of a conv that it reads from */
  uint32_t out_height, out_width;               /* of its map */
  uint32_t first_filter;                        /* its filters' place in `importance`: first_filter + k */
  const float *weight;                          /* [K][C][R][S] */
  const float *bias;                            /* [K] or NULL */
  const float *bn_gamma, *bn_beta;              /* [K], of its sole BN; NULL where it has none */
  const float *bn_mean, *bn_variance;           /* [K], running statistics */
  const uint8_t *active;                        /* [K], nonzero = active: only these are ranked */
  const rp_filter_history *const *history;      /* [K] */
  uint32_t n_producers;                         /* convs whose maps it reads */
  const uint32_t *producers;                    /* [n_producers], indices into rp_context.layers */
  const uint32_t *n_readers;                    /* [K] */
  const rp_reader_slice *const *const *readers; /* [K][n_readers[k]] */
} rp_conv_layer;

/* The effect of closing filters' gates on the scoring split. */
typedef struct rp_ablation {
  uint32_t size;
  uint32_t n_images;
  uint64_t correct; /* predictions that are right */
  double loss;      /* mean over images */
} rp_ablation;

/* What a plugin is given: the net before the drop, and services. It and all that it leads to are valid during the call only: what is needed
 * later has to be copied. Services may be called from score and choose, not from observe (they
 * return an error there; log works everywhere). */
typedef struct rp_context rp_context;
struct rp_context {
  uint32_t size;
  uint32_t n_layers, n_filters, n_classes;
  const rp_conv_layer *const *layers; /* [n_layers], conv layers in order */
  uint32_t epoch, cycle;              /* epochs trained; number of this drop, from 1 */
  uint32_t n_images;                  /* images that observe will see, or saw */

  /* A number in (0, 1) for two indices of the plugin's choice, keyed by the trial's seed, the ranker's name and the cycle. NaN during
   * observe. */
  double (*uniform)(const rp_context *, uint32_t i, uint32_t j);
  /* Loss and right predictions with a set of filters ([n_filters], nonzero = closed) removed; an empty set gives the net as it is. */
  int (*ablate)(const rp_context *, const uint8_t *set, rp_ablation *, rp_message *);
  /* The same for each active filter alone: `each` [n_filters], size fields set by the host; rows of inactive filters have n_images 0. */
  int (*ablate_each)(const rp_context *, rp_ablation *each, rp_message *);
  /* The loss's Hessian times v, over all conv weights, layer-major: [Σ K·C·R·S] in and out, on the scoring images. */
  int (*hessian_product)(const rp_context *, const float *v, float *product, rp_message *);
  /* A line for people: `repr run` and `repr score` show it with the ranker's name, the trial and the epoch. */
  void (*log)(const rp_context *, const char *line);

  void *host; /* the host's own */

  /* Since 1.1. ablate_each with the filters of `set` removed as well: rows of these have n_images 0, too. */
  int (*ablate_each_beside)(const rp_context *, const uint8_t *set, rp_ablation *each, rp_message *);
};

/* ---- What is observed ------------------------------------------------------------------------ */

/* One conv layer's tensors for a batch: those that the flags ask for, else NULL. Activations are taken at the gate: after the conv, its
 * sole BN and its sole ReLU, before any pool. The loss is the batch mean. */
typedef struct rp_batch_layer {
  uint32_t size;
  const float *activation;          /* [N][K][H][W] */
  const float *activation_gradient; /* [N][K][H][W], dL/da */
  const float *weight_gradient;     /* [K][C][R][S], dL/dw of this batch */
} rp_batch_layer;

typedef struct rp_batch {
  uint32_t size;
  uint32_t index; /* 0, 1, … */
  uint32_t n_images;
  const float *images;                 /* [N][channels][height][width], normalised */
  const uint8_t *labels;               /* [N] */
  const float *losses;                 /* [N], each image's own */
  const rp_batch_layer *const *layers; /* [n_layers] */
  const float *logits;                 /* [N][n_classes], the net's outputs before softmax. Since 1.2 */
} rp_batch;

/* Bounds on a set-wise choice (SEMANTICS rule 13). */
typedef struct rp_limits {
  uint32_t size;
  uint32_t count;                   /* exactly so many filters are to be dropped */
  const uint8_t *candidates;        /* [n_filters], nonzero = may be dropped */
  const uint32_t *lowest, *highest; /* [n_layers]: at least and at most so many of each layer */
} rp_limits;

/* ---- The plugin ------------------------------------------------------------------------------ */

typedef struct rp_ranker {
  uint16_t abi_major, abi_minor;    /* RP_RANKER_ABI_MAJOR, RP_RANKER_ABI_MINOR */
  uint32_t size;                    /* sizeof(rp_ranker); a missing tail reads as NULL */
  const char *name, *version, *doc; /* [a-z0-9-]+; semantic version; one line with a citation */
  uint32_t flags;
  const char *normalise;           /* none, layer-mean, layer-l2, layer-max or layer-rank: the default; NULL = none */
  const rp_option *const *options; /* NULL-terminated; NULL = none */
  /* All for one event: create, observe once per batch (optional), score, choose (optional), destroy. Each may fail with a message. create
   * and destroy may be NULL where nothing is kept; destroy follows every create that succeeded and left a `self` that is not NULL. A create
   * that fails frees what it took. `options`: one value per option, readable until destroy. */
  int (*create)(const rp_context *, const rp_value *options, void **self, rp_message *);
  int (*observe)(void *self, const rp_context *, const rp_batch *, rp_message *);
  int (*score)(void *self, const rp_context *, float *importance, rp_message *); /* [n_filters], pre-filled with NaN; higher = keep */
  int (*choose)(void *self, const rp_context *, const float *importance, const rp_limits *, uint8_t *drop, rp_message *); /* [n_filters] */
  void (*destroy)(void *self);
  /* Since 1.1, for `repr rankers info`, in as many lines as it takes; NULL = nothing to say. */
  const char *formula;   /* importance_f = …, with every symbol, and what each option changes */
  const char *citation;  /* whose formula it is, and where this one differs */
  const char *reduction; /* what is summed over what, in which order and precision */
} rp_ranker;

/* What a plugin defines, once. */
extern RP_RANKER_EXPORT const rp_ranker rp_ranker_plugin;

#ifdef __cplusplus
}
#endif

#endif
