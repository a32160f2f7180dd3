/* bad_name.c: a name with capitals and a space. */
#include "rankers/ranker.h"

const rp_ranker rp_ranker_plugin = {.abi_major = RP_RANKER_ABI_MAJOR,
                                    .abi_minor = RP_RANKER_ABI_MINOR,
                                    .size = sizeof(rp_ranker),
                                    .name = "Bad Name",
                                    .version = "1.0.0",
                                    .doc = "x"};
