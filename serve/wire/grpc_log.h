// Silences the logs of gRPC and protobuf, which would mix with ours.
#pragma once

namespace prm {

// Does nothing if GRPC_VERBOSITY is set in the environment. Errors arrive as statuses anyway, and
// gRPC's last message before it aborts is still written. Any thread, any number of times.
void QuietGrpcLog();

}  // namespace prm
