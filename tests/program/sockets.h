// Plain TCP connections to a program under test.
#pragma once

#include <arpa/inet.h>
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <string>
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

}  // namespace prm
