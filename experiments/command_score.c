/* command_score.c: `repr score`: any criterion on a stored state, beside the built-in ones. */
#include "experiments/command.h"
#include "experiments/plan/campaign.h"
#include "experiments/score/scoring.h"
#include "plots/figure.h"

#include "core/base/memory.h"
#include "core/base/text.h"

#include <argp.h>
#include <stdio.h>
#include <string.h>

enum { OPTION_DB = 1, OPTION_DATA, OPTION_RANKER, OPTION_ONLY, OPTION_P, OPTION_FORMAT, OPTION_PLOT, MOST_RANKERS = 64 };

typedef struct {
  const char *state, *database, *data, *p;
  const char *rankers[MOST_RANKERS];
  int n_rankers, only_given, is_plotted;
  rp_comparison_format format;
  rp_plot_options plot;
} score_arguments;

static const struct argp_option OPTIONS[] = {
    {"ranker", OPTION_RANKER, "NAME|FILE.so", 0,
     "A criterion to compare with the built-in ones; may be repeated. With options as in an experiment file: '{name: ortho, variant: authors}'",
     0},
    {"only", OPTION_ONLY, 0, 0, "Leave out the built-in criteria that no --ranker names", 0},
    {"p", OPTION_P, "P", 0, "Percent of the filters that a drop would take (default: as the trial's next drop, else 30)", 0},
    {"format", OPTION_FORMAT, "NAME", 0, "text (default), csv (a row per criterion and filter) or json (everything)", 0},
    {"plot", OPTION_PLOT, "FORMAT", OPTION_ARG_OPTIONAL,
     "Draw the first criterion's ranks against each of the others': png (default), svg or pdf; into "
     "EXPERIMENT-ARM-SEED@EPOCH-CRITERIA-ranks.FORMAT, where CRITERIA are those of --ranker (with --p: and P), so that other questions on a "
     "state do not overwrite each other's figures",
     0},
    {"output", 'o', "DIR", 0, "Folder for the figure, made where it is missing (default: plots/out)", 0},
    {"data", OPTION_DATA, "DIR", 0, "Folder of data sets (default: $REPR_DATA, else data)", 0},
    {"db", OPTION_DB, "FILE", 0, "Database (default: $REPR_DB, else results/repr.db)", 0},
    {0}};

static error_t parse(int key, char *value, struct argp_state *state) {
  score_arguments *arguments = state->input;
  switch (key) {
  case OPTION_DB:
    arguments->database = value;
    return 0;
  case OPTION_DATA:
    arguments->data = value;
    return 0;
  case OPTION_RANKER:
    if (arguments->n_rankers == MOST_RANKERS) argp_error(state, "more than %d --ranker", MOST_RANKERS);
    arguments->rankers[arguments->n_rankers++] = value;
    return 0;
  case OPTION_ONLY:
    arguments->only_given = 1;
    return 0;
  case OPTION_P:
    arguments->p = value;
    return 0;
  case OPTION_FORMAT:
    if (!rp_comparison_format_of(value, &arguments->format)) argp_error(state, "--format %s: text, csv or json is expected", value);
    return 0;
  case OPTION_PLOT:
    arguments->is_plotted = 1;
    if (value && !rp_plot_format_of(value, &arguments->plot.format)) argp_error(state, "--plot=%s: png, svg or pdf is expected", value);
    return 0;
  case 'o':
    arguments->plot.folder = value;
    return 0;
  case ARGP_KEY_ARG:
    if (arguments->state) argp_error(state, "one state at a time");
    arguments->state = value;
    return 0;
  case ARGP_KEY_NO_ARGS:
    argp_error(state, "a state is missing: TRIAL@EPOCH, as in ranker=ortho/1@20 (see `repr status`)");
    return 0;
  default:
    return ARGP_ERR_UNKNOWN;
  }
}

static const struct argp ARGP = {
    OPTIONS,
    parse,
    "TRIAL@EPOCH[+]",
    "Scores a stored state with ranking criteria, without training, and says how they agree: filters of each layer that each would drop, rank "
    "correlations (Spearman, Kendall), would-be drops in common. " RP_TRIAL_HELP " TRIAL@20 is its state after "
    "epoch 20 and before any event there, TRIAL@20+ the one after the events.\v"
    "A run keeps the states around events and of every fifth epoch. Limits of the trial's drops hold here, too. Nothing is written but the "
    "figure. Examples:\n"
    "  repr score ranker=ortho/1@20\n"
    "  repr score ranker=ortho/1@20 --ranker ./mine.so --plot\n"
    "  repr score ranker=ortho/1@20 --only --ranker ./mine.so --ranker '{name: ortho, variant: authors}'\n"
    "  repr score ranker=ortho/1@20 --ranker ./mine.so --format csv > mine.csv",
    0,
    0,
    0};

