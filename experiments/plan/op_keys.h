/* op_keys.h: the parameters of ops in scheme files, as rows of a table of keys. */
#ifndef RP_PLAN_OP_KEYS_H
#define RP_PLAN_OP_KEYS_H

#include "core/nn/optimizer.h"
#include "core/nn/schedule.h"
#include "core/ops/regrow.h"
#include "core/ranking/select.h"
#include "experiments/config/keys.h"

/* The names of each list, in its order, as "|a|b|c". */
#define RP_WORD_OF_3(code, name, help) "|" name
#define RP_WORD_OF_4(code, name, slots, help) "|" name
#define RP_OPTIMIZER_WORDS RP_OPTIMIZER_LIST(RP_WORD_OF_4)
#define RP_SCHEDULE_WORDS RP_SCHEDULE_LIST(RP_WORD_OF_3)
#define RP_DECAY_WORDS RP_DECAY_LIST(RP_WORD_OF_3)
#define RP_NORMALISE_WORDS RP_NORMALISE_LIST(RP_WORD_OF_3)
#define RP_REGROW_MODE_WORDS RP_REGROW_MODE_LIST(RP_WORD_OF_3)
#define RP_REGROW_SCALE_WORDS RP_REGROW_SCALE_LIST(RP_WORD_OF_3)
#define RP_REGROW_READERS_WORDS RP_REGROW_READERS_LIST(RP_WORD_OF_3)
#define RP_REGROW_BIAS_WORDS "zero|keep"
#define RP_SCOPE_WORDS "network|layer"

extern const rp_key_table rp_op_keys; /* sections "drop" and "regrow" */
extern const rp_key rp_normalise_key; /* `normalise` beside a criterion's own options (rule 12) */

/* The keys that regrow.preset stands for (rule 19), merged into *map. */
rp_status rp_regrow_preset(const char *name, rp_node **map, rp_error *err);

#endif
