/* model_keys.h: the keys of layers in model files, as rows of a table of keys; a section per kind of layer. */
#ifndef RP_PLAN_MODEL_KEYS_H
#define RP_PLAN_MODEL_KEYS_H

#include "core/nn/model.h"
#include "experiments/config/keys.h"

/* The names of initialisations, in their order, as "|a|b|c". */
#define RP_INIT_WORD(code, name, help) "|" name
#define RP_INIT_WORDS RP_INIT_LIST(RP_INIT_WORD)

extern const rp_key_table rp_model_keys;

#endif
