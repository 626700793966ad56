// Identifies the clients among which the server shares itself.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace prm {

// Returns the client's address, with any number of connections; for IPv6 only the first 64 bits,
// since a client chooses the rest. On loopback, where all clients have one address, returns the
// connection. `peer` is gRPC's: "ipv4:192.0.2.1:40000", "ipv6:%5B2001:db8::1%5D:40000".
std::string ClientOfPeer(std::string_view peer);

// The key under which a client's work is counted.
inline uint64_t ClientKey(std::string_view client) { return std::hash<std::string_view>()(client); }

}  // namespace prm
