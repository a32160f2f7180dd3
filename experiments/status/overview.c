/* overview.c: reads the database, and the files of the rankers that its answers came from. */
#include "experiments/status/overview.h"

#include "core/base/files.h"
#include "core/base/memory.h"
#include "core/ranking/plugin.h"

#include <stdlib.h>
#include <string.h>

static const char *const STATUS_NAMES[] = {
#define RP_STATUS_NAME(code, name) [code] = name,
    RP_TRIAL_STATUS_LIST(RP_STATUS_NAME)
#undef RP_STATUS_NAME
};

const char *rp_overview_status(const rp_overview *overview, int trial) {
  rp_trial_status status = overview->trials.trials[trial].status;
  return status == RP_TRIAL_DONE && overview->is_stale[trial] ? "stale" : STATUS_NAMES[status];
}

static rp_status copy_or_null(const char *text, char **out, rp_error *err) {
  *out = NULL;
  return text ? rp_copy_string(text, out, err) : RP_OK;
}

/* ---- Shadow rankers -------------------------------------------------------------------------- */

static const char SHADOWS_SQL[] =
    "SELECT experiment, ranker, options, json_extract(options, '$.options'), replace(outcome, 'missing', 'pending') AS outcome, message, "
    "count(*) FROM shadow_results WHERE ?1 IS NULL OR experiment = ?1 GROUP BY experiment, criterion, outcome, message "
    "ORDER BY experiment, outcome = 'not applicable', outcome = 'scored', outcome, ranker, message";

static rp_status take_shadow(void *user, int n_columns, const char *const *names, const char *const *values, rp_error *err) {
  (void)n_columns, (void)names;
  rp_overview *overview = user;
  RP_TRY(rp_reallocate(&overview->shadows, (size_t)overview->n_shadows + 1, sizeof *overview->shadows, err));
  rp_shadow_overview *shadow = &overview->shadows[overview->n_shadows++];
  *shadow = (rp_shadow_overview){.n_drops = atoi(values[6])};
  char **const texts[] = {&shadow->experiment, &shadow->ranker,  &shadow->options_json,
                          &shadow->options,    &shadow->outcome, &shadow->message};
  for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) RP_TRY(copy_or_null(values[i], texts[i], err));
  return RP_OK;
}

/* ---- Files that have changed ----------------------------------------------------------------- */

/* Each ranker's file that answered for a trial, or (trial NULL) that is to answer as a shadow. */
static const char FILES_SQL[] =
    "SELECT DISTINCT d.experiment, g.name, g.path, g.file_hash, d.trial FROM plan_drops d JOIN criteria k ON k.criterion = d.criterion "
    "JOIN plugins g ON g.plugin = k.plugin WHERE ?1 IS NULL OR d.experiment = ?1 "
    "UNION SELECT DISTINCT m.experiment, g.name, g.path, g.file_hash, NULL FROM plan_members m JOIN plan_shadows w ON w.plan = m.plan "
    "JOIN criteria k ON k.criterion = w.criterion JOIN plugins g ON g.plugin = k.plugin WHERE ?1 IS NULL OR m.experiment = ?1";

/* A file that was looked at. */
typedef struct {
  char *name, *path, *hash;
  int is_stale;
} seen_file;

typedef struct {
  rp_overview *overview;
  char *rankers; /* folder of the built-in ones; NULL = there is none */
  seen_file *files;
  int n_files;
} search;

static void end_search(search *self) {
  for (int i = 0; i < self->n_files; i++) free(self->files[i].name), free(self->files[i].path), free(self->files[i].hash);
  free(self->files);
  free(self->rankers);
}

static int holds(const char *path, const char *hash) {
  rp_id now, recorded;
  return path && rp_id_parse(hash, &recorded) && rp_plugin_hash(path, &now, NULL) == RP_OK && rp_id_equal(now, recorded);
}

/* Stale where neither the file nor the built-in ranker of that name (another build may lie elsewhere) is the one that answered, and one of
 * them is there: one that is gone altogether is for a run to complain about. */
static int is_stale(const search *self, const seen_file *file) {
  RP_CLEANUP(rp_free_pointer) char *built_in = NULL;
  if (holds(file->path, file->hash)) return 0;
  if (self->rankers && rp_plugin_find(self->rankers, file->name, &built_in, NULL) == RP_OK && holds(built_in, file->hash)) return 0;
  return built_in || (file->path && rp_file_exists(file->path));
}

