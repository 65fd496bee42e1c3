// The main function of a measurement that is a program of its own.
#pragma once

#include <CLI/CLI.hpp>
#include <cstdio>
#include <exception>

namespace echo::bench {

// Reads the arguments as `app` declares them, then calls measure(). Returns the exit code: 2 when
// the arguments are wrong, 1 when it throws, with the reason on standard error.
template <class Measure>
int run_tool(CLI::App& app, int argc, char** argv, Measure&& measure) {
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    return app.exit(error) == 0 ? 0 : 2;
  }
  try {
    measure();
    return 0;
  } catch (const std::exception& error) {
    std::fprintf(stderr, "%s: %s\n", app.get_name().c_str(), error.what());
    return 1;
  }
}

}  // namespace echo::bench
