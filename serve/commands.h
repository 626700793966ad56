// The verbs of serve/.
#pragma once

namespace CLI {
class App;
}

namespace prm {
struct ClientOptions;

void AddServeCommands(CLI::App& app);

// prm rerank
void AddRerankCommand(CLI::App& app);

// --traces-per-call --calls --attempts --timeout
void AddClientFlags(CLI::App* app, ClientOptions* client);
}  // namespace prm
