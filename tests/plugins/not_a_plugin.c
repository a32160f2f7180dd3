/* not_a_plugin.c: a shared object without rp_ranker_plugin. */
int some_other_library(void);

__attribute__((visibility("default"))) int some_other_library(void) {
  return 42;
}
