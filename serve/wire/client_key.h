// Whom the server shares itself among: what tells one client from another.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace prm {

// A client is its address, of which connections it may have any number; of IPv6 the first 64 bits,
// as the rest is the client's to choose. On this machine, where all have one address, it is the
// connection. `peer` is gRPC's: "ipv4:192.0.2.1:40000", "ipv6:%5B2001:db8::1%5D:40000".
std::string ClientOfPeer(std::string_view peer);

// The key under which a client's work is counted.
inline uint64_t ClientKey(std::string_view client) { return std::hash<std::string_view>()(client); }

}  // namespace prm
