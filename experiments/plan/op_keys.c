/* op_keys.c: one row for each parameter of an op. */
#include "experiments/plan/op_keys.h"

#include "experiments/config/yaml.h"

static const rp_key ROWS[] = {
    {.name = "drop", .type = RP_KEY_MAP, .help = "rank the active filters and drop the least important", .since = "1.0"},
    {.name = "drop.ranker",
     .type = RP_KEY_OPEN,
     .fallback = "ortho",
     .help = "criterion, with its options and `normalise`",
     .since = "1.0"},
    {.name = "drop.p", .type = RP_KEY_PERCENT, .fallback = "30", .help = "percent of all filters that are dropped", .since = "1.0"},
    {.name = "drop.gate",
     .type = RP_KEY_FLAG,
     .fallback = "on",
     .help = "off: filters are marked, but the network stays whole (a control)",
     .since = "1.0"},
    {.name = "drop.limits", .type = RP_KEY_MAP, .help = "bounds on what is dropped", .since = "1.0"},
    {.name = "drop.limits.scope",
     .type = RP_KEY_WORD,
     .words = RP_SCOPE_WORDS,
     .fallback = "network",
     .help = "network: p percent of all filters; layer: of each layer",
     .since = "1.0"},
    {.name = "drop.limits.skip", .type = RP_KEY_TEXTS, .fallback = "[]", .help = "layers that are not ranked", .since = "1.0"},
    {.name = "drop.limits.keep_at_least",
     .type = RP_KEY_INTEGER,
     .lowest = 0,
     .highest = 65536,
     .fallback = "1",
     .help = "active filters that each layer keeps",
     .since = "1.0"},
    {.name = "drop.limits.drop_at_most",
     .type = RP_KEY_PERCENT,
     .fallback = "100",
     .help = "percent of a layer's filters that may be dropped at once",
     .since = "1.0"},
    {.name = "regrow", .type = RP_KEY_MAP, .help = "give every dropped filter new weights and open its gate", .since = "1.0"},
    {.name = "regrow.preset", .type = RP_KEY_WORD, .words = "authors", .help = "authors: as the released code does it", .since = "1.0"},
    {.name = "regrow.mode",
     .type = RP_KEY_WORD,
     .words = RP_REGROW_MODE_WORDS,
     .fallback = "orthogonal",
     .help = "where new weights come from",
     .since = "1.0"},
    {.name = "regrow.scale",
     .type = RP_KEY_WORD,
     .words = RP_REGROW_SCALE_WORDS,
     .fallback = "mean-norm",
     .help = "norm of new weights, for mode orthogonal",
     .since = "1.0"},
    {.name = "regrow.bias",
     .type = RP_KEY_WORD,
     .words = RP_REGROW_BIAS_WORDS,
     .fallback = "zero",
     .help = "what becomes of the filter's bias",
     .since = "1.0"},
    {.name = "regrow.readers",
     .type = RP_KEY_WORD,
     .words = RP_REGROW_READERS_WORDS,
     .fallback = "keep",
     .help = "what becomes of the weights that read the filter's map",
     .since = "1.0"},
};

const rp_key_table rp_op_keys = {ROWS, sizeof ROWS / sizeof ROWS[0]};

const rp_key rp_normalise_key = {.name = "normalise",
                                 .type = RP_KEY_WORD,
                                 .words = RP_NORMALISE_WORDS,
                                 .help = "per layer, before filters of different layers are compared",
                                 .since = "1.0"};

/* X(name, its keys) */
static const struct { const char *name, *keys; } PRESETS[] = {{"authors", "{mode: authors, bias: keep, readers: keep}"}};

rp_status rp_regrow_preset(const char *name, rp_node **map, rp_error *err) {
  for (size_t i = 0; i < sizeof PRESETS / sizeof PRESETS[0]; i++) {
    if (rp_word_index(PRESETS[i].name, name) != 0) continue;
    RP_CLEANUP(rp_node_free) rp_node *keys = NULL;
    RP_TRY(rp_yaml_parse(PRESETS[i].keys, "preset", &keys, err));
    return rp_node_merge(*map, keys, err);
  }
  return rp_fail(err, RP_EINPUT, "there is no preset '%s'", name);
}
