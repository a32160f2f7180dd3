/* command_bench.c: `repr bench`: how fast models run on this machine, beside what their convolutions alone would take. */
#include "experiments/bench/criteria.h"
#include "experiments/bench/images.h"
#include "experiments/bench/oracle_speed.h"
#include "experiments/bench/speed.h"
#include "experiments/command.h"
#include "experiments/config/keys.h"
#include "experiments/config/yaml.h"
#include "experiments/plan/model_file.h"

#include "core/base/memory.h"
#include "core/nn/net.h"

#include <argp.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
  OPTION_JSON = 1,
  OPTION_SECONDS,
  OPTION_CRITERIA,
  OPTION_ORACLE,
  OPTION_IMAGES,
  MOST_MODELS = 64,
  MOST_SECONDS = 3600,
  MOST_IMAGES = 1000000
};

static const char *const DEFAULT_MODELS[] = {"c3-authors", "c3,pool=off", "resnet"};

typedef struct {
  const char *models[MOST_MODELS];
  int n_models, is_json, with_criteria, with_oracle;
  const char *criteria; /* NULL: all but the oracles */
  const char *batch, *threads;
  int n_images; /* 0: not given */
  double seconds;
} bench_arguments;

static const struct argp_option OPTIONS[] = {
    {"model", 'm', "M[,KEY=VALUE…]", 0,
     "A model, by name or as a file, with parameters; may be repeated (default: c3-authors, c3,pool=off, resnet)", 0},
    {"batch", 'b', "N", 0, "Images per training step (default: 64)", 0},
    {"threads", 't', "N", 0, "Threads per kernel (default: 1)", 0},
    {"seconds", OPTION_SECONDS, "S", 0, "Processor time for each number (default: 2)", 0},
    {"criteria", OPTION_CRITERIA, "NAME|FILE.so,…", OPTION_ARG_OPTIONAL,
     "Also the seconds that ranking criteria take (default: all but the oracles)", 0},
    {"oracle", OPTION_ORACLE, 0, 0, "Also how much faster the oracle is than a pass over the images per filter (three of which it takes)",
     0},
    {"images", OPTION_IMAGES, "N", 0, "Images that --criteria scores on (default: 5000), and --oracle (default: 100)", 0},
    {"json", OPTION_JSON, 0, 0, "One JSON object per model and line, for programs", 0},
    {0}};

static error_t parse(int key, char *value, struct argp_state *state) {
  bench_arguments *arguments = state->input;
  switch (key) {
  case 'm':
    if (arguments->n_models == MOST_MODELS) argp_error(state, "more than %d --model", MOST_MODELS);
    arguments->models[arguments->n_models++] = value;
    return 0;
  case 'b':
    arguments->batch = value;
    return 0;
  case 't':
    arguments->threads = value;
    return 0;
  case OPTION_SECONDS: {
    char *end;
    arguments->seconds = strtod(value, &end);
    if (*end || end == value || !(arguments->seconds > 0 && arguments->seconds <= MOST_SECONDS))
      argp_error(state, "--seconds %s: a number above 0, at most %d, is expected", value, MOST_SECONDS);
    return 0;
  }
  case OPTION_CRITERIA:
    arguments->with_criteria = 1;
    arguments->criteria = value;
    return 0;
  case OPTION_ORACLE:
    arguments->with_oracle = 1;
    return 0;
  case OPTION_IMAGES: {
    char *end;
    long n = strtol(value, &end, 10);
    if (*end || end == value || n < 1 || n > MOST_IMAGES)
      argp_error(state, "--images %s: a whole number from 1 to %d is expected", value, MOST_IMAGES);
    arguments->n_images = (int)n;
    return 0;
  }
  case OPTION_JSON:
    arguments->is_json = 1;
    return 0;
  case ARGP_KEY_ARG:
    argp_error(state, "'%s': a model is given as --model %s", value, value);
    return 0;
  default:
    return ARGP_ERR_UNKNOWN;
  }
}

