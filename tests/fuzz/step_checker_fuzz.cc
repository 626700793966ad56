// Traces of hostile mathematics, written by a grammar from the bytes: no step may take long.
#include <time.h>

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <string>
#include <string_view>
#include <vector>

#include "data/symbolic/step_checker.h"

namespace {

// CPU time of one step or problem of at most 64 KB, whatever came before it.
#if defined(__SANITIZE_ADDRESS__)
constexpr double kMostSeconds = 10;
#else
constexpr double kMostSeconds = 1;
#endif
constexpr size_t kMaxStepBytes = 1 << 16;
constexpr int kMaxSteps = 12;

// Writes what its bytes choose; zeros after the last one.
class Writer {
 public:
  explicit Writer(std::string_view bytes) : bytes_(bytes) {}

  bool AtEnd() const { return bytes_.empty(); }

  std::string Step() {
    text_.clear();
    const int sentences = Count();
    for (int i = 0; i < sentences && Room(); ++i) Sentence();
    text_.resize(std::min(text_.size(), kMaxStepBytes));
    return text_;
  }

 private:
  static constexpr int kMaxDepth = 6;

  uint8_t Byte() {
    if (bytes_.empty()) return 0;
    const auto byte = static_cast<uint8_t>(bytes_[0]);
    bytes_.remove_prefix(1);
    return byte;
  }
  template <size_t kSize>
  std::string_view OneOf(const std::array<std::string_view, kSize>& words) {
    return words[Byte() % kSize];
  }
  // Few, or up to what the checker takes of most things, or past it.
  int Count() {
    constexpr std::array<int, 12> kCounts = {1, 1, 2, 2, 3, 4, 6, 12, 40, 70, 210, 450};
    return kCounts[Byte() % kCounts.size()];
  }
  // Most steps stay below the 16 KB that the checker reads.
  bool Room() const { return text_.size() < kMaxStepBytes / 6; }
  void Say(std::string_view words) { text_ += words; }

  void Sentence() {
    static constexpr std::array<std::string_view, 16> kBefore = {
        "",           "So ",         "Suppose ",  "We expand ",
        "If ",        "We divide: ", "Rounded, ", "Try ",
        "It is not ", "<<",          "$",         "\\[",
        "Half of ",   "wrong: ",     "mod ",      "\\begin{align} "};
    static constexpr std::array<std::string_view, 10> kAfter = {
        ". ", ".\n", "\n", ">> ", "$ ", "\\] ", ", ", "? ", " 1 left. ", "\\\\ "};
    Say(OneOf(kBefore));
    Repeated(&Writer::Chain);
    Say(OneOf(kAfter));
  }

  void Chain() {
    static constexpr std::array<std::string_view, 10> kSigns = {
        " = ", " = ", " = ", " = ", "=", " < ", " >= ", " != ", " ~ ", " is equal to "};
    const int sides = std::min(Count(), 6);
    Side(0);
    for (int i = 0; i < sides; ++i) {
      Say(OneOf(kSigns));
      Side(0);
    }
  }

  // What `part` writes once, again and again; the last letter differs so that terms stay apart.
  void Repeated(void (Writer::*part)()) {
    const size_t begin = text_.size();
    (this->*part)();
    const std::string once = text_.substr(begin);
    static constexpr std::array<std::string_view, 8> kBetween = {" + ", "*", " - ", "; ",
                                                                 "/",   " ", "\n",  "^"};
    const std::string_view between = OneOf(kBetween);
    const int count = Count();
    for (int i = 1; i < count && Room(); ++i) {
      Say(between);
      std::string again = once;
      for (char& c : again) {
        if (c == 'x') c = char('a' + i % 26);
        if (c == '7') c = char('1' + i % 9);
      }
      Say(again);
    }
  }

  void Side(int depth) {
    side_depth_ = depth;
    Repeated(&Writer::Part);
  }

  void Part() {
    const int depth = side_depth_;
    if (depth >= kMaxDepth || !Room()) return Atom();
    switch (Byte() % 14) {
      case 0:
        return Wrapped("(", depth, ")");
      case 1:
        Wrapped("(", depth, ")^");
        return Exponent();
      case 2:
        Wrapped("\\frac{", depth, "}{");
        return Wrapped("", depth, "}");
      case 3:
        return Wrapped("\\sqrt{", depth, "}");
      case 4: {
        const int nested = Count();
        for (int i = 0; i < nested; ++i) Say(depth % 2 ? "(1+" : "\\sqrt{3+");
        Atom();
        for (int i = 0; i < nested; ++i) Say(depth % 2 ? ")" : "}");
        return;
      }
      case 5: {
        const int nested = Count();
        Say(std::string(size_t(nested), '('));
        Atom();
        for (int i = 0; i < nested; ++i) {
          Say(")^");
          Exponent();
        }
        return;
      }
      case 6: {
        const int tower = Count();
        Atom();
        for (int i = 0; i < tower; ++i) {
          Say("^");
          Exponent();
        }
        return;
      }
      default:
        return Atom();
    }
  }

