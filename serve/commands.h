// The verbs of serve/.
#pragma once

#include "serve/client/client_options.h"

namespace CLI {
class App;
}

namespace prm {
struct ClientOptions;

void AddServeCommands(CLI::App& app);

// prm rerank
void AddRerankCommand(CLI::App& app);

// --calls --attempts --timeout --client-id --route-by-problem
void AddClientFlags(CLI::App* app, ClientOptions* client);
}  // namespace prm
