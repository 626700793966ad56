// What a fuzz target may end with beside success.
#pragma once

#include "data/error.h"

// Runs `action`, which may refuse its input with prm::Error; all else is a fault.
template <class Action>
void MayRefuse(Action action) {
  try {
    action();
  } catch (const prm::Error&) {
  }
}
