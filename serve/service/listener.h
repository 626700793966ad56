// Accepts TCP connections, and keeps accepting under overload and from silent clients.
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
  std::string name;     // of this listener in errors and warnings: "server", "metrics"
  std::string address;  // host:port of this machine; port 0: any free one
  int max_connections = 4096;
  // How long a connection may stay open without sending its first byte.
  std::chrono::milliseconds silence{10'000};
};

// A connection is handed on when its first byte arrives; until then it costs only a descriptor. If
// there are too many, or the process runs out of descriptors, the connection that has been silent
// longest is closed to make room. If none is silent, the new one is closed with a warning, at most
// every ten seconds. A failed accept(2) is retried without end.
// Some descriptors are left to the rest of the process. Any thread may call any method.
class Listener {
 public:
  // Takes ownership of a connected, non-blocking socket with bytes to read. Called on the
  // listener's thread.
  using Take = std::function<void(int socket)>;
  // Receives a line in the log's form. Called on the listener's thread.
  using Warn = std::function<void(const std::string& line)>;

  // Listens from construction, hands connections on from Start. Throws Error(kFailedPrecondition),
  // which names the address, if it cannot listen.
  explicit Listener(const ListenerOptions& options);
  // Closes connections that were not handed on. No callback runs afterwards.
  ~Listener();
  Listener(const Listener&) = delete;
  Listener& operator=(const Listener&) = delete;

  void Start(Take take, Warn warn);

  // "127.0.0.1:50051" with the port that was bound.
  const std::string& address() const;
  // The context that its thread runs.
  boost::asio::io_context& context();
  // Connections handed on and still open.
  int connections() const;
  // Connections closed so far because there was no room.
  int64_t refused() const;

  // Accepts no more, and shuts each connection down as soon as its peer has received all written
  // bytes, or at `give_up`. Later writes are lost, and the peer sees a closed connection. Waits
  // until the owners have closed their sockets, too, at most until `give_up`.
  void Close(std::chrono::steady_clock::time_point give_up);

 private:
  struct State;
  std::unique_ptr<State> state_;
};

// Raises the soft limit of open descriptors to the hard one if the system allows it. Throws
// Error(kResourceExhausted) if a server cannot run with so few: gRPC would abort.
void RaiseDescriptorLimit();

}  // namespace prm
