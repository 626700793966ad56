// The HTTP endpoint /metrics that Prometheus scrapes.
#pragma once

#include <functional>
#include <string>

#include "serve/service/listener.h"

namespace prm {

// Serves from construction to destruction. A connection carries one request. It is closed if it
// takes longer than a few seconds or asks for another page, so that no client can block others.
class MetricsEndpoint {
 public:
  // `text` returns the page; called on the endpoint's thread. `address` and errors as in Listener.
  MetricsEndpoint(const std::string& address, std::function<std::string()> text,
                  Listener::Warn warn);

  const std::string& address() const { return listener_.address(); }

 private:
  Listener listener_;
};

}  // namespace prm
