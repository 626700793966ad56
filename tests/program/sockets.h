// Plain TCP connections to a program under test.
#pragma once

#include <arpa/inet.h>
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <string>
#include <thread>
#include <vector>

namespace prm {

inline int NewSocket() {
  const int socket = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  EXPECT_GE(socket, 0);
  return socket;
}

// `address` is 127.0.0.1:port.
inline bool Connects(int socket, const std::string& address) {
  sockaddr_in to = {};
  to.sin_family = AF_INET;
  to.sin_port = htons(uint16_t(std::stoi(address.substr(address.rfind(':') + 1))));
  to.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  return connect(socket, reinterpret_cast<sockaddr*>(&to), sizeof(to)) == 0;
}

// Returns -1 if it was refused.
inline int ConnectSocket(const std::string& address) {
  const int socket = NewSocket();
  if (Connects(socket, address)) return socket;
  close(socket);
  return -1;
}

// Many connections that send `first` and then nothing, until destroyed.
class Crowd {
 public:
  Crowd(const std::string& address, int count, const std::string& first = "") {
    for (int i = 0; i < count; ++i) {
      sockets_.push_back(ConnectSocket(address));
      EXPECT_GE(sockets_.back(), 0) << "connection " << i;
      // Writing fails on connections that were closed meanwhile.
      (void)send(sockets_.back(), first.data(), first.size(), MSG_NOSIGNAL);
    }
  }
  ~Crowd() {
    for (const int socket : sockets_) close(socket);
  }
  Crowd(const Crowd&) = delete;
  Crowd& operator=(const Crowd&) = delete;

 private:
  std::vector<int> sockets_;
};

// The first bytes of an HTTP/2 client: the preface and empty settings.
inline const std::string kHttp2Hello =
    std::string("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n") + std::string("\0\0\0\4\0\0\0\0\0", 9);

// The whole response to `request`, until the server closes the connection.
inline std::string Exchange(const std::string& address, const std::string& request) {
  const int socket = ConnectSocket(address);
  EXPECT_GE(socket, 0) << address;
  EXPECT_EQ(send(socket, request.data(), request.size(), MSG_NOSIGNAL), ssize_t(request.size()));
  std::string reply(1 << 16, '\0');
  size_t size = 0;
  for (ssize_t n; (n = recv(socket, reply.data() + size, reply.size() - size, 0)) > 0;) {
    size += size_t(n);
    if (size == reply.size()) reply.resize(2 * size);
  }
  reply.resize(size);
  close(socket);
  return reply;
}

inline std::string HttpGet(const std::string& address, const std::string& path) {
  return Exchange(address, "GET " + path + " HTTP/1.1\r\nHost: " + address + "\r\n\r\n");
}

// Passes on what clients and the server send each other, but of each connection only the first
// `bytes` of the client's.
class StallingProxy {
 public:
  StallingProxy(std::string server, int64_t bytes) : server_(std::move(server)), bytes_(bytes) {
    sockaddr_in here = {};
    here.sin_family = AF_INET;
    here.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    socklen_t size = sizeof(here);
    auto* any = reinterpret_cast<sockaddr*>(&here);
    EXPECT_EQ(bind(listening_, any, size), 0);
    EXPECT_EQ(listen(listening_, 128), 0);
    EXPECT_EQ(getsockname(listening_, any, &size), 0);
    address_ = "127.0.0.1:" + std::to_string(ntohs(here.sin_port));
    accepting_ = std::jthread([this](const std::stop_token& stop) { Accept(stop); });
  }
  ~StallingProxy() {
    accepting_.request_stop();
    accepting_.join();
    connections_.clear();  // stops and joins each
    close(listening_);
  }
  StallingProxy(const StallingProxy&) = delete;
  StallingProxy& operator=(const StallingProxy&) = delete;
  const std::string& address() const { return address_; }
  int64_t passed() const { return passed_; }  // of the clients' bytes

 private:
  static bool Readable(int socket, int milliseconds) {
    pollfd waiting = {socket, POLLIN, 0};
    return poll(&waiting, 1, milliseconds) == 1;
  }
  // Returns the bytes passed on; 0 at the end of a side.
  static int64_t Pass(int from, int to, int64_t most) {
    std::array<char, 1 << 16> bytes;
    const ssize_t n = recv(from, bytes.data(), std::min<size_t>(bytes.size(), size_t(most)), 0);
    for (ssize_t sent = 0, now = 0; sent < n; sent += now) {
      now = send(to, bytes.data() + sent, size_t(n - sent), MSG_NOSIGNAL);
      if (now <= 0) return 0;
    }
    return std::max<ssize_t>(n, 0);
  }
  void Accept(const std::stop_token& stop) {
    while (!stop.stop_requested()) {
      if (!Readable(listening_, 50)) continue;
      const int client = accept(listening_, nullptr, nullptr);
      connections_.emplace_back([this, client](const std::stop_token& end) { Run(client, end); });
    }
  }
  void Run(int client, const std::stop_token& stop) {
    const int server = ConnectSocket(server_);
    int64_t left = bytes_;
    for (bool open = true; open && !stop.stop_requested();) {
      if (Readable(server, left > 0 ? 1 : 50)) open = Pass(server, client, bytes_) > 0;
      if (!open || left == 0 || !Readable(client, 1)) continue;
      const int64_t passed = Pass(client, server, left);
      left -= passed;
      passed_ += passed;
      open = passed > 0;
    }
    close(client);
    close(server);
  }

  const std::string server_;
  const int64_t bytes_;
  std::atomic<int64_t> passed_ = 0;
  const int listening_ = NewSocket();
  std::string address_;
  std::vector<std::jthread> connections_;  // filled by accepting_
  std::jthread accepting_;
};

}  // namespace prm
