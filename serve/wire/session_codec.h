// Where the messages of a stream meet structs; the server and the client share it.
#pragma once

#include "serve/wire/codec.h"
#include "serve/wire/session_messages.h"

namespace prm {

// A request without an operation and an append without text carry that as their Error.
StreamRequest ToRequest(v1::StreamRequest message);
// `request` carries no Error.
v1::StreamRequest ToMessage(const StreamRequest& request);

// Throws Error(kDataLoss) for a reply without an outcome.
StreamReply ToReply(const v1::StreamReply& message);
v1::StreamReply ToMessage(const StreamReply& reply);

// What the message says of them; 0 where it is empty.
StreamLimits ToStreamLimits(const v1::StreamDescription& message);
void ToMessage(const std::string& step_delimiter, const StreamLimits& limits,
               v1::StreamDescription* message);

}  // namespace prm
