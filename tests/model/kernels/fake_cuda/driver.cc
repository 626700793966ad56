// When preloaded, makes the NVIDIA driver's device file appear, which indicates a GPU.
#include <dlfcn.h>
#include <sys/stat.h>

#include <cstring>

extern "C" {

__attribute__((visibility("default"))) int stat(const char* path, struct stat* status) noexcept {
  if (std::strcmp(path, "/dev/nvidiactl") == 0) path = "/dev/null";
  static const auto next =
      reinterpret_cast<int (*)(const char*, struct stat*)>(dlsym(RTLD_NEXT, "stat"));
  return next(path, status);
}
// Called by std::filesystem in LibTorch's libstdc++, which was built for an older libc.
__attribute__((visibility("default"))) int __xstat(int, const char* path, struct stat* status) {
  return stat(path, status);
}
}
