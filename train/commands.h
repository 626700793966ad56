// The verbs of train/.
#pragma once

namespace CLI {
class App;
}

namespace prm {
void AddTrainCommands(CLI::App& app);
}
