/* command_rankers.c: `repr rankers`: which criteria there are, what one does, whether it keeps the rules, and how to start a new one. */
#include "experiments/command.h"
#include "experiments/command_rankers.h"

#include "core/base/memory.h"
#include "core/ranking/plugin.h"

#include <argp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { OPTION_TIMEOUT = 1, OPTION_CPP };

typedef struct {
  const char *words[2];
  int n;
  double timeout_s;
  rp_new_ranker wanted;
} rankers_arguments;

static const struct argp_option OPTIONS[] = {
    {"output", 'o', "DIR", 0, "new: the folder that the file goes to (default: the working folder)", 0},
    {"cpp", OPTION_CPP, 0, 0, "new: in C++", 0},
    {"timeout", OPTION_TIMEOUT, "SECONDS", 0, "check: how long one call may take, without services (default: 60)", 0},
    {0}};

static error_t parse(int key, char *value, struct argp_state *state) {
  rankers_arguments *arguments = state->input;
  switch (key) {
  case 'o':
    arguments->wanted.folder = value;
    return 0;
  case OPTION_CPP:
    arguments->wanted.is_cpp = 1;
    return 0;
  case OPTION_TIMEOUT: {
    char *end;
    arguments->timeout_s = strtod(value, &end);
    if (end == value || *end || !(arguments->timeout_s > 0 && arguments->timeout_s <= 1e6))
      argp_error(state, "--timeout %s: a number of seconds is expected", value);
    return 0;
  }
  case ARGP_KEY_ARG:
    if (arguments->n == 2) argp_error(state, "too many words");
    arguments->words[arguments->n++] = value;
    return 0;
  default:
    return ARGP_ERR_UNKNOWN;
  }
}

static const struct argp ARGP = {
    OPTIONS,
    parse,
    "[list]\ninfo NAME|FILE.so\nnew NAME\ncheck NAME|FILE.so",
    "Lists the ranking criteria, describes one with its options, writes a plugin to start from, or tests whether a plugin keeps the rules of "
    "the interface.\v"
    "check tries a plugin in processes of its own, on small nets with and without batch norm, with its defaults and each other choice of its "
    "options, in memory that it can neither write to nor read beyond. Exit status: 0 it keeps all rules, 1 it does not, 2 it cannot be "
    "tested.\n\nExamples:\n"
    "  repr rankers info ortho\n  repr rankers new mine\n  repr rankers check ./mine.so",
    0,
    0,
    0};

static rp_status list(const char *folder, rp_error *err) {
  char **names;
  int n;
  RP_TRY(rp_plugin_list(folder, &names, &n, err));
  rp_status status = RP_OK;
  for (int i = 0; i < n; i++) {
    RP_CLEANUP(rp_free_pointer) char *path = NULL;
    RP_CLEANUP(rp_plugin_description_free) rp_plugin_description ranker = {0};
    if (status == RP_OK) status = rp_plugin_find(folder, names[i], &path, err);
    if (status == RP_OK) status = rp_plugin_describe(path, &ranker, err);
    if (status == RP_OK) printf("%-18s %-8s %s\n", ranker.name, ranker.version, ranker.doc);
    free(names[i]);
  }
  free(names);
  return status;
}

static void print_flags(uint32_t flags) {
  static const struct {
    uint32_t flag;
    const char *name;
  } FLAGS[] = {{RP_USES_WEIGHT_GRADIENT, "weight gradients"},
               {RP_USES_ACTIVATION, "feature maps"},
               {RP_USES_ACTIVATION_GRADIENT, "gradients of feature maps"},
               {RP_USES_ABLATION, "ablation on the validation split"},
               {RP_USES_HESSIAN_PRODUCT, "Hessian products"},
               {RP_STOCHASTIC, "random numbers"}};
  int n = 0;
  for (size_t i = 0; i < sizeof FLAGS / sizeof FLAGS[0]; i++)
    if (flags & FLAGS[i].flag) printf("%s%s", n++ ? ", " : "", FLAGS[i].name);
  puts(n ? "" : "weights only");
}

/* A text of one or more lines, beside its heading. */
static void print_text(const char *heading, const char *text) {
  while (*text) {
    size_t length = strcspn(text, "\n");
    printf("%-10s %.*s\n", heading, (int)length, text);
    text += length + (text[length] == '\n');
    heading = "";
  }
}

static rp_status info(const char *folder, const char *name, rp_error *err) {
  RP_CLEANUP(rp_free_pointer) char *path = NULL;
  RP_CLEANUP(rp_plugin_description_free) rp_plugin_description ranker = {0};
  RP_TRY(rp_plugin_find(folder, name, &path, err));
  RP_TRY(rp_plugin_describe(path, &ranker, err));
  printf("%s %s\n%s\n\n", ranker.name, ranker.version, ranker.doc);
  print_text("formula", ranker.formula);
  print_text("source", ranker.citation);
  print_text("reduction", ranker.reduction);
  printf("normalise  %s (default)\nfile       %s\nlooks at   ", ranker.normalise, ranker.path);
  print_flags(ranker.flags);
  puts(ranker.n_options ? "\noptions" : "\nno options");
  for (int i = 0; i < ranker.n_options; i++) {
    printf("  %s: %s\n      ", ranker.options[i].name, ranker.options[i].help);
    if (ranker.options[i].choices)
      printf("one of %s; default %s\n", ranker.options[i].choices, ranker.options[i].default_text);
    else if (ranker.options[i].kind == RP_OPTION_FLAG)
      printf("on or off; default %s\n", ranker.options[i].default_number != 0 ? "on" : "off");
    else
      printf("from %g to %g; default %g\n", ranker.options[i].lowest, ranker.options[i].highest, ranker.options[i].default_number);
  }
  return RP_OK;
}

rp_status rp_command_rankers(int n, char **arguments, rp_error *err) {
  rankers_arguments parsed = {.words = {"list", NULL}, .timeout_s = 60};
  argp_err_exit_status = rp_status_exit(RP_EUSAGE);
  if (argp_parse(&ARGP, n, arguments, 0, 0, &parsed) != 0) return rp_fail(err, RP_EUSAGE, "the arguments cannot be understood");
  RP_CLEANUP(rp_free_pointer) char *folder = NULL;
  RP_TRY(rp_plugin_folder(&folder, err));
  const char *word = parsed.words[0];
  if (strcmp(word, "list") == 0 && parsed.n < 2) return list(folder, err);
  if (strcmp(word, "info") == 0 && parsed.n == 2) return info(folder, parsed.words[1], err);
  if (strcmp(word, "check") == 0 && parsed.n == 2) return rp_rankers_check(folder, parsed.words[1], parsed.timeout_s, err);
  parsed.wanted.name = parsed.words[1];
  if (strcmp(word, "new") == 0 && parsed.n == 2) return rp_rankers_new(folder, &parsed.wanted, err);
  return rp_fail(err, RP_EUSAGE, "`repr rankers` takes list, info NAME, new NAME or check NAME|FILE.so");
}