static const struct argp ARGP = {
    OPTIONS,
    parse,
    NULL,
    "Measures how fast models train, evaluate and are scored here, in images per second, and how much memory they take. Needs no data set."
    "\vBeside each number stands its share of a bound: what the model's bare convolutions, on maps of the same shapes, would reach. Numbers "
    "are medians of slices that take turns, in processor time of the thread that calls the kernels, so that other programs hardly count; "
    "memory is the largest resident size while training and evaluating (VmHWM), less the pages that are mapped from files.\n\n"
    "Keys of --json: model, batch, threads, onednn; train, evaluate and score with images_per_second and of_bound; bound and evaluate_bound "
    "with images_per_second; peak_memory_bytes; with --criteria, criteria with images, network, all and seconds.NAME; with "
    "--oracle, oracle with images, filters, seconds, plain_seconds, speed_up and largest_loss_difference (relative, over filters): medians "
    "of three runs.\n\n"
    "Example: repr bench --model c3,depth=5,pool=off --model resnet,depth=56 --batch 128\n"
    "Example: repr bench --model resnet --criteria=taylor,ortho,./mine.so\n"
    "Example: repr bench --model c3-authors --oracle --images 5000",
    0,
    0,
    0};

/* ---- Models ---------------------------------------------------------------------------------- */

typedef struct {
  const char *text; /* as the user wrote it */
  rp_model model;
} named_model;

typedef struct {
  int n;
  named_model models[MOST_MODELS];
} model_list;

static void free_models(model_list *list) {
  for (int i = 0; i < list->n; i++) rp_model_free(&list->models[i].model);
}

/* Bytes up to the next comma that stands in no brackets: `init={name: he, gain: 2},depth=5` has one. */
static size_t length_of_part(const char *text) {
  int depth = 0;
  size_t i = 0;
  for (; text[i] && (text[i] != ',' || depth > 0); i++) depth += (text[i] == '{' || text[i] == '[') - (text[i] == '}' || text[i] == ']');
  return i;
}

/* One KEY=VALUE, into the model's map. */
static rp_status set_parameter(const char *text, size_t length, const rp_origin *origin, rp_node *model, rp_error *err) {
  const char *equals = memchr(text, '=', length);
  if (!equals || equals == text)
    return rp_node_fail(model, err, "'%.*s': a model's parameter is written KEY=VALUE, as in --model c3,pool=off", (int)length, text);
  RP_CLEANUP(rp_free_pointer) char *key = NULL;
  RP_CLEANUP(rp_node_free) rp_node *value = NULL;
  RP_TRY(rp_copy_bytes_as_string(text, (size_t)(equals - text), &key, err));
  RP_TRY(rp_yaml_parse_bytes(equals + 1, length - (size_t)(equals + 1 - text), rp_node_file(model), &value, err));
  rp_node_set_origin(value, origin);
  return rp_node_set_at(model, key, origin, value, err);
}

/* "c3,pool=off" → {name: c3, pool: off}, whose place is "--model c3,pool=off". */
static rp_status parse_model(const char *text, const rp_origin *origin, rp_node **out, rp_error *err) {
  RP_CLEANUP(rp_node_free) rp_node *model = NULL;
  RP_CLEANUP(rp_node_free) rp_node *name = NULL;
  RP_CLEANUP(rp_free_pointer) char *name_text = NULL;
  size_t length = length_of_part(text);
  RP_TRY(rp_copy_bytes_as_string(text, length, &name_text, err));
  RP_TRY(rp_node_new(RP_NODE_MAP, origin, &model, err));
  RP_TRY(rp_node_string(name_text, origin, &name, err));
  RP_TRY(rp_node_append(model, "name", origin, &name, err));
  while (text[length]) {
    text += length + 1;
    length = length_of_part(text);
    RP_TRY(set_parameter(text, length, origin, model, err));
  }
  RP_TRY(rp_node_set_paths(model, "model", err));
  *out = model;
  model = NULL;
  return RP_OK;
}

static rp_status build_model(const char *text, rp_model *out, rp_error *err) {
  const rp_image_shape shape = {RP_BENCH_CHANNELS, RP_BENCH_SIDE, RP_BENCH_SIDE, RP_BENCH_CLASSES};
  RP_CLEANUP(rp_text_free) rp_text place = {0};
  RP_CLEANUP(rp_source_free) rp_source *source = NULL;
  RP_CLEANUP(rp_node_free) rp_node *model = NULL;
  rp_text_format(&place, "--model %s", text);
  RP_TRY(rp_text_check(&place, err));
  RP_TRY(rp_source_new(rp_text_string(&place), &source, err));
  RP_TRY(parse_model(text, &(rp_origin){source, 0, 0}, &model, err));
  return rp_model_build(model, shape, out, NULL, err);
}

