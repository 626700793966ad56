// Converts between the messages of a stream and structs; shared by server and client.
#pragma once

#include "serve/wire/codec.h"
#include "serve/wire/session_messages.h"

namespace prm {

// A request without an operation, or an append without text, becomes an Error operation.
StreamRequest ToRequest(v1::StreamRequest message);
// `request` must not hold an Error.
v1::StreamRequest ToMessage(const StreamRequest& request);

// Throws Error(kDataLoss) for a reply without an outcome.
StreamReply ToReply(const v1::StreamReply& message);
v1::StreamReply ToMessage(const StreamReply& reply);

// Fields that the message lacks become 0.
StreamLimits ToStreamLimits(const v1::StreamDescription& message);
void ToMessage(const std::string& step_delimiter, const StreamLimits& limits,
               v1::StreamDescription* message);

}  // namespace prm
