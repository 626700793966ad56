#include "serve/wire/client_key.h"

#include <gtest/gtest.h>

namespace prm {
namespace {

TEST(ClientOfPeer, IsTheAddressWhateverTheConnection) {
  EXPECT_EQ(ClientOfPeer("ipv4:192.0.2.1:40000"), ClientOfPeer("ipv4:192.0.2.1:40001"));
  EXPECT_NE(ClientOfPeer("ipv4:192.0.2.1:40000"), ClientOfPeer("ipv4:192.0.2.2:40000"));
}

TEST(ClientOfPeer, OfIpv6TheNetwork) {
  EXPECT_EQ(ClientOfPeer("ipv6:%5B2001:db8:1:2:3:4:5:6%5D:40000"), "ipv6:2001:db8:1:2::/64");
  EXPECT_EQ(ClientOfPeer("ipv6:[2001:db8:1:2::9]:40001"), "ipv6:2001:db8:1:2::/64");
  EXPECT_EQ(ClientOfPeer("ipv6:[fe80::1%25eth0]:40001"), "ipv6:fe80::/64");
  EXPECT_NE(ClientOfPeer("ipv6:%5B2001:db8:1:3::1%5D:40000"), "ipv6:2001:db8:1:2::/64");
}

TEST(ClientOfPeer, OnThisMachineTheConnection) {
  EXPECT_NE(ClientOfPeer("ipv4:127.0.0.1:40000"), ClientOfPeer("ipv4:127.0.0.1:40001"));
  EXPECT_NE(ClientOfPeer("ipv6:%5B::1%5D:40000"), ClientOfPeer("ipv6:%5B::1%5D:40001"));
  EXPECT_EQ(ClientOfPeer("ipv6:%5B::1%5D:40000"), ClientOfPeer("ipv6:%5B::1%5D:40000"));
}

TEST(ClientOfPeer, WhatItDoesNotKnowIsAClientByItself) {
  EXPECT_EQ(ClientOfPeer("unix:/run/prm.sock"), "unix:/run/prm.sock");
  EXPECT_EQ(ClientOfPeer(""), "");
}

}  // namespace
}  // namespace prm
