// Ears: what a speech recogniser hears, how high a voice is, and whose it is. The recogniser is pocketsphinx
// with its American English model, a program of its own that `scripts/setup` installs.
#pragma once

#include <map>
#include <span>
#include <string>
#include <vector>

#include "audio/decode.h"

namespace echo {

// The words that are heard in each sound, in small letters and one space apart; empty for none. One
// call for several sounds: getting ready takes longer than hearing a sentence. Throws
// std::runtime_error when the recogniser is not there.
std::vector<std::string> heard(std::span<const DecodedAudio> sounds);
std::string heard(const DecodedAudio& sound);

// A text's words in small letters, without its signs.
std::vector<std::string> words_of(const std::string& text);

// Words that are missing, wrong or too many in what was heard, as a share of the words that were
// said; of several texts together. May be above 1.
double word_error_rate(std::span<const std::string> said, std::span<const std::string> heard);
double word_error_rate(const std::string& said, const std::string& heard);

// The median pitch of a voice, Hz, between 60 and 300; 0 when nothing in the sound is voiced.
double pitch_of(const DecodedAudio& sound);

// Which of these voices speaks, the nearest by pitch and mean cepstra together; a few seconds are
// needed. The sound has to be speech.
std::string nearest_voice(const DecodedAudio& sound,
                          const std::map<std::string, DecodedAudio>& known);

}  // namespace echo
