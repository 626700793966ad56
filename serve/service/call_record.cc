#include "serve/service/call_record.h"

#include <spdlog/fmt/fmt.h>

namespace prm {

const char* StatusName(std::optional<ErrorCode> code) {
  if (!code) return "OK";
  switch (*code) {
    case ErrorCode::kCancelled:
      return "CANCELLED";
    case ErrorCode::kInvalidArgument:
      return "INVALID_ARGUMENT";
    case ErrorCode::kDeadlineExceeded:
      return "DEADLINE_EXCEEDED";
    case ErrorCode::kNotFound:
      return "NOT_FOUND";
    case ErrorCode::kAlreadyExists:
      return "ALREADY_EXISTS";
    case ErrorCode::kPermissionDenied:
      return "PERMISSION_DENIED";
    case ErrorCode::kResourceExhausted:
      return "RESOURCE_EXHAUSTED";
    case ErrorCode::kFailedPrecondition:
      return "FAILED_PRECONDITION";
    case ErrorCode::kOutOfRange:
      return "OUT_OF_RANGE";
    case ErrorCode::kUnimplemented:
      return "UNIMPLEMENTED";
    case ErrorCode::kInternal:
      return "INTERNAL";
    case ErrorCode::kUnavailable:
      return "UNAVAILABLE";
    case ErrorCode::kDataLoss:
      return "DATA_LOSS";
  }
  return "UNKNOWN";
}

std::string FormatCall(const CallRecord& r) {
  std::string line = fmt::format(
      "event={} id={} traces={} failed={} tokens={} queue_us={} compute_us={} total_us={} "
      "status={}",
      r.event, r.id, r.traces, r.failed_traces, r.tokens, r.queue_us, r.compute_us, r.total_us,
      StatusName(r.status()));
  if (r.error) line += fmt::format(" error={:?}", r.error->what());
  return line;
}

}  // namespace prm
