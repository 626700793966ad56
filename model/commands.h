// The verbs of model/.
#pragma once

namespace CLI {
class App;
}

namespace prm {
void AddModelCommands(CLI::App& app);
}
