// The verbs of serve/.
#pragma once

namespace CLI {
class App;
}

namespace prm {
void AddServeCommands(CLI::App& app);
}
