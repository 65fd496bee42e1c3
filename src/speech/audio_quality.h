// The last look at spoken audio before anyone hears it.
#pragma once

#include <cstddef>
#include <span>
#include <string>
#include <vector>

namespace echo {

// Warnings, in sentences, about audio that is probably not what was asked for: silent, far too
// short for its text, or clipped. Throws kInternal for what cannot be right: no sample at all, or
// one that is not a finite number. text_chars are code points.
std::vector<std::string> check_audio(std::span<const float> samples, int sample_rate,
                                     size_t text_chars);

}  // namespace echo
