// The prm program: joins the verbs of every folder.
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <sys/auxv.h>
#include <unistd.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <cerrno>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <exception>
#include <filesystem>
#include <iostream>
#include <memory>
#include <new>
#include <regex>
#include <set>
#include <string>
#include <system_error>
#include <vector>

#include "data/commands.h"
#include "data/error.h"
#include "data/io/file_error.h"
#include "data/io/temporary.h"
#include "data/similarity/levenshtein.h"
#include "model/commands.h"
#include "serve/commands.h"
#include "serve/wire/diagnostics.h"
#include "train/commands.h"

namespace {

// Where this program lies; empty where nobody says.
std::string ProgramPath() {
  std::error_code without_proc;
  const auto path = std::filesystem::read_symlink("/proc/self/exe", without_proc);
  if (!without_proc) return path.string();
  const auto* started_as = reinterpret_cast<const char*>(getauxval(AT_EXECFN));
  return started_as ? started_as : "";
}

// Where a descriptor of these is closed, the next file opened would take its number, and get what
// is meant for it. Reading from standard input and writing to the others then fails, as it should.
void OpenStandardDescriptors() {
  for (int fd = STDIN_FILENO; fd <= STDERR_FILENO; ++fd) {
    if (fcntl(fd, F_GETFD) >= 0) continue;
    open("/dev/null", fd == STDIN_FILENO ? O_WRONLY : O_RDONLY);  // the lowest number that is free
  }
}

// libgomp, whose threads LibTorch computes on, spins for milliseconds at every barrier. Where cores
// are shared that starves the very thread it waits for: training beside one busy process ran at a
// third of its speed. libgomp reads its setting while it is loaded, before main, so a verb that
// computes starts the program once more with a spin of microseconds; a user's own setting stays.
void BoundSpinning(const CLI::App& verb, char** argv) {
  if (!verb.get_option_no_throw("--device")) return;  // it computes nothing
  if (std::getenv("GOMP_SPINCOUNT") || std::getenv("OMP_WAIT_POLICY")) return;
  setenv("GOMP_SPINCOUNT", "20000", 0);
  execv(ProgramPath().c_str(), argv);  // where this fails, slower but right
}

// What to say of an exception; without a new allocation, as there may be no memory.
const char* WordsFor(const std::exception& error) {
  if (dynamic_cast<const std::bad_alloc*>(&error)) {
    return "out of memory; expected more of it, or a higher limit (ulimit -v)";
  }
  const auto* system = dynamic_cast<const std::system_error*>(&error);
  if (system && system->code() == std::errc::resource_unavailable_try_again) {
    return "cannot start a thread; expected higher limits of threads (ulimit -u) and memory "
           "(ulimit -v)";
  }
  return error.what();
}

// For exceptions that leave a thread, as where a library's thread finds no memory.
[[noreturn]] void SayWhyAndEnd() {
  try {
    if (const auto current = std::current_exception()) std::rethrow_exception(current);
  } catch (const std::exception& error) {
    std::fprintf(stderr, "prm: %s\n", WordsFor(error));
    std::_Exit(1);
  } catch (...) {
  }
  std::abort();
}

// A library that cannot go on may end the program without a word, or use memory that it did not
// get.
void OnFault(int number) {
  constexpr char kAbort[] =
      "prm: a library ended the program: mostly for want of memory or threads (ulimit -v, -u)\n";
  constexpr char kSegment[] =
      "prm: ended by a wrong address: mostly for want of memory (ulimit -v), else a fault of prm\n";
  const bool aborts = number == SIGABRT;
  [[maybe_unused]] const ssize_t written = write(STDERR_FILENO, aborts ? kAbort : kSegment,
                                                 (aborts ? sizeof(kAbort) : sizeof(kSegment)) - 1);
}

void NeverEndWithoutAWord() {
  std::set_terminate(SayWhyAndEnd);
  struct sigaction action = {};
  action.sa_handler = OnFault;
  action.sa_flags = int(SA_RESETHAND);  // what the signal does follows
  sigaction(SIGABRT, &action, nullptr);
  sigaction(SIGSEGV, &action, nullptr);
}

// Libraries' constructors run before main and may find no memory either; this runs before them.
[[gnu::section(".preinit_array"),
  gnu::used]] void (*const kBeforeLibraries)() = NeverEndWithoutAWord;

// Flags without what the parser assigns to them: "--no-verify", not "--no-verify{false}".
class HelpFormatter : public CLI::Formatter {
 public:
  std::string make_option_name(const CLI::Option* option, bool positional) const override {
    static const std::regex kAssigned(R"(\{\w*\})");
    return std::regex_replace(CLI::Formatter::make_option_name(option, positional), kAssigned, "");
  }
};

std::vector<const CLI::App*> VerbsOf(const CLI::App& app) {
  return app.get_subcommands([](const CLI::App*) { return true; });
}

// The verb under `app` most like `word`: "train", or "data verify" of a group.
std::string NearestVerb(const CLI::App& app, const std::string& word) {
  std::string nearest;
  size_t fewest = SIZE_MAX;
  const auto look = [&](const CLI::App* verb, const std::string& path) {
    const size_t edits = prm::Levenshtein(verb->get_name(), word);
    if (edits >= fewest) return;
    fewest = edits;
    nearest = path;
  };
  for (const CLI::App* verb : VerbsOf(app)) look(verb, verb->get_name());
  for (const CLI::App* group : VerbsOf(app)) {
    for (const CLI::App* verb : VerbsOf(*group)) {
      look(verb, group->get_name() + " " + verb->get_name());
    }
  }
  return nearest;
}

// The verb that the command line names. Throws OptionError for a word that is none.
const CLI::App& FindVerb(const CLI::App& app, int argc, char** argv) {
  const CLI::App* found = &app;
  std::string path = "prm";
  for (int i = 1; i < argc && argv[i][0] != '-'; ++i) {
    const std::vector<const CLI::App*> verbs = VerbsOf(*found);
    if (verbs.empty()) break;
    const auto verb = std::ranges::find(verbs, std::string(argv[i]), &CLI::App::get_name);
    if (verb == verbs.end()) {
      throw prm::OptionError(prm::StrCat("'", path, "' has no verb '", argv[i],
                                         "'; the nearest is '", NearestVerb(*found, argv[i]),
                                         "', '", path, " --help' lists all"));
    }
    found = *verb;
    path += " " + std::string(argv[i]);
  }
  return *found;
}

// A value that is empty is mostly a variable of the shell that was not set. Throws OptionError,
// except for the flags whose text may be empty.
void CheckValues(int argc, char** argv) {
  static const std::set<std::string> kMayBeEmpty = {"--joint", "--first-step", "--metrics"};
  for (int i = 1; i < argc; ++i) {
    const std::string word = argv[i], before = argv[i - 1];
    const bool is_empty_flag = word.starts_with("--") && word.ends_with('=');
    if (!word.empty() && !is_empty_flag) continue;
    const std::string flag = is_empty_flag ? word.substr(0, word.size() - 1) : before;
    if (kMayBeEmpty.contains(flag)) continue;
    throw prm::OptionError(prm::StrCat(flag.starts_with("-") ? flag + ": " : "",
                                       "expected a value, got an empty one"));
  }
}

// Libraries name the fields of their options, "option max_tokens"; here these are flags.
std::string WithFlags(std::string text) {
  static const std::regex kOption("option ([a-z][a-z0-9_]*)");
  for (std::smatch match; std::regex_search(text, match, kOption);) {
    std::string name = match[1];
    std::ranges::replace(name, '_', '-');
    text = match.prefix().str() + "--" + name + match.suffix().str();
  }
  return text;
}

// Of an earlier write, whose reason is gone: a reader that closed its pipe shows.
int WhyOutputFailed() {
  pollfd output = {STDOUT_FILENO, POLLOUT, 0};
  return poll(&output, 1, 0) == 1 && (output.revents & POLLERR) ? EPIPE : EIO;
}

// Throws Error if something that was printed is lost; errno says why if the last write failed.
void CheckStandardOutput() {
  if (!std::cout.flush().fail() && std::fflush(stdout) == 0 && std::ferror(stdout) == 0) return;
  throw prm::FileError("write", "standard output", errno != 0 ? errno : WhyOutputFailed());
}

// Parses, which runs the verb. Returns the exit code.
int Parse(CLI::App& app, int argc, char** argv) {
  try {
    app.parse(argc, argv);
  } catch (const CLI::RuntimeError& error) {
    errno = 0;
    return error.get_exit_code();  // a verb that did its work and has something to say of it
  } catch (const CLI::ParseError& error) {
    errno = 0;
    return app.exit(error) == 0 ? 0 : 2;
  }
  errno = 0;
  return 0;
}

int RunVerb(int argc, char** argv) {
  CLI::App app("Trains step-level process reward models and serves step scores.", "prm");
  app.require_subcommand(1);
  app.set_version_flag("--version", prm::StrCat("prm ", prm::BuildVersion()));
  app.footer(
      "Examples:\n"
      "  prm data check traces.jsonl\n"
      "  prm score --model model --in traces.jsonl --out scores.jsonl\n\n"
      "Exit codes: 0 done; 1 bad input, or a failure; 2 wrong usage; 3 done, but rows or traces\n"
      "were refused (data import, data export). Steps are counted from 0, as in the files.");
  app.formatter(std::make_shared<HelpFormatter>());
  prm::AddDataCommands(app);
  prm::AddModelCommands(app);
  prm::AddTrainCommands(app);
  prm::AddServeCommands(app);
  try {
    prm::RemoveTemporariesOnSignals();
    BoundSpinning(FindVerb(app, argc, argv), argv);
    CheckValues(argc, argv);
    const int code = Parse(app, argc, argv);
    CheckStandardOutput();
    return code;
  } catch (const prm::OptionError& error) {
    std::cerr << "prm: " << WithFlags(error.what()) << "\n";
    return 2;
  } catch (const std::exception& error) {
    std::cerr << "prm: " << WithFlags(WordsFor(error)) << "\n";
    return 1;
  }
}

}  // namespace

int main(int argc, char** argv) {
  OpenStandardDescriptors();
  // What is written to a pipe without a reader, or beyond a limit of the file's size, then fails
  // with a reason, which is said, and nothing is left half-written.
  signal(SIGPIPE, SIG_IGN);
  signal(SIGXFSZ, SIG_IGN);
  return RunVerb(argc, argv);
}
