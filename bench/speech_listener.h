// A client of OpenAI's route that notes when each piece of an answer came.
#pragma once

#include <cstddef>
#include <functional>
#include <string>
#include <vector>

namespace echo {

// Told of each chunk of the answer's body: seconds since the request was sent, and bytes.
using HeardPiece = std::function<void(double seconds, size_t bytes)>;

// Posts the body to /v1/audio/speech on this machine and reads the answer as it comes. Returns the
// seconds that the server says it took until it had the first bytes. Throws std::runtime_error when
// it is no success, or breaks off.
double hear_speech(int port, const std::string& body, const HeardPiece& heard);

// The value below which this share of the values lies; 0 for none.
double quantile(std::vector<double> values, double share);

}  // namespace echo
