// What an action is refused with.
#pragma once

#include <gtest/gtest.h>

#include <string>

#include "data/error.h"

namespace prm {

// The error that `action` throws; a test failure if it throws none.
template <class Action>
Error ErrorOf(Action action) {
  try {
    action();
  } catch (const Error& error) {
    return error;
  }
  ADD_FAILURE() << "not refused";
  return Error(ErrorCode::kInternal, "not refused");
}

template <class Action>
std::string MessageOf(Action action) {
  return ErrorOf(action).what();
}

// The message; a test failure also if the error has another code.
template <class Action>
std::string MessageOf(Action action, ErrorCode code) {
  const Error error = ErrorOf(action);
  EXPECT_EQ(int(error.code()), int(code)) << error.what();
  return error.what();
}

}  // namespace prm
