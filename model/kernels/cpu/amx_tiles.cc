#include "model/kernels/cpu/amx_tiles.h"

#if defined(__x86_64__) && defined(__linux__)
#include <sys/syscall.h>
#include <unistd.h>
#endif

namespace prm::ops {

bool HasAmxBf16() {
#if defined(__x86_64__) && defined(__linux__) && defined(__GNUC__)
  // The tile state is large, so a process must request it before first use (Linux,
  // Documentation/arch/x86/xstate.rst).
  constexpr int kRequestPermission = 0x1023, kTileData = 18;
  static const bool has = __builtin_cpu_supports("amx-bf16") &&
                          syscall(SYS_arch_prctl, kRequestPermission, kTileData) == 0;
  return has;
#else
  return false;
#endif
}

}  // namespace prm::ops
