#include "serve/wire/client_key.h"

#include <arpa/inet.h>

#include <algorithm>

namespace prm {
namespace {

constexpr size_t kNetworkBytes = 8;  // network part of an IPv6 address

// gRPC escapes the brackets as in a URI.
std::string WithoutEscapes(std::string_view peer) {
  std::string plain;
  while (!peer.empty()) {
    const bool open = peer.starts_with("%5B"), close = peer.starts_with("%5D");
    plain.push_back(open ? '[' : close ? ']' : peer[0]);
    peer.remove_prefix(open || close ? 3 : 1);
  }
  return plain;
}

}  // namespace

std::string ClientOfPeer(std::string_view peer) {
  const std::string plain = WithoutEscapes(peer);
  const std::string address = plain.substr(0, plain.rfind(':'));
  if (address.starts_with("ipv4:127.") || address == "ipv6:[::1]") return plain;
  if (address.starts_with("ipv4:")) return address;
  if (!address.starts_with("ipv6:[") || !address.ends_with(']')) return plain;
  std::string host = address.substr(6, address.size() - 7);
  host = host.substr(0, host.find('%'));  // without the interface
  in6_addr bytes = {};
  if (inet_pton(AF_INET6, host.c_str(), &bytes) != 1) return address;
  std::fill(bytes.s6_addr + kNetworkBytes, bytes.s6_addr + sizeof(bytes.s6_addr), 0);
  char network[INET6_ADDRSTRLEN] = {};
  inet_ntop(AF_INET6, &bytes, network, sizeof(network));
  return std::string("ipv6:") + network + "/64";
}

}  // namespace prm
