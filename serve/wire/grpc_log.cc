#include "serve/wire/grpc_log.h"

#include <google/protobuf/stubs/logging.h>
#include <grpc/support/log.h>

#include <cstdio>
#include <cstdlib>
#include <mutex>
#include <string_view>

namespace prm {

namespace {

// gRPC aborts after these messages.
void WriteLastWords(gpr_log_func_args* args) {
  constexpr std::string_view kFatal = "assertion failed";
  if (!std::string_view(args->message).starts_with(kFatal)) return;
  std::fprintf(stderr, "gRPC: %s:%d: %s\n", args->file, args->line, args->message);
}

}  // namespace

void QuietGrpcLog() {
  static std::once_flag once;
  std::call_once(once, [] {
    if (std::getenv("GRPC_VERBOSITY") == nullptr) {
      gpr_set_log_function(WriteLastWords);
      google::protobuf::SetLogHandler(nullptr);
    }
  });
}

}  // namespace prm
