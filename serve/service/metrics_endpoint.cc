#include "serve/service/metrics_endpoint.h"

#include <boost/asio/io_context.hpp>
#include <boost/beast/core.hpp>
#include <boost/beast/http.hpp>
#include <boost/beast/version.hpp>
#include <memory>
#include <utility>

namespace prm {
namespace {

namespace beast = boost::beast;
namespace http = boost::beast::http;
using boost::asio::ip::tcp;

constexpr int kMaxConnections = 64;
constexpr std::chrono::seconds kPatience{5};  // for one request and its answer
constexpr uint32_t kMaxHeaderBytes = 8192;

using Request = http::request<http::empty_body>;
using Response = http::response<http::string_body>;

Response Answer(const Request& request, const std::function<std::string()>& text) {
  Response response(http::status::ok, request.version());
  response.set(http::field::content_type, "text/plain; charset=utf-8");
  response.keep_alive(false);
  const beast::string_view target = request.target();
  if (target.substr(0, target.find('?')) != "/metrics") {
    response.result(http::status::not_found);
    response.body() = "expected /metrics\n";
  } else if (request.method() != http::verb::get && request.method() != http::verb::head) {
    response.result(http::status::method_not_allowed);
    response.set(http::field::allow, "GET, HEAD");
    response.body() = "expected GET\n";
  } else {
    response.set(http::field::content_type, "text/plain; version=0.0.4; charset=utf-8");
    response.body() = text();
  }
  response.prepare_payload();
  // A HEAD response keeps the page's Content-Length.
  if (request.method() == http::verb::head) response.body().clear();
  return response;
}

// One request and its answer. Kept alive by its handlers.
class Exchange : public std::enable_shared_from_this<Exchange> {
 public:
  Exchange(tcp::socket socket, std::function<std::string()> text)
      : stream_(std::move(socket)), text_(std::move(text)) {
    parser_.header_limit(kMaxHeaderBytes);
  }

  void Begin() {
    stream_.expires_after(kPatience);
    http::async_read(stream_, buffer_, parser_, [self = shared_from_this()](auto error, size_t) {
      if (!error) self->Reply();
    });
  }

 private:
  void Reply() {
    response_ = Answer(parser_.get(), text_);
    http::async_write(stream_, response_, [self = shared_from_this()](auto, size_t) {
      beast::error_code ignored;
      self->stream_.socket().shutdown(tcp::socket::shutdown_send, ignored);
    });
  }

  beast::tcp_stream stream_;
  const std::function<std::string()> text_;
  beast::flat_buffer buffer_{kMaxHeaderBytes};
  http::request_parser<http::empty_body> parser_;
  Response response_;
};

// The protocol of an open socket: IPv4 or IPv6.
tcp FamilyOf(int socket) {
  sockaddr_storage name = {};
  socklen_t size = sizeof(name);
  getsockname(socket, reinterpret_cast<sockaddr*>(&name), &size);
  return name.ss_family == AF_INET6 ? tcp::v6() : tcp::v4();
}

}  // namespace

MetricsEndpoint::MetricsEndpoint(const std::string& address, std::function<std::string()> text,
                                 Listener::Warn warn)
    : listener_({.name = "metrics", .address = address, .max_connections = kMaxConnections}) {
  listener_.Start(
      [this, text = std::move(text)](int socket) {
        std::make_shared<Exchange>(tcp::socket(listener_.context(), FamilyOf(socket), socket), text)
            ->Begin();
      },
      std::move(warn));
}

}  // namespace prm
