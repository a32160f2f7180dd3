/* plugin_known.c: descriptions that are read once and copied from then on. */
#include "core/base/memory.h"
#include "core/ranking/plugin_open.h"

#include <stdlib.h>
#include <string.h>

static rp_status copy_or_null(const char *text, char **out, rp_error *err) {
  *out = NULL;
  return text ? rp_copy_string(text, out, err) : RP_OK;
}

static rp_status copy_options(const rp_plugin_description *from, rp_plugin_description *to, rp_error *err) {
  if (from->n_options == 0) return RP_OK;
  RP_TRY(rp_allocate((size_t)from->n_options, sizeof *to->options, &to->options, err));
  for (; to->n_options < from->n_options; to->n_options++) {
    int i = to->n_options;
    to->options[i].kind = from->options[i].kind;
    to->options[i].default_number = from->options[i].default_number;
    to->options[i].lowest = from->options[i].lowest;
    to->options[i].highest = from->options[i].highest;
    RP_TRY(copy_or_null(from->options[i].name, &to->options[i].name, err));
    RP_TRY(copy_or_null(from->options[i].help, &to->options[i].help, err));
    RP_TRY(copy_or_null(from->options[i].default_text, &to->options[i].default_text, err));
    RP_TRY(copy_or_null(from->options[i].choices, &to->options[i].choices, err));
  }
  return RP_OK;
}

static rp_status copy_description(const rp_plugin_description *from, rp_plugin_description *to, rp_error *err) {
  to->flags = from->flags;
  to->file_hash = from->file_hash;
  to->chooses = from->chooses;
  RP_TRY(copy_or_null(from->name, &to->name, err));
  RP_TRY(copy_or_null(from->version, &to->version, err));
  RP_TRY(copy_or_null(from->doc, &to->doc, err));
  RP_TRY(copy_or_null(from->normalise, &to->normalise, err));
  RP_TRY(copy_or_null(from->path, &to->path, err));
  RP_TRY(copy_or_null(from->formula, &to->formula, err));
  RP_TRY(copy_or_null(from->citation, &to->citation, err));
  RP_TRY(copy_or_null(from->reduction, &to->reduction, err));
  return copy_options(from, to, err);
}

/* The description of a file at a path, if its bytes are still those that were described. */
static const rp_plugin_description *find(const rp_plugin_descriptions *known, const char *path, rp_id hash) {
  for (size_t i = 0; i < known->n; i++)
    if (strcmp(known->list[i].path, path) == 0 && rp_id_equal(known->list[i].file_hash, hash)) return &known->list[i];
  return NULL;
}

rp_status rp_plugin_describe_once(rp_plugin_descriptions *known, const char *path, rp_plugin_description *out, rp_error *err) {
  RP_CLEANUP(rp_free_pointer) char *absolute = NULL;
  RP_CLEANUP(rp_plugin_description_free) rp_plugin_description copy = {0};
  rp_id hash;
  *out = copy;
  RP_TRY(rp_plugin_find(NULL, path, &absolute, err));
  RP_TRY(rp_plugin_hash(absolute, &hash, err));
  const rp_plugin_description *found = find(known, absolute, hash);
  if (!found) {
    RP_TRY(rp_grow(&known->list, known->n, &known->capacity, sizeof *known->list, err));
    RP_TRY(rp_plugin_describe(absolute, &known->list[known->n], err));
    found = &known->list[known->n++];
  }
  RP_TRY(copy_description(found, &copy, err));
  *out = copy;
  copy = (rp_plugin_description){0};
  return RP_OK;
}

void rp_plugin_descriptions_free(rp_plugin_descriptions *known) {
  for (size_t i = 0; i < known->n; i++) rp_plugin_description_free(&known->list[i]);
  free(known->list);
  *known = (rp_plugin_descriptions){0};
}
