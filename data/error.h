// The one exception type of the project and the string helper its messages are built with.
#pragma once

#include <sstream>
#include <stdexcept>
#include <string>
#include <utility>

namespace prm {

// gRPC's canonical codes, so that a status is the code's number and nothing is mapped twice.
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

// Thrown by constructors and functions everywhere; caught only at the four doors: main, the RPC
// handlers, the HTTP handlers and a worker's batch. The message says where, what, and what was
// expected.
class Error : public std::runtime_error {
 public:
  Error(ErrorCode code, const std::string& message) : std::runtime_error(message), code_(code) {}
  ErrorCode code() const { return code_; }

 private:
  ErrorCode code_;
};

// A command line that cannot be understood; main exits with 2 instead of 1.
class UsageError : public Error {
 public:
  explicit UsageError(const std::string& message) : Error(ErrorCode::kInvalidArgument, message) {}
};

// "step 3 of trace p17" from StrCat("step ", 3, " of trace ", id).
template <class... Parts>
std::string StrCat(const Parts&... parts) {
  std::ostringstream out;
  (out << ... << parts);
  return std::move(out).str();
}

}  // namespace prm
