// The HTTP endpoint /metrics that Prometheus scrapes.
#pragma once

#include <functional>
#include <string>

#include "serve/service/listener.h"

namespace prm {

// Serves from construction to destruction. A connection carries one request, and is closed when it
// takes longer than a few seconds or asks for anything else: nobody can keep others waiting.
class MetricsEndpoint {
 public:
  // `text`: the page, called on the endpoint's thread. `address` as in ListenerOptions, whose
  // errors it throws.
  MetricsEndpoint(const std::string& address, std::function<std::string()> text,
                  Listener::Warn warn);

  const std::string& address() const { return listener_.address(); }

 private:
  Listener listener_;
};

}  // namespace prm
