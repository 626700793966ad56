// gRPC's own log, which would write beside ours.
#pragma once

namespace prm {

// Silences it unless GRPC_VERBOSITY is set in the environment: what matters arrives as a status.
// Any thread, any number of times.
void QuietGrpcLog();

}  // namespace prm
