// The verbs of data/.
#pragma once

namespace CLI {
class App;
}

namespace prm {
void AddDataCommands(CLI::App& app);
}
