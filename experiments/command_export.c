/* command_export.c: `repr export`: one trial whole as an .npz: along its path, one state after the other. */
#include "experiments/command.h"
#include "experiments/export/trial_file.h"
#include "experiments/plan/campaign.h"

#include "core/base/files.h"
#include "core/base/memory.h"

#include <argp.h>
#include <stdio.h>
#include <string.h>

enum { OPTION_DB = 1, OPTION_DATA, OPTION_STORED };

typedef struct {
  const char *trial, *database, *data, *output;
  int only_stored;
} export_arguments;

static const struct argp_option OPTIONS[] = {
    {"output", 'o', "FILE", 0, "The file to write (default: the trial's id and .npz)", 0},
    {"stored", OPTION_STORED, 0, 0, "Leave out states that are not stored instead of computing them again: takes seconds", 0},
    {"data", OPTION_DATA, "DIR", 0, "Folder of data sets (default: $REPR_DATA, else data)", 0},
    {"db", OPTION_DB, "FILE", 0, "Database (default: $REPR_DB, else results/repr.db)", 0},
    {0}};

static error_t parse(int key, char *value, struct argp_state *state) {
  export_arguments *arguments = state->input;
  switch (key) {
  case OPTION_DB:
    arguments->database = value;
    return 0;
  case OPTION_DATA:
    arguments->data = value;
    return 0;
  case OPTION_STORED:
    arguments->only_stored = 1;
    return 0;
  case 'o':
    arguments->output = value;
    return 0;
  case ARGP_KEY_ARG:
    if (arguments->trial) argp_error(state, "one trial at a time");
    arguments->trial = value;
    return 0;
  case ARGP_KEY_NO_ARGS:
    argp_error(state, "a trial is missing: the beginning of its id, or ARM/SEED, as in ranker=ortho/1 (see `repr status`)");
    return 0;
  default:
    return ARGP_ERR_UNKNOWN;
  }
}

static const struct argp ARGP = {
    OPTIONS,
    parse,
    "TRIAL",
    "Writes a trial as an .npz, which numpy.load opens: the whole state after every op (weights, optimizer state, BN statistics, gates), "
    "scores and drops, the order of every epoch's images, the list of layers, and how the images are normalised. " RP_TRIAL_HELP "\v"
    "A run keeps the states around events and of every fifth epoch; the others are computed again, and must come out with the bits that were "
    "recorded. What the arrays are is said in experiments/export/trial_file.h; the array `meta` is JSON. Examples:\n"
    "  repr export ranker=ortho/1 -o trial.npz\n"
    "  python3 -c 'import json, numpy; z = numpy.load(\"trial.npz\"); print(json.loads(bytes(z[\"meta\"]))[\"steps\"]); "
    "print(z[\"0/parameters\"])'",
    0,
    0,
    0};

/* Everything that one export has open. */
typedef struct {
  const export_arguments *arguments;
  rp_trial_file file;
  rp_session *session;
  rp_session_trial trial;
  rp_npz *npz;
  uint8_t *set;             /* [n_filters], of the drop at hand */
  uint8_t *dropped;         /* [n_filters], marks of the last state */
  int is_dropped_known;     /* the last state was here */
  rp_state_source *sources; /* [path->n] */
  int n_of[3];              /* states by source */
} export_run;

static void close_run(export_run *run) {
  rp_npz_close(&run->npz);
  rp_session_free(&run->session);
  rp_free_pointer(&run->set);
  rp_free_pointer(&run->dropped);
  rp_free_pointer(&run->sources);
}

static rp_status read_set(export_run *run, int path_step, rp_error *err) {
  const int n_filters = run->file.view.plan->n_filters;
  RP_CLEANUP(rp_free_pointer) float *scores = NULL;
  RP_CLEANUP(rp_free_pointer) int *ranks = NULL;
  RP_TRY(rp_allocate((size_t)n_filters, sizeof *scores, &scores, err));
  RP_TRY(rp_allocate((size_t)n_filters, sizeof *ranks, &ranks, err));
  return rp_query_drop(run->file.store, run->file.path->steps[path_step].request, n_filters, scores, ranks, run->set, err);
}

static rp_status put_step(export_run *run, int path_step, rp_error *err) {
  const rp_path_step *step = &run->file.path->steps[path_step];
  const rp_state *state;
  int was_computed;
  if (step->request) RP_TRY(read_set(run, path_step, err));
  const rp_recorded_state recorded = {path_step, step->id, step->digest, step->request ? run->set : NULL};
  RP_TRY(rp_session_bring(run->session, &run->trial, &recorded, !run->arguments->only_stored, &state, &was_computed, err));
  run->sources[path_step] = !state ? RP_STATE_NOT_HERE : was_computed ? RP_STATE_COMPUTED : RP_STATE_STORED;
  run->n_of[run->sources[path_step]]++;
  RP_TRY(rp_trial_file_put_step(&run->file, run->npz, path_step, state, run->is_dropped_known ? run->dropped : NULL, err));
  run->is_dropped_known = state != NULL;
  for (int f = 0; state && f < run->file.view.plan->n_filters; f++) run->dropped[f] = state->filters[f].dropped;
  return RP_OK;
}

