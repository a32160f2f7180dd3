/* crashes_on_load.c: its constructor ends the process by a signal. */
#include <stdlib.h>

__attribute__((constructor)) static void crash(void) {
  abort();
}
