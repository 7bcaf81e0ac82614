// A strtok for each thread, in the place of the C library's, which keeps its place in one variable.
//
// DPDK's telemetry server (22.11) takes the questions of its clients apart with strtok, in a thread
// for each: two at the same time, and one gets the other's parameters. A listing then misses pages,
// and `remove` could take away what another client has only looked at. A function of the program
// goes before that of a shared library, wherever it is called from.
#include <cstring>

extern "C" char* strtok(char* text, const char* delimiters) noexcept {
  static thread_local char* place = nullptr;
  return strtok_r(text, delimiters, &place);
}