/* What can be said before the work: how much of it there is. */
static rp_status count_stored(const export_run *run, rp_error *err) {
  int n_stored = 0;
  for (int i = 0; i < run->file.path->n; i++) {
    RP_CLEANUP(rp_free_pointer) char *path = NULL;
    RP_TRY(rp_job_checkpoint_path(run->trial.states, run->file.path->steps[i].id, &path, err));
    n_stored += rp_file_exists(path);
  }
  if (run->arguments->only_stored && n_stored == 0)
    return rp_fail(err, RP_EINPUT, "%s holds no state of this trial; without --stored they are computed again", run->trial.states);
  if (!run->arguments->only_stored && n_stored < run->file.path->n)
    fprintf(stderr, "%d of %d states are not stored and are computed again\n", run->file.path->n - n_stored, run->file.path->n);
  return RP_OK;
}

static rp_status check_plan(const export_run *run, rp_error *err) {
  const rp_trial_plan *plan = run->file.view.plan;
  if (!rp_id_equal(plan->id, run->file.trial->trial))
    return rp_fail(err, RP_EINPUT,
                   "the trial was planned by another version of this program, or with another ranker: its id would be "
                   "another now; run its experiment again");
  if (run->file.path->n == 0) return rp_fail(err, RP_EINPUT, "nothing of this trial was computed yet; run it first");
  if (run->file.path->n > plan->program.n_steps + 1)
    return rp_fail(err, RP_EDAMAGED, "the recorded path of the trial is longer than its program");
  return RP_OK;
}

static rp_status write_file(export_run *run, const char *path, rp_error *err) {
  const rp_session_view *view = &run->file.view;
  RP_TRY(rp_allocate((size_t)view->plan->n_filters, 1, &run->set, err));
  RP_TRY(rp_allocate((size_t)view->plan->n_filters, 1, &run->dropped, err));
  RP_TRY(rp_allocate((size_t)run->file.path->n, sizeof *run->sources, &run->sources, err));
  RP_TRY(count_stored(run, err));
  RP_TRY(rp_npz_open(path, &run->npz, err));
  for (int i = 0; i < run->file.path->n; i++) RP_TRY(put_step(run, i, err));
  RP_TRY(rp_trial_file_put_data(&run->file, run->npz, err));
  RP_TRY(rp_trial_file_put_meta(&run->file, run->npz, run->sources, err));
  RP_TRY(rp_npz_finish(run->npz, err));
  printf("%s: %d states, %d of them computed again; %d are missing\n", path, run->n_of[RP_STATE_STORED] + run->n_of[RP_STATE_COMPUTED],
         run->n_of[RP_STATE_COMPUTED], run->n_of[RP_STATE_NOT_HERE]);
  return RP_OK;
}

static rp_status export_trial(const export_arguments *arguments, rp_store *store, const rp_trial_result *trial, rp_error *err) {
  char hex[RP_ID_HEX + 1], default_output[32];
  rp_id_hex(trial->trial, hex);
  snprintf(default_output, sizeof default_output, "%.12s.npz", hex);
  RP_CLEANUP(rp_path_free) rp_path path = {0};
  RP_CLEANUP(rp_free_pointer) char *data = NULL;
  RP_CLEANUP(rp_free_pointer) char *rankers = NULL;
  RP_CLEANUP(rp_free_pointer) char *states = NULL;
  RP_CLEANUP(close_run) export_run run = {.arguments = arguments, .file = {.store = store, .trial = trial, .path = &path}};
  RP_TRY(rp_query_path(store, trial->trial, &path, err));
  RP_TRY(rp_choose_data_folder(arguments->data, &data, err));
  RP_TRY(rp_plugin_folder(&rankers, err));
  RP_TRY(rp_beside_database(arguments->database, ".states", &states, err));
  run.trial = (rp_session_trial){path.config_json, (uint64_t)trial->seed, data, rankers, states};
  RP_TRY(rp_session_create(&(rp_session_listener){0}, &run.session, err));
  RP_TRY(rp_session_open(run.session, &run.trial, &run.file.view, err));
  RP_TRY(check_plan(&run, err));
  return write_file(&run, arguments->output ? arguments->output : default_output, err);
}

rp_status rp_command_export(int n, char **arguments, rp_error *err) {
  export_arguments parsed = {.database = rp_default_database()};
  argp_err_exit_status = rp_status_exit(RP_EUSAGE);
  if (argp_parse(&ARGP, n, arguments, 0, 0, &parsed) != 0) return rp_fail(err, RP_EUSAGE, "the arguments cannot be understood");
  RP_CLEANUP(rp_store_close) rp_store *store = NULL;
  RP_TRY(rp_store_open(parsed.database, RP_STORE_READ, &store, err));
  RP_CLEANUP(rp_trial_list_free) rp_trial_list trials = {0};
  RP_TRY(rp_query_trials(store, NULL, &trials, err));
  const rp_trial_result *trial;
  RP_TRY(rp_trial_list_find(&trials, parsed.trial, &trial, err));
  return export_trial(&parsed, store, trial, err);
}