/* All before the first is measured: what is wrong with the last is said at once. */
static rp_status build_models(const bench_arguments *arguments, model_list *out, rp_error *err) {
  const char *const *texts = arguments->n_models ? arguments->models : DEFAULT_MODELS;
  const int n = arguments->n_models ? arguments->n_models : (int)(sizeof DEFAULT_MODELS / sizeof DEFAULT_MODELS[0]);
  for (; out->n < n; out->n++) {
    named_model *named = &out->models[out->n];
    named->text = texts[out->n];
    RP_TRY(build_model(named->text, &named->model, err));
  }
  return RP_OK;
}

/* A number that an experiment's key takes, in that key's range. */
static rp_status read_count(const char *option, const char *key, const char *text, int *out, rp_error *err) {
  const rp_key *row = rp_key_find(&rp_experiment_keys, key, NULL);
  RP_CLEANUP(rp_node_free) rp_node *node = NULL;
  RP_TRY(rp_node_scalar(text ? text : row->fallback, NULL, &node, err));
  RP_TRY_IN(rp_key_check_value(row, node, err), err, "%s", option);
  int64_t value = 0;
  rp_node_integer(node, &value);
  *out = (int)value;
  return RP_OK;
}

/* ---- Output ---------------------------------------------------------------------------------- */

static void print_head(void) {
  printf("%-24s", "images/s");
  for (rp_speed_kind kind = 0; kind < RP_N_SPEEDS; kind++)
    printf(rp_speed_bound(kind) == kind ? " %10s" : " %10s of bound", rp_speed_heading(kind));
  printf(" %10s\n", "memory");
}

/* A number, or a dash where there is none. */
static void print_number(int width, double number, const char *unit) {
  if (isnan(number))
    printf(" %*s%s", width, "-", unit);
  else
    printf(" %*.0f%s", width, number, unit);
}

static void print_row(const char *model, const rp_speed *speed) {
  printf("%-24s", model);
  for (rp_speed_kind kind = 0; kind < RP_N_SPEEDS; kind++) {
    print_number(10, speed->images_per_second[kind], "");
    if (rp_speed_bound(kind) != kind) print_number(8, 100 * speed->of_bound[kind], "%");
  }
  printf(" %7.1f MB\n", speed->peak_memory_bytes / 1e6);
}

static void print_legend(const rp_speed_options *options) {
  printf("\nBatches of %d, %d thread%s, %s; images/s of processor time, medians.\n", options->batch, options->threads,
         options->threads == 1 ? "" : "s", rp_dnn_version());
  for (rp_speed_kind kind = 0; kind < RP_N_SPEEDS; kind++) printf("  %-11s %s\n", rp_speed_heading(kind), rp_speed_help(kind));
}

/* JSON has no NaN. */
static void add_json_number(const char *name, double number, rp_text *json) {
  rp_text_format(json, "\"%s\":", name);
  if (isnan(number))
    rp_text_add(json, "null");
  else
    rp_number_add(number, json);
}

/* What is measured: always the speed, the rest where it is asked for. */
typedef struct {
  rp_speed_options speed;
  rp_criteria_list criteria; /* n = 0: none */
  int n_criteria_images;
  int n_oracle_images; /* 0: not the oracle */
  int is_json;
} wishes;

static void free_wishes(wishes *asked) {
  rp_criteria_list_free(&asked->criteria);
}

typedef struct {
  rp_speed speed;
  rp_criteria_times criteria;
  rp_oracle_speed oracle;
} measured;