static rp_status look_at_file(search *self, const char *name, const char *path, const char *hash, int *stale, rp_error *err) {
  for (int i = 0; i < self->n_files; i++)
    if (strcmp(self->files[i].name, name) == 0 && strcmp(self->files[i].hash, hash) == 0) {
      *stale = self->files[i].is_stale;
      return RP_OK;
    }
  RP_TRY(rp_reallocate(&self->files, (size_t)self->n_files + 1, sizeof *self->files, err));
  seen_file *file = &self->files[self->n_files++];
  *file = (seen_file){0};
  RP_TRY(rp_copy_string(name, &file->name, err));
  RP_TRY(rp_copy_string(hash, &file->hash, err));
  RP_TRY(copy_or_null(path, &file->path, err));
  *stale = file->is_stale = is_stale(self, file);
  return RP_OK;
}

/* The row of a ranker in an experiment, made where it is new. */
static rp_status stale_ranker(rp_overview *overview, const char *experiment, const char *name, const char *path, rp_stale_ranker **out,
                              rp_error *err) {
  for (int i = 0; i < overview->n_stale; i++) {
    *out = &overview->stale[i];
    if (strcmp((*out)->experiment, experiment) == 0 && strcmp((*out)->ranker, name) == 0) return RP_OK;
  }
  RP_TRY(rp_reallocate(&overview->stale, (size_t)overview->n_stale + 1, sizeof *overview->stale, err));
  *out = &overview->stale[overview->n_stale++];
  **out = (rp_stale_ranker){0};
  RP_TRY(rp_copy_string(experiment, &(*out)->experiment, err));
  RP_TRY(rp_copy_string(name, &(*out)->ranker, err));
  return copy_or_null(path, &(*out)->path, err);
}

static rp_status take_file(void *user, int n_columns, const char *const *names, const char *const *values, rp_error *err) {
  (void)n_columns, (void)names;
  search *self = user;
  const char *trial = values[4];
  rp_stale_ranker *ranker;
  int stale;
  rp_id id = {{0}};
  RP_TRY(look_at_file(self, values[1], values[2], values[3], &stale, err));
  if (!stale) return RP_OK;
  RP_TRY(stale_ranker(self->overview, values[0], values[1], values[2], &ranker, err));
  if (!trial || !rp_id_parse(trial, &id)) return RP_OK;
  ranker->n_trials++;
  for (int t = 0; t < self->overview->trials.n; t++)
    if (rp_id_equal(self->overview->trials.trials[t].trial, id)) self->overview->is_stale[t] = 1;
  return RP_OK;
}

static rp_status find_stale(rp_store *store, const char *experiment, rp_overview *overview, rp_error *err) {
  RP_CLEANUP(end_search) search self = {.overview = overview};
  if (rp_plugin_folder(&self.rankers, NULL) != RP_OK) self.rankers = NULL;
  return rp_query_rows(store, FILES_SQL, experiment, take_file, &self, err);
}

/* ---- The whole ------------------------------------------------------------------------------- */

static rp_status read_overview(rp_store *store, const char *experiment, rp_overview *overview, rp_error *err) {
  RP_TRY(rp_query_trials(store, experiment, &overview->trials, err));
  RP_TRY(rp_allocate((size_t)overview->trials.n, 1, &overview->is_stale, err));
  RP_TRY(rp_query_rows(store, SHADOWS_SQL, experiment, take_shadow, overview, err));
  return find_stale(store, experiment, overview, err);
}

rp_status rp_overview_read(rp_store *store, const char *experiment, rp_overview *out, rp_error *err) {
  *out = (rp_overview){0};
  rp_status status = read_overview(store, experiment, out, err);
  if (status != RP_OK) rp_overview_free(out);
  return status;
}

void rp_overview_free(rp_overview *overview) {
  for (int i = 0; i < overview->n_shadows; i++) {
    rp_shadow_overview *shadow = &overview->shadows[i];
    free(shadow->experiment), free(shadow->ranker), free(shadow->options_json);
    free(shadow->options), free(shadow->outcome), free(shadow->message);
  }
  for (int i = 0; i < overview->n_stale; i++)
    free(overview->stale[i].experiment), free(overview->stale[i].ranker), free(overview->stale[i].path);
  free(overview->shadows);
  free(overview->stale);
  free(overview->is_stale);
  rp_trial_list_free(&overview->trials);
  *overview = (rp_overview){0};
}
