#include "serve/service/session_requests.h"

#include <variant>

namespace prm {
namespace {

constexpr size_t kMaxIdBytes = 128;

}  // namespace

std::vector<std::string> NamedIn(const StreamRequest& request) {
  std::vector<std::string> ids = {request.session};
  const auto* fork = std::get_if<ForkSession>(&request.operation);
  if (fork != nullptr && fork->from != request.session) ids.push_back(fork->from);
  return ids;
}

void CheckId(const std::string& id) {
  if (!id.empty() && id.size() <= kMaxIdBytes) return;
  throw Error(ErrorCode::kInvalidArgument,
              StrCat("a session's name of ", id.size(), " bytes; expected 1 to ", kMaxIdBytes));
}

void CheckOrder(const AppendText& append, const Session& session) {
  if (append.index && *append.index != session.steps()) {
    throw Error(
        ErrorCode::kFailedPrecondition,
        StrCat("step ", *append.index, " is out of order; expected step ", session.steps()));
  }
  if (append.whole_step && session.has_text()) {
    throw Error(ErrorCode::kFailedPrecondition,
                StrCat("a whole step while step ", session.steps(),
                       " is unfinished; expected its end or a rollback"));
  }
}

void Forget(const Error& why, StreamRequest* request) {
  if (std::holds_alternative<AppendText>(request->operation)) {
    std::get<AppendText>(request->operation).text = std::string();
  } else {
    request->operation = why;
  }
}

}  // namespace prm
