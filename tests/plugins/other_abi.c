/* other_abi.c: built for a later major version of the interface. */
#include "rankers/ranker.h"

const rp_ranker rp_ranker_plugin = {.abi_major = 7, .abi_minor = 3, .size = sizeof(rp_ranker), .name = "other-abi"};
