#include "serve/service/listener.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/resource.h>

#include <algorithm>
#include <condition_variable>
#include <filesystem>
#include <mutex>
#include <string>
#include <thread>

#include "tests/error_of.h"
#include "tests/program/sockets.h"

namespace prm {
namespace {

using testing::HasSubstr;

// A listener whose connections are kept open until they are closed here.
class Door {
 public:
  explicit Door(int max_connections, std::chrono::milliseconds silence = std::chrono::hours(1))
      : listener_({.name = "door",
                   .address = "127.0.0.1:0",
                   .max_connections = max_connections,
                   .silence = silence}) {
    listener_.Start(
        [this](int socket) {
          std::lock_guard lock(mutex_);
          taken_.push_back(socket);
          changed_.notify_all();
        },
        [this](const std::string& line) {
          std::lock_guard lock(mutex_);
          warnings_.push_back(line);
        });
  }
  ~Door() { CloseAll(); }

  // Returns when `count` connections have been handed on in all.
  void Await(size_t count) {
    std::unique_lock lock(mutex_);
    changed_.wait(lock, [&] { return taken_.size() + closed_ >= count; });
  }
  void CloseAll() {
    std::lock_guard lock(mutex_);
    for (const int socket : taken_) close(socket);
    closed_ += taken_.size();
    taken_.clear();
  }
  std::vector<std::string> warnings() {
    std::lock_guard lock(mutex_);
    return warnings_;
  }
  Listener& listener() { return listener_; }
  const std::string& address() const { return listener_.address(); }

 private:
  std::mutex mutex_;
  // Guarded by mutex_:
  std::vector<int> taken_;
  size_t closed_ = 0;
  std::vector<std::string> warnings_;
  std::condition_variable changed_;

