#include "serve/service/listener.h"

#include <fcntl.h>
#include <linux/sockios.h>
#include <spdlog/fmt/fmt.h>
#include <sys/ioctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <boost/asio/executor_work_guard.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/ip/v6_only.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/steady_timer.hpp>
#include <charconv>
#include <future>
#include <list>
#include <map>
#include <mutex>
#include <optional>
#include <set>
#include <thread>
#include <vector>

#include "data/error.h"

namespace prm {
namespace {

namespace asio = boost::asio;
using asio::ip::tcp;
using boost::system::error_code;
using Clock = std::chrono::steady_clock;

constexpr std::chrono::milliseconds kRetry{100};  // delay after a failed accept
constexpr std::chrono::milliseconds kSweep{100};  // period of the check for silent connections
constexpr std::chrono::seconds kBetweenWarnings{10};
// Descriptors reserved for the rest of the process.
constexpr int64_t kReserve = 16;
constexpr int64_t kFewestDescriptors = 64;

int64_t DescriptorLimit() {
  rlimit limit = {};
  if (getrlimit(RLIMIT_NOFILE, &limit) != 0 || limit.rlim_cur == RLIM_INFINITY) return INT64_MAX;
  return int64_t(limit.rlim_cur);
}

// Identifies a descriptor's socket, since its number may be reused.
std::optional<ino_t> SocketOf(int descriptor) {
  struct stat about = {};
  if (fstat(descriptor, &about) != 0 || !S_ISSOCK(about.st_mode)) return std::nullopt;
  return about.st_ino;
}

std::pair<std::string, std::string> HostAndPort(const std::string& address) {
  const size_t colon = address.rfind(':');
  if (colon == std::string::npos) return {};
  std::string host = address.substr(0, colon);
  if (host.starts_with('[') && host.ends_with(']')) host = host.substr(1, host.size() - 2);
  return {host, address.substr(colon + 1)};
}

}  // namespace

struct Listener::State {
  explicit State(const ListenerOptions& o) : options(o), work(io.get_executor()), sweep(io) {}

  // A connection that has sent no byte yet.
  struct Silent {
    explicit Silent(tcp::socket s) : socket(std::move(s)) {}
    tcp::socket socket;
    const Clock::time_point since = Clock::now();
  };
  struct Door {
    explicit Door(asio::io_context& io) : acceptor(io), pause(io) {}
    tcp::acceptor acceptor;
    asio::steady_timer pause;
  };

  [[noreturn]] void ThrowCannotListen(const std::string& why) const {
    throw Error(ErrorCode::kFailedPrecondition,
                StrCat(options.name, ": cannot listen on ", options.address, ": ", why,
                       "; expected host:port of this machine, the port free and permitted"));
  }
  void Listen();
  error_code Open(tcp::endpoint at);

  void Accept(Door* door);
  void Came(tcp::socket socket, const tcp& family);
  void AwaitFirstByte(tcp::socket socket);
  void HandOn(tcp::socket socket);
  void Sweep();
  bool HasMost();
  bool Lower(tcp::socket* socket, const tcp& family);
  bool DropOldestSilent();
  void WarnFull(const std::string& why);
  int CountOpen();
  int ShutOpen(bool all);

  const ListenerOptions options;
  std::string address;
  Take take;
  Warn warn;

  asio::io_context io{1};
  asio::executor_work_guard<asio::io_context::executor_type> work;
  // Used only by the thread once it runs:
  std::vector<std::unique_ptr<Door>> doors;
  asio::steady_timer sweep;
  std::list<std::shared_ptr<Silent>> silent;  // oldest first
  Clock::time_point quiet_until{};            // no warning before this time

