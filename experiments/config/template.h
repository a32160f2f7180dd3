/* template.h: the expander that scheme and model files go through.
 *
 *     parameters: {n: 3, kernel: 3, pool: on}     # with their defaults; null = must be given
 *     layers:
 *       - repeat: $n                              # the entries of `do`, n times
 *         do:
 *           - conv: {kernel: $kernel}             # $name: a parameter's value, also inside a string ("x$n", "x${n}y"); $$ is a $
 *           - {max_pool: {stride: 2}, if: $pool}  # an entry that is there only if the flag is on
 *       - choose: $kernel                         # one of several named lists
 *         3: [{fc: {outputs: 10}}]
 *         5: [{fc: {outputs: 20}}, {fc: {outputs: 10}}]
 *
 * There is no arithmetic. A value that comes from a parameter keeps the place and path where the parameter was given. */
#ifndef RP_CONFIG_TEMPLATE_H
#define RP_CONFIG_TEMPLATE_H

#include "experiments/config/find.h"
#include "experiments/config/keys.h"

enum { RP_TEMPLATE_MAX_NODES = 200000 }; /* that one expansion may make */

typedef struct {
  char *path;
  rp_node *root;    /* the file's map */
  const char *body; /* its key of the list that is expanded: "program", "layers" */
} rp_template;

/* Loads the scheme or model file that `given` names: {name: NAME or path, …}. Errors: RP_EINPUT: no such file, a key that such files do not
 * have, no list of ops or layers. */
rp_status rp_template_load(rp_find_kind kind, const rp_node *given, rp_template *out, rp_error *err);
void rp_template_free(rp_template *template);

/* The list of ops (`program`) or of layers (`layers`); and the parameters' defaults, NULL where the file has none. Borrowed. */
const rp_node *rp_template_body(const rp_template *template);
const rp_node *rp_template_parameters(const rp_template *template);

/* All that a trial says about its scheme or model: {name: …, parameter: value, …}, the file's defaults with `given` merged in; paths start
 * with `prefix`. What is given for a parameter that stands as a `ranker` or an `init` may be a name alone: it becomes {name: …}. Errors:
 * RP_EINPUT: a parameter that the file does not have (the nearest one), or one without default that is not given. */
rp_status rp_template_fill(const rp_template *template, const rp_node *given, const char *prefix, rp_node **out, rp_error *err);

/* Expands a tree. `parameters`: a map; anything else, or NULL: none. Errors: RP_EINPUT with position: an unknown $name (the nearest), a
 * wrong type, too many values. */
rp_status rp_template_expand(const rp_node *body, const rp_node *parameters, rp_node **out, rp_error *err);

#endif
