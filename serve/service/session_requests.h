// The checks of a stream request before a session executes it.
#pragma once

#include <string>
#include <vector>

#include "data/error.h"
#include "serve/service/session.h"
#include "serve/wire/session_messages.h"

namespace prm {

// Returns the sessions whose request order binds the request: its own and, for a fork, the source.
std::vector<std::string> NamedIn(const StreamRequest& request);

// Throws Error(kInvalidArgument) if a session's name is empty or too long.
void CheckId(const std::string& id);

// Throws Error(kFailedPrecondition) if the index is not that of the next step of `session`, or if a
// whole step comes while text of an unfinished step is pending.
void CheckOrder(const AppendText& append, const Session& session);

// Drops the content of a request for which there is no room. Its session still gets the answer
// `why` in its turn.
void Forget(const Error& why, StreamRequest* request);

}  // namespace prm