  std::atomic<int64_t> refused = 0;
  std::mutex mutex;
  std::map<int, ino_t> open;  // guarded by mutex: connections handed on, some closed since
  std::thread thread;
};

// --- listening -----------------------------------------------------------------------------------

error_code Listener::State::Open(tcp::endpoint at) {
  auto door = std::make_unique<Door>(io);
  tcp::acceptor& acceptor = door->acceptor;
  error_code error;
  const auto step = [&](auto&& action) {
    if (!error) action();
  };
  step([&] { acceptor.open(at.protocol(), error); });
  step([&] { fcntl(acceptor.native_handle(), F_SETFD, FD_CLOEXEC); });
  step([&] { acceptor.set_option(tcp::acceptor::reuse_address(true), error); });
  if (at.address().is_v6()) {
    // [::] takes IPv4 too.
    step([&] { acceptor.set_option(asio::ip::v6_only(!at.address().is_unspecified()), error); });
  }
  step([&] { acceptor.bind(at, error); });
  step([&] { acceptor.listen(tcp::acceptor::max_listen_connections, error); });
  if (!error) doors.push_back(std::move(door));
  return error;
}

void Listener::State::Listen() {
  const auto [host, port] = HostAndPort(options.address);
  if (port.empty()) ThrowCannotListen("it has no port");
  uint16_t number = 0;  // checked here: the system's parser reads 99999 as 34463
  const auto [rest, wrong] = std::from_chars(port.data(), port.data() + port.size(), number);
  if (wrong != std::errc() || *rest != 0) ThrowCannotListen("its port is no number up to 65535");
  error_code error;
  const auto found = tcp::resolver(io).resolve(host, port, tcp::resolver::passive, error);
  if (error) ThrowCannotListen(error.message());
  std::set<tcp::endpoint> at;
  for (const auto& entry : found) at.insert(entry.endpoint());
  int bound = 0;
  for (tcp::endpoint endpoint : at) {
    if (endpoint.port() == 0) endpoint.port(uint16_t(bound));
    const error_code why = Open(endpoint);
    if (!why) {
      bound = doors.back()->acceptor.local_endpoint().port();
    } else if (why != asio::error::address_family_not_supported &&
               why != boost::system::errc::address_not_available) {
      ThrowCannotListen(why.message());
    } else {
      error = why;  // try the others: a name may also have addresses of other machines
    }
  }
  if (doors.empty()) ThrowCannotListen(error.message());
  address = options.address.substr(0, options.address.rfind(':') + 1) + std::to_string(bound);
}

// --- accepting: on the thread --------------------------------------------------------------------

void Listener::State::Accept(Door* door) {
  door->acceptor.async_accept([this, door](error_code error, tcp::socket socket) {
    if (error == asio::error::operation_aborted) return;
    if (!error) {
      Came(std::move(socket), door->acceptor.local_endpoint().protocol());
      return Accept(door);
    }
    // Mostly EMFILE or ENFILE: the process or the machine is out of descriptors.
    if (DropOldestSilent()) return Accept(door);
    WarnFull(error.message());
    door->pause.expires_after(kRetry);
    door->pause.async_wait([this, door](error_code stopped) {
      if (!stopped) Accept(door);
    });
  });
}

void Listener::State::Came(tcp::socket socket, const tcp& family) {
  const bool high = socket.native_handle() >= DescriptorLimit() - kReserve;
  const bool has_room = !high && !HasMost();
  if (!(has_room || DropOldestSilent()) || (high && !Lower(&socket, family))) {
    refused.fetch_add(1, std::memory_order_relaxed);
    return WarnFull(fmt::format("{} connections are open", CountOpen()));
  }
  fcntl(socket.native_handle(), F_SETFD, FD_CLOEXEC);
  error_code ignored;  // the connection may be gone already
  socket.set_option(tcp::no_delay(true), ignored);
  AwaitFirstByte(std::move(socket));
}

void Listener::State::AwaitFirstByte(tcp::socket socket) {
  const auto waiting = std::make_shared<Silent>(std::move(socket));
  const auto place = silent.insert(silent.end(), waiting);
  waiting->socket.async_wait(tcp::socket::wait_read, [this, waiting, place](error_code error) {
    if (!waiting->socket.is_open()) return;  // dropped or handed on: no longer in the list
    silent.erase(place);
    error_code gone;
    if (error || waiting->socket.available(gone) == 0 || gone) return;
    HandOn(std::move(waiting->socket));
  });
}

void Listener::State::HandOn(tcp::socket socket) {
  error_code error;
  socket.native_non_blocking(true, error);
  const int descriptor = socket.release(error);
  if (error) return;
  {
    std::lock_guard lock(mutex);
    open[descriptor] = SocketOf(descriptor).value_or(0);
  }
  take(descriptor);
}

void Listener::State::Sweep() {
  sweep.expires_after(kSweep);
  sweep.async_wait([this](error_code stopped) {
    if (stopped) return;
    while (!silent.empty() && Clock::now() - silent.front()->since > options.silence) {
      DropOldestSilent();
    }
    Sweep();
  });
}

// Moves the socket to the lowest free descriptor, so that connections never use the reserved ones.
// Returns false if none is free.
bool Listener::State::Lower(tcp::socket* socket, const tcp& family) {
  error_code error;
  const int high = socket->release(error);
  if (error) return false;
  const int low = fcntl(high, F_DUPFD_CLOEXEC, 0);
  close(high);
  if (low < 0) return false;
  socket->assign(family, low, error);
  if (error) close(low);
  return !error && low < DescriptorLimit() - kReserve;
}

bool Listener::State::HasMost() {
  {
    std::lock_guard lock(mutex);
    if (int64_t(open.size() + silent.size()) < options.max_connections) return false;
  }
  return CountOpen() + int64_t(silent.size()) >= options.max_connections;
}

bool Listener::State::DropOldestSilent() {
  while (!silent.empty()) {
    const std::shared_ptr<Silent> oldest = silent.front();
    silent.pop_front();
    error_code ignored;
    // Its first byte may have arrived before its handler ran: in a burst of connections the next
    // accept runs first, and would close each connection in favour of the next.
    if (oldest->socket.available(ignored) > 0) {
      HandOn(std::move(oldest->socket));
      continue;
    }
    oldest->socket.close(ignored);
    return true;
  }
  return false;
}

void Listener::State::WarnFull(const std::string& why) {
  const Clock::time_point now = Clock::now();
  if (now < quiet_until) return;
  quiet_until = now + kBetweenWarnings;
  warn(
      fmt::format("event=no_room door={} reason={:?} connections={} descriptor_limit={} refused={}",
                  options.name, why, CountOpen(), DescriptorLimit(), refused.load()));
}

int Listener::State::CountOpen() {
  std::lock_guard lock(mutex);
  std::erase_if(open, [](const auto& entry) { return SocketOf(entry.first) != entry.second; });
  return int(open.size());
}

// Returns the number of connections still open.
int Listener::State::ShutOpen(bool all) {
  const int count = CountOpen();
  std::lock_guard lock(mutex);
  for (const auto& [descriptor, socket] : open) {
    int unacknowledged = 0;
    if (!all && ioctl(descriptor, SIOCOUTQ, &unacknowledged) == 0 && unacknowledged > 0) continue;
    shutdown(descriptor, SHUT_RDWR);
  }
  return count;
}

// --- from any thread -----------------------------------------------------------------------------

Listener::Listener(const ListenerOptions& options) : state_(std::make_unique<State>(options)) {
  state_->Listen();
}

Listener::~Listener() {
  state_->io.stop();
  if (state_->thread.joinable()) state_->thread.join();
}

void Listener::Start(Take take, Warn warn) {
  State& s = *state_;
  s.take = std::move(take);
  s.warn = std::move(warn);
  for (const auto& door : s.doors) s.Accept(door.get());
  s.Sweep();
  s.thread = std::thread([&s] { s.io.run(); });
}

const std::string& Listener::address() const { return state_->address; }

boost::asio::io_context& Listener::context() { return state_->io; }

int Listener::connections() const { return state_->CountOpen(); }

int64_t Listener::refused() const { return state_->refused.load(std::memory_order_relaxed); }

void Listener::Close(Clock::time_point give_up) {
  State& s = *state_;
  if (!s.thread.joinable()) return;
  std::promise<void> closed;
  asio::post(s.io, [&] {
    for (const auto& door : s.doors) {
      error_code ignored;
      door->acceptor.close(ignored);
      door->pause.cancel();
    }
    while (s.DropOldestSilent()) continue;
    closed.set_value();
  });
  closed.get_future().wait();
  while (s.ShutOpen(Clock::now() >= give_up) > 0 && Clock::now() < give_up) {
    std::this_thread::sleep_for(std::chrono::milliseconds(2));
  }
}

void RaiseDescriptorLimit() {
  rlimit limit = {};
  if (getrlimit(RLIMIT_NOFILE, &limit) == 0 && limit.rlim_cur != limit.rlim_max) {
    limit.rlim_cur = limit.rlim_max;
    setrlimit(RLIMIT_NOFILE, &limit);  // on failure the lower limit stays in force
  }
  if (DescriptorLimit() >= kFewestDescriptors) return;
  throw Error(ErrorCode::kResourceExhausted,
              StrCat("the system lets this process open ", DescriptorLimit(),
                     " files and connections (ulimit -n); expected at least ", kFewestDescriptors));
}

}  // namespace prm
