// The project's only exception type, and the string helper for its messages.
#pragma once

#include <sstream>
#include <stdexcept>
#include <string>
#include <utility>

namespace prm {

// gRPC's canonical codes: the value is the status code, so nothing has to be mapped.
enum class ErrorCode : int {
  kCancelled = 1,
  kInvalidArgument = 3,
  kDeadlineExceeded = 4,
  kNotFound = 5,
  kAlreadyExists = 6,
  kPermissionDenied = 7,
  kResourceExhausted = 8,
  kFailedPrecondition = 9,
  kOutOfRange = 11,
  kUnimplemented = 12,
  kInternal = 13,
  kUnavailable = 14,
  kDataLoss = 15,
};

// Thrown by constructors and functions everywhere; caught only at four places: main, the RPC
// handlers, the HTTP handlers and a worker's batch. The message states where, what, and what was
// expected.
class Error : public std::runtime_error {
 public:
  Error(ErrorCode code, const std::string& message) : std::runtime_error(message), code_(code) {}
  ErrorCode code() const { return code_; }

 private:
  ErrorCode code_;
};

// An option that is wrong whatever the data: of a call, or a flag. The program exits with 2.
class OptionError : public Error {
 public:
  explicit OptionError(const std::string& message) : Error(ErrorCode::kInvalidArgument, message) {}
};

// "step 3 of trace p17" from StrCat("step ", 3, " of trace ", id).
template <class... Parts>
std::string StrCat(const Parts&... parts) {
  std::ostringstream out;
  (out << ... << parts);
  return std::move(out).str();
}

}  // namespace prm
