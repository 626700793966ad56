// How a client reaches its server, and how much it requests at once.
#pragma once

#include <chrono>
#include <functional>
#include <string>
#include <thread>

namespace prm {

struct ClientOptions {
  std::string server = "127.0.0.1:50051";
  std::string model;  // the requested model's name; empty: the server's only one
  int traces_per_call = 32;
  int calls_in_flight = 4;
  int attempts = 10;          // per call, while the server is unreachable or full
  int timeout_seconds = 600;  // per attempt
  std::string client_id;      // for the server's fairness; empty: each connection is a client
  // A call carries traces of one problem only and names it in its metadata, so that a proxy can
  // send all calls of a problem to the same server.
  bool route_by_problem = false;
  // Waits before another attempt; tests replace it.
  std::function<void(std::chrono::milliseconds)> sleep = [](std::chrono::milliseconds delay) {
    std::this_thread::sleep_for(delay);
  };
};

}  // namespace prm
