// What a server measured of a request, where the request asks for it; and which server it is.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace prm {

// The times of a call, or of a step of a session, in microseconds.
struct Diagnostics {
  std::string build_version;  // of the server
  int64_t tokenize_us = 0;    // in which texts were read and tokenised
  int64_t queue_us = 0;       // the longest wait of a trace
  int64_t compute_us = 0;     // the longest of a trace, with what shared its batches
};

// Of this program: "0.1.0".
std::string_view BuildVersion();

}  // namespace prm
