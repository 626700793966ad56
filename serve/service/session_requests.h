// What is asked of a request of a stream before a session carries it out.
#pragma once

#include <string>
#include <vector>

#include "data/error.h"
#include "serve/service/session.h"
#include "serve/wire/session_messages.h"

namespace prm {

// The sessions in whose order a request waits: its own, and of a fork also the one that is forked.
std::vector<std::string> NamedIn(const StreamRequest& request);

// Throws Error(kInvalidArgument) for a session's name of no bytes or too many.
void CheckId(const std::string& id);

// Throws Error(kFailedPrecondition) for another step than comes next in `session`, or a whole step
// while one comes in pieces.
void CheckOrder(const AppendText& append, const Session& session);

// A request for which there is no room is kept only so far that its session gets the answer in its
// turn: `why`.
void Forget(const Error& why, StreamRequest* request);

}  // namespace prm
