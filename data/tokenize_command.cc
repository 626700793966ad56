#include <CLI/CLI.hpp>
#include <memory>
#include <nlohmann/json.hpp>

#include "data/command_flags.h"
#include "data/commands.h"
#include "data/error.h"
#include "data/io/json_lines.h"
#include "data/io/text_io.h"
#include "data/tokenizers/load_tokenizer.h"
#include "data/tokenizers/tokenizer.h"

namespace prm {
namespace {

struct TokenizeOptions {
  std::string tokenizer;
  std::string special = "text";
  std::string in = "-";
  std::string out = "-";
};

std::string TextOfLine(const JsonField& line) {
  constexpr std::string_view kText = "text";
  return ReadString(Required(ReadMembers(line, {&kText, 1}, nullptr)[0], kText, line));
}

void Tokenize(const TokenizeOptions& options) {
  CheckOutputs({options.in, options.tokenizer}, {options.out});
  const std::shared_ptr<const Tokenizer> tokenizer = LoadTokenizer(options.tokenizer);
  const SpecialTokens special =
      options.special == "parse" ? SpecialTokens::kParse : SpecialTokens::kText;
  JsonLines lines(options.in);
  OutputFile out(options.out);
  std::vector<TokenId> ids;
  for (JsonField line; lines.Next(&line);) {
    const std::string text = TextOfLine(line);
    ids.clear();
    try {
      tokenizer->Encode(text, special, &ids);
    } catch (const Error& error) {
      throw Error(error.code(), StrCat(line.where, ": ", error.what()));
    }
    out.Write(nlohmann::json{{"ids", ids}}.dump() + "\n");
  }
  out.Commit();
}

}  // namespace

void AddTokenizeCommand(CLI::App& data) {
  auto options = std::make_shared<TokenizeOptions>();
  CLI::App* verb = data.add_subcommand("tokenize", "Converts JSON lines {\"text\"} to {\"ids\"}.");
  verb->add_option("--tokenizer", options->tokenizer,
                   "Tokenizer file or folder: tokenizer.json, vocab.json with merges.txt, "
                   "a tiktoken rank file, a SentencePiece tokenizer.model")
      ->required();
  AddWord(verb, "--special", options->special, {"text", "parse"},
          "Read the strings of special tokens as plain text, or as those tokens");
  AddInput(verb, options->in, "JSON lines");
  AddOutput(verb, options->out, "JSON lines");
  AddExamples(verb, {"prm data tokenize --tokenizer tokenizer.json --in texts.jsonl"});
  verb->callback([options] { Tokenize(*options); });
}

}  // namespace prm
