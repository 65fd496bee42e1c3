// How long sound is on its way from the engine to a client.
#pragma once

#include <string>
#include <vector>

namespace echo {

struct Delivery {
  std::string format;                // as OpenAI's route names it
  std::vector<double> first, later;  // seconds, of the first piece of each answer, of the others
};

// From the moment in which an engine gives out half a second of samples until a client of OpenAI's
// route in the same process has its bytes: a wake-up, the encoder and the network. The next piece
// is given out when the one before has come. Throws std::runtime_error when one does not come.
std::vector<Delivery> measure_delivery(int requests);

}  // namespace echo
