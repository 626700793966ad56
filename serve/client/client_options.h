// How a client reaches its server and what it asks of it at once.
#pragma once

#include <chrono>
#include <functional>
#include <string>
#include <thread>

namespace prm {

struct ClientOptions {
  std::string server = "127.0.0.1:50051";
  std::string model;  // that the server is asked for, by name; empty: the only one it has
  int traces_per_call = 32;
  int calls_in_flight = 4;
  int attempts = 10;          // of one call, while the server is not there or full
  int timeout_seconds = 600;  // of one attempt
  std::string client_id;      // for the server's fairness; empty: each connection is a client
  // A call carries traces of one problem only and names it in its metadata, so that a proxy may
  // send a problem always to the same server.
  bool route_by_problem = false;
  // Waits before another attempt; passed in so that tests own the time.
  std::function<void(std::chrono::milliseconds)> sleep = [](std::chrono::milliseconds delay) {
    std::this_thread::sleep_for(delay);
  };
};

}  // namespace prm