  void Wrapped(std::string_view open, int depth, std::string_view close) {
    Say(open);
    Side(depth + 1);
    side_depth_ = depth;
    Say(close);
  }

  void Exponent() {
    static constexpr std::array<std::string_view, 14> kExponents = {
        "2",    "3",     "18",      "59",         "60",    "255",     "{1000}",
        "4000", "{-20}", "{60000}", "1000000000", "{1/2}", "{59/60}", "{\\sqrt{2}}"};
    Say(OneOf(kExponents));
  }

  void Atom() {
    static constexpr std::array<std::string_view, 40> kAtoms = {"x",
                                                                "y",
                                                                "x",
                                                                "(x+y)",
                                                                "(a+b+c)",
                                                                "(x-1/7)",
                                                                "x_{1}",
                                                                "x'",
                                                                "i",
                                                                "\\pi",
                                                                "7",
                                                                "1",
                                                                "3.14",
                                                                "0.123456",
                                                                "1/7",
                                                                "2 1/7",
                                                                "15%",
                                                                "7/2/7",
                                                                "1/2x",
                                                                "$7",
                                                                "5000!",
                                                                "{4999 \\choose 2477}",
                                                                "\\binom{5000}{2500}",
                                                                "\\sqrt{99999989}",
                                                                "\\sqrt{7}",
                                                                "2^60000",
                                                                "7^20000",
                                                                "(1/7)^{20000}",
                                                                "(7/11)^{-9000}",
                                                                "7 hours",
                                                                "7 meters",
                                                                "7 dozen",
                                                                "7 (7)",
                                                                "6/2 x 10^8",
                                                                "-7",
                                                                "7:50",
                                                                "f(x)",
                                                                "½",
                                                                "x²",
                                                                "7 per day"};
    switch (Byte() % 8) {
      case 0:
        return Digits();
      default:
        Say(OneOf(kAtoms));
    }
  }

  void Digits() {
    constexpr std::array<size_t, 8> kLengths = {3, 17, 19, 40, 400, 4000, 15000, 20000};
    const size_t length = kLengths[Byte() % kLengths.size()];
    std::string digits(length, char('1' + Byte() % 9));
    if (Byte() % 2) digits[length / 2] = '.';
    Say(digits);
  }

  std::string_view bytes_;
  std::string text_;
  int side_depth_ = 0;
};

double CpuSeconds() {
  timespec now{};
  clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
  return double(now.tv_sec) + 1e-9 * double(now.tv_nsec);
}

// Said when the program ends, for data/symbolic/README.md.
struct Slowest {
  double seconds = 0;
  std::string text;
  ~Slowest() {
    std::fprintf(stderr, "slowest step: %.3f s, %zu bytes: %.300s\n", seconds, text.size(),
                 text.c_str());
  }
};

Slowest slowest;

template <class Action>
void Timed(std::string_view text, Action action) {
  const double start = CpuSeconds();
  action();
  const double seconds = CpuSeconds() - start;
  if (seconds > slowest.seconds) {
    slowest.seconds = seconds;
    slowest.text = text;
  }
  if (seconds <= kMostSeconds) return;
  std::fprintf(stderr, "%.3f s of CPU for %zu bytes, at most %.0f\n", seconds, text.size(),
               kMostSeconds);
  std::abort();
}

void RunTrace(const std::vector<std::string>& texts) {
  prm::StepChecker checker("");
  // The first is the problem, too: then its equations are known when it is checked.
  Timed(texts[0], [&] { checker.Reset(texts[0]); });
  for (const std::string& text : texts) {
    Timed(text, [&] { checker.Check(text); });
  }
}

}  // namespace

// A trace by the grammar; after a first "T" as it stands, a paragraph a step.
extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  std::string_view bytes(reinterpret_cast<const char*>(data), size);
  std::vector<std::string> texts;
  if (bytes.starts_with("T")) {
    bytes.remove_prefix(1);
    while (!bytes.empty() && texts.size() < kMaxSteps) {
      const size_t end = std::min(bytes.find("\n\n"), bytes.size());
      texts.emplace_back(bytes.substr(0, std::min(end, kMaxStepBytes)));
      bytes.remove_prefix(std::min(end + 2, bytes.size()));
    }
  } else {
    Writer writer(bytes);
    do texts.push_back(writer.Step());
    while (!writer.AtEnd() && texts.size() < kMaxSteps);
  }
  if (!texts.empty()) RunTrace(texts);
  return 0;
}
