// The logs of gRPC and protobuf, which would write beside ours.
#pragma once

namespace prm {

// Silences them unless GRPC_VERBOSITY is set in the environment: what matters arrives as a status.
// What gRPC says before it aborts is still written.
// Any thread, any number of times.
void QuietGrpcLog();

}  // namespace prm
