/* ends_on_load.c: its constructor ends the process as if all were well. */
#include <unistd.h>

__attribute__((constructor)) static void end(void) {
  _exit(0);
}