static rp_status print_json(const char *model, const wishes *asked, const measured *found, rp_error *err) {
  RP_CLEANUP(rp_text_free) rp_text json = {0};
  rp_text_add(&json, "{\"model\":");
  rp_text_add_json_string(&json, model);
  rp_text_format(&json, ",\"batch\":%d,\"threads\":%d,\"onednn\":", asked->speed.batch, asked->speed.threads);
  rp_text_add_json_string(&json, rp_dnn_version());
  for (rp_speed_kind kind = 0; kind < RP_N_SPEEDS; kind++) {
    rp_text_format(&json, ",\"%s\":{", rp_speed_name(kind));
    add_json_number("images_per_second", found->speed.images_per_second[kind], &json);
    if (rp_speed_bound(kind) != kind) {
      rp_text_add(&json, ",");
      add_json_number("of_bound", found->speed.of_bound[kind], &json);
    }
    rp_text_add(&json, "}");
  }
  rp_text_add(&json, ",");
  add_json_number("peak_memory_bytes", found->speed.peak_memory_bytes, &json);
  if (asked->criteria.n > 0) {
    rp_text_add(&json, ",\"criteria\":");
    rp_criteria_add_json(&asked->criteria, &found->criteria, &json);
  }
  if (asked->n_oracle_images > 0) {
    rp_text_add(&json, ",\"oracle\":");
    rp_oracle_speed_add_json(&found->oracle, &json);
  }
  rp_text_add(&json, "}");
  RP_TRY(rp_text_check(&json, err));
  puts(rp_text_string(&json));
  return RP_OK;
}

/* ---- The command ----------------------------------------------------------------------------- */

static rp_status measure_one(const rp_model *model, const char *name, const wishes *asked, measured *out, rp_error *err) {
  fflush(stdout); /* also so that the child has nothing of it to write again */
  RP_TRY(rp_speed_measure(model, &asked->speed, &out->speed, err));
  if (!asked->is_json) print_row(name, &out->speed);
  fflush(stdout);
  if (asked->criteria.n > 0)
    RP_TRY(rp_criteria_measure(model, &asked->criteria, asked->n_criteria_images, asked->speed.threads, &out->criteria, err));
  if (asked->n_oracle_images > 0) RP_TRY(rp_oracle_speed_measure(model, asked->n_oracle_images, asked->speed.threads, &out->oracle, err));
  return asked->is_json ? print_json(name, asked, out, err) : RP_OK;
}

static rp_status measure_all(const model_list *list, const wishes *asked, rp_error *err) {
  RP_CLEANUP(rp_free_pointer) measured *all = NULL;
  RP_TRY(rp_allocate((size_t)list->n, sizeof *all, &all, err));
  if (!asked->is_json) print_head();
  for (int i = 0; i < list->n; i++)
    RP_TRY_IN(measure_one(&list->models[i].model, list->models[i].text, asked, &all[i], err), err, "%s", list->models[i].text);
  if (asked->is_json) return RP_OK;
  print_legend(&asked->speed);
  for (int i = 0; i < list->n && asked->criteria.n > 0; i++)
    rp_criteria_print(list->models[i].text, &asked->criteria, &all[i].criteria, all[i].speed.images_per_second[RP_SPEED_TRAIN]);
  if (asked->n_oracle_images > 0) rp_oracle_speed_print_head();
  for (int i = 0; i < list->n && asked->n_oracle_images > 0; i++) rp_oracle_speed_print(list->models[i].text, &all[i].oracle);
  return RP_OK;
}

/* Images where their number is not given: plain passes per filter take long. */
enum { CRITERIA_IMAGES = 5000, ORACLE_IMAGES = 100 };

rp_status rp_command_bench(int n, char **arguments, rp_error *err) {
  bench_arguments parsed = {.seconds = 2};
  argp_err_exit_status = rp_status_exit(RP_EUSAGE);
  if (argp_parse(&ARGP, n, arguments, 0, 0, &parsed) != 0) return rp_fail(err, RP_EUSAGE, "the arguments cannot be understood");
  RP_CLEANUP(free_models) model_list list = {0};
  RP_CLEANUP(free_wishes) wishes asked = {.speed = {.seconds = parsed.seconds}, .is_json = parsed.is_json};
  asked.n_criteria_images = parsed.n_images ? parsed.n_images : CRITERIA_IMAGES;
  if (parsed.with_oracle) asked.n_oracle_images = parsed.n_images ? parsed.n_images : ORACLE_IMAGES;
  RP_TRY(read_count("--batch", "train.batch", parsed.batch, &asked.speed.batch, err));
  RP_TRY(read_count("--threads", "train.threads", parsed.threads, &asked.speed.threads, err));
  RP_TRY(build_models(&parsed, &list, err));
  if (parsed.with_criteria) RP_TRY_IN(rp_criteria_list_open(parsed.criteria, &asked.criteria, err), err, "--criteria");
  return measure_all(&list, &asked, err);
}
