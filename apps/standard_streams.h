// Standard input, output and error, as whoever started the program left them.
#pragma once

namespace echo::apps {

// Puts /dev/null in the place of each of the three that is closed, so that no file which is opened
// later gets its number and what is meant for a terminal. Nothing can be written to a standard
// output that was closed: what was to go there is lost, and finish_output() says so. To be called
// before anything else.
void open_closed_streams();

// Writes out what standard output still holds. Returns `status`, or kFailure with a line on
// standard error when it was kSuccess and something could not be written.
int finish_output(int status);

}  // namespace echo::apps
