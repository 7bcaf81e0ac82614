// The log lines of what the control core reports: one line an event, in an operator's words.
#pragma once

#include "common/config/config.h"
#include "controlplane/effects.h"

namespace anyhome {

void log_note(const control::Note& note, const config::HomeAgent& config);

// Lines that are not to be held back however many there are: they come once per change of the set.
bool is_about_set(const control::Note& note);

}  // namespace anyhome
