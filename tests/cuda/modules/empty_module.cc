// A library that is no module of this program.
extern "C" int echo_nothing() { return 0; }
