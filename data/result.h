// A value, or the error that explains its absence: for results passed on where nothing can be
// thrown.
#pragma once

#include <utility>
#include <variant>

#include "data/error.h"

namespace prm {

template <class T>
class Result {
 public:
  Result(T value) : outcome_(std::move(value)) {}
  Result(Error error) : outcome_(std::move(error)) {}

  bool ok() const { return std::holds_alternative<T>(outcome_); }
  // Throws the error if there is no value.
  const T& value() const& {
    if (!ok()) throw error();
    return std::get<T>(outcome_);
  }
  T value() && {
    if (!ok()) throw error();
    return std::get<T>(std::move(outcome_));
  }
  // Only if there is no value.
  const Error& error() const { return std::get<Error>(outcome_); }

 private:
  std::variant<T, Error> outcome_;
};

}  // namespace prm