  Listener listener_;  // destroyed before the members its thread uses
};

// Whether the peer has closed it; waits for that or a byte.
bool IsClosed(int socket) {
  char byte;
  return recv(socket, &byte, 1, 0) <= 0;
}

// Connects and sends bytes.
int Speak(const std::string& address) {
  const int socket = ConnectSocket(address);
  EXPECT_EQ(send(socket, "x", 1, MSG_NOSIGNAL), 1);
  return socket;
}

TEST(Listener, HandsOnWhatSpeaksAndClosesWhatIsSilentForTooLong) {
  Door door(10, std::chrono::milliseconds(1));
  const int silent = ConnectSocket(door.address());
  EXPECT_TRUE(IsClosed(silent));
  const int speaking = Speak(door.address());
  door.Await(1);
  EXPECT_EQ(door.listener().connections(), 1);
  door.CloseAll();
  EXPECT_EQ(door.listener().connections(), 0);
  close(silent);
  close(speaking);
}

TEST(Listener, TheOldestSilentConnectionMakesRoom) {
  Door door(2);
  const int oldest = ConnectSocket(door.address());
  const int silent = ConnectSocket(door.address());
  const int first = Speak(door.address());
  EXPECT_TRUE(IsClosed(oldest));
  door.Await(1);
  const int second = Speak(door.address());
  EXPECT_TRUE(IsClosed(silent));
  door.Await(2);
  EXPECT_EQ(door.listener().refused(), 0);
  const int third = Speak(door.address());  // none is silent any more
  EXPECT_TRUE(IsClosed(third));
  EXPECT_EQ(door.listener().refused(), 1);
  EXPECT_THAT(door.warnings(),
              testing::ElementsAre(HasSubstr("event=no_room door=door reason=\"2 connections")));
  door.CloseAll();
  const int fourth = Speak(door.address());
  door.Await(3);
  for (const int socket : {oldest, silent, first, second, third, fourth}) close(socket);
}

// All have connected and sent bytes before the first is accepted.
TEST(Listener, InAStormWhoHasSpokenIsNotClosedForOneWhoComesLater) {
  Listener listener({.name = "door", .address = "127.0.0.1:0", .max_connections = 2});
  std::vector<int> callers;
  for (int i = 0; i < 6; ++i) callers.push_back(Speak(listener.address()));
  std::mutex mutex;
  std::vector<int> taken;
  listener.Start(
      [&](int socket) {
        std::lock_guard lock(mutex);
        taken.push_back(socket);
      },
      [](const std::string&) {});
  for (int i = 2; i < 6; ++i) EXPECT_TRUE(IsClosed(callers[size_t(i)])) << i;
  EXPECT_EQ(listener.refused(), 4);
  EXPECT_EQ(listener.connections(), 2);
  for (const int socket : callers) close(socket);
  std::lock_guard lock(mutex);
  for (const int socket : taken) close(socket);
}

// Fills the free descriptors below the highest in use, which other tests of this process may have
// left, so that a limit leaves exactly the intended number.
std::vector<int> FillHoles() {
  int highest = 0;
  for (const auto& entry : std::filesystem::directory_iterator("/proc/self/fd")) {
    highest = std::max(highest, std::stoi(entry.path().filename()));
  }
  std::vector<int> filled;
  do {
    filled.push_back(dup(STDIN_FILENO));
  } while (filled.back() < highest);
  return filled;
}

// All descriptors of the process are taken, so that accept(2) fails.
TEST(Listener, AcceptsAgainWhenDescriptorsAreThereAgain) {
  Door door(1000);
  rlimit former = {};
  ASSERT_EQ(getrlimit(RLIMIT_NOFILE, &former), 0);
  std::vector<int> taken = FillHoles();
  const rlimit low = {rlim_t(taken.back()) + 40, former.rlim_max};
  ASSERT_EQ(setrlimit(RLIMIT_NOFILE, &low), 0);
  const int waiting = NewSocket();
  for (int next; (next = dup(STDIN_FILENO)) >= 0;) taken.push_back(next);
  ASSERT_TRUE(Connects(waiting, door.address()));
  EXPECT_EQ(send(waiting, "x", 1, MSG_NOSIGNAL), 1);
  while (door.warnings().empty()) std::this_thread::yield();
  EXPECT_THAT(door.warnings()[0], HasSubstr("reason=\"Too many open files\""));
  for (const int descriptor : taken) close(descriptor);
  door.Await(1);
  const int next = Speak(door.address());
  door.Await(2);
  EXPECT_EQ(setrlimit(RLIMIT_NOFILE, &former), 0);
  close(waiting);
  close(next);
}

TEST(Listener, LeavesDescriptorsToOthersHoweverManyCome) {
  Door door(1000);
  rlimit former = {};
  ASSERT_EQ(getrlimit(RLIMIT_NOFILE, &former), 0);
  const std::vector<int> holes = FillHoles();
  std::vector<int> callers;
  for (int i = 0; i < 200; ++i) callers.push_back(NewSocket());
  const rlimit low = {rlim_t(callers.back()) + 60, former.rlim_max};
  ASSERT_EQ(setrlimit(RLIMIT_NOFILE, &low), 0);
  for (const int caller : callers) {
    ASSERT_TRUE(Connects(caller, door.address()));
    // A few are silent for a while, so that some make room for others.
    if (caller % 7 != 0) (void)send(caller, "x", 1, MSG_NOSIGNAL);
  }
  while (door.listener().refused() == 0) std::this_thread::yield();
  std::vector<int> others;
  for (int i = 0; i < 10; ++i) others.push_back(dup(STDIN_FILENO));
  EXPECT_GE(others.back(), 0);
  EXPECT_GE(door.listener().connections(), 40);
  EXPECT_LE(door.listener().connections(), 44);
  EXPECT_EQ(setrlimit(RLIMIT_NOFILE, &former), 0);
  for (const int socket : others) close(socket);
  for (const int caller : callers) close(caller);
  for (const int hole : holes) close(hole);
}

TEST(Listener, CloseEndsEveryConnectionAndRefusesNewOnes) {
  Door door(10);
  const int silent = ConnectSocket(door.address());
  const int speaking = Speak(door.address());
  door.Await(1);
  door.listener().Close(std::chrono::steady_clock::now());
  EXPECT_TRUE(IsClosed(silent));
  EXPECT_EQ(ConnectSocket(door.address()), -1);
  EXPECT_EQ(door.listener().connections(), 1) << "its owner's";
  door.CloseAll();
  EXPECT_TRUE(IsClosed(speaking));
  close(silent);
  close(speaking);
}

TEST(Listener, AnAddressThatCannotBeHadIsNamedWithTheReason) {
  const auto message = [](const std::string& address) {
    return MessageOf([&] { Listener listener({.name = "door", .address = address}); },
                     ErrorCode::kFailedPrecondition);
  };
  EXPECT_THAT(message("192.0.2.1:9464"),
              HasSubstr("door: cannot listen on 192.0.2.1:9464: Cannot assign requested address"));
  const Door door(1);
  EXPECT_THAT(message(door.address()), HasSubstr("Address already in use"));
  EXPECT_THAT(message("127.0.0.1"), HasSubstr("no port"));
  EXPECT_THAT(message("127.0.0.1:"), HasSubstr("no port"));
  EXPECT_THAT(message("127.0.0.1:99999"), HasSubstr("its port is no number up to 65535"));
  EXPECT_THAT(message("127.0.0.1:http"), HasSubstr("its port is no number up to 65535"));
  EXPECT_THAT(message("no.such.host.invalid:1"), HasSubstr("no.such.host.invalid:1: "));
}

TEST(Listener, ANameListensOnAllItsAddresses) {
  Listener listener({.name = "door", .address = "localhost:0"});
  EXPECT_THAT(listener.address(), testing::StartsWith("localhost:"));
  EXPECT_NE(listener.address(), "localhost:0");
  const int socket = ConnectSocket(listener.address());
  EXPECT_GE(socket, 0);
  close(socket);
}

}  // namespace
}  // namespace prm
