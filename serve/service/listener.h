// Listens for TCP connections and goes on accepting them, whatever they do and however many come.
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>

namespace boost::asio {
class io_context;
}

namespace prm {

struct ListenerOptions {
  std::string name;     // of this door in errors and warnings: "server", "metrics"
  std::string address;  // host:port of this machine; port 0: any free one
  int max_connections = 4096;
  // How long a connection may wait without a byte.
  std::chrono::milliseconds silence{10'000};
};

// A connection is handed on when its first byte has come: until then it costs a descriptor and no
// more. Where there are too many, or the process runs out of descriptors, the one that has been
// silent for longest makes room for the new one; where none is silent, the new one is closed and a
// warning says so, at most every ten seconds. A failed accept(2) is tried again for ever.
// Some descriptors are left to the rest of the process. Any thread may call any method.
class Listener {
 public:
  // Gets a connected socket, which it owns from then on: non-blocking, with bytes to read. Called
  // on the listener's thread.
  using Take = std::function<void(int socket)>;
  // Gets a line in the log's form. Called on the listener's thread.
  using Warn = std::function<void(const std::string& line)>;

  // Listens from construction; hands on from Start. Throws Error(kFailedPrecondition) that names
  // the address where it cannot listen.
  explicit Listener(const ListenerOptions& options);
  // Closes what was not handed on. No callback runs any more.
  ~Listener();
  Listener(const Listener&) = delete;
  Listener& operator=(const Listener&) = delete;

  void Start(Take take, Warn warn);

  // "127.0.0.1:50051" with the port that was bound.
  const std::string& address() const;
  // What its thread runs.
  boost::asio::io_context& context();
  // Handed on and not closed since.
  int connections() const;
  // Closed for want of room, so far.
  int64_t refused() const;

  // Accepts no more and shuts every connection down as soon as the other end has all that was
  // written to it, at the latest at `give_up`: what is written later goes nowhere, and the other
  // end finds the connection closed. Waits until their owner has closed them, too, at most as long.
  void Close(std::chrono::steady_clock::time_point give_up);

 private:
  struct State;
  std::unique_ptr<State> state_;
};

// Raises the soft limit of open descriptors to the hard one, where that is possible.
void RaiseDescriptorLimit();

}  // namespace prm