static void say_path(void *to, const char *path) {
  fprintf(to, "%s\n", path);
}

/* What the figure's file is named after: the state, and what was asked of it. */
static rp_status name_figure(const score_arguments *arguments, const rp_scoring_result *result, rp_text *name, rp_error *err) {
  const rp_comparison *all = &result->comparison;
  const char *before = arguments->only_given ? "-only-" : "-";
  rp_text_format(name, "%s-%s", all->question.experiment, all->question.state);
  for (int i = 0; i < result->list.n; i++) {
    if (!result->list.criteria[i].is_listed) continue;
    rp_text_format(name, "%s%s", before, result->names[i]);
    before = "+";
  }
  if (arguments->p) rp_text_format(name, "-p%s", all->question.p);
  return rp_text_check(name, err);
}

static rp_status plot(const score_arguments *arguments, const rp_scoring_result *result, rp_error *err) {
  const rp_comparison *all = &result->comparison;
  RP_CLEANUP(rp_free_pointer) rp_ranking *rankings = NULL;
  RP_CLEANUP(rp_text_free) rp_text caption = {0};
  RP_CLEANUP(rp_text_free) rp_text name = {0};
  rp_plot_options options = arguments->plot;
  options.written = say_path;
  options.user = arguments->format == RP_COMPARISON_TEXT ? stdout : stderr;
  RP_TRY(rp_allocate((size_t)all->n_scored, sizeof *rankings, &rankings, err));
  for (int i = 0; i < all->n_scored; i++) {
    const rp_opinion *opinion = &all->opinions[all->scored[i]];
    rankings[i] = (rp_ranking){opinion->name, all->ranks + (size_t)i * (size_t)all->question.n_filters, opinion->dropped, all->spearman[i]};
  }
  rp_text_format(&caption, "%s of %s; %d of %d filters would go at p %s.", all->question.state, all->question.experiment, all->n_dropped,
                 all->n_active, all->question.p);
  if (strcmp(result->state.trial->data, "shapes") == 0) rp_text_add(&caption, " Generated images.");
  RP_TRY(rp_text_check(&caption, err));
  RP_TRY(name_figure(arguments, result, &name, err));
  return rp_plot_ranks(rankings, all->n_scored, all->question.n_filters, rp_text_string(&name), rp_text_string(&caption), &options, err);
}

/* A criterion that was asked for by name and gave nothing is the command's failure, too, after all others were shown. */
static rp_status check_given(const rp_scoring_result *result, rp_error *err) {
  for (int i = 0; i < result->list.n; i++) {
    const rp_job_scored *said = &result->answer.criteria[i];
    if (result->list.criteria[i].is_listed && said->status != RP_OK) return rp_fail(err, said->status, "%s", said->message);
  }
  return RP_OK;
}

static rp_status score(const score_arguments *arguments, rp_store *store, rp_error *err) {
  RP_CLEANUP(rp_scoring_result_free) rp_scoring_result result = {0};
  RP_CLEANUP(rp_text_free) rp_text notes = {0};
  RP_CLEANUP(rp_free_pointer) char *data = NULL;
  RP_CLEANUP(rp_free_pointer) char *states = NULL;
  RP_TRY(rp_beside_database(arguments->database, ".states", &states, err));
  RP_TRY(rp_choose_data_folder(arguments->data, &data, err));
  const rp_score_wish wish = {
      arguments->state, states, data, {arguments->rankers, arguments->n_rankers, arguments->only_given}, arguments->p};
  RP_TRY(rp_score_state(store, &wish, &result, &notes, err));
  fputs(rp_text_string(&notes), stderr);
  RP_TRY(rp_comparison_write(&result.comparison, arguments->format, stdout, err));
  if (arguments->is_plotted) RP_TRY(plot(arguments, &result, err));
  return check_given(&result, err);
}

rp_status rp_command_score(int n, char **arguments, rp_error *err) {
  score_arguments parsed = {.database = rp_default_database(), .plot = {.format = RP_PLOT_PNG, .folder = "plots/out"}};
  argp_err_exit_status = rp_status_exit(RP_EUSAGE);
  if (argp_parse(&ARGP, n, arguments, 0, 0, &parsed) != 0) return rp_fail(err, RP_EUSAGE, "the arguments cannot be understood");
  RP_CLEANUP(rp_store_close) rp_store *store = NULL;
  RP_TRY(rp_store_open(parsed.database, RP_STORE_READ, &store, err));
  return score(&parsed, store, err);
}
