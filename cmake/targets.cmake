# The flags of every target, and the functions that the folders' lists are written in.
add_library(echo_flags INTERFACE)
set(echo_warnings -Wall -Wextra -Wpedantic -Wshadow -Wno-unused-parameter -Wnon-virtual-dtor)
# The CUDA compiler takes none of them.
target_compile_options(echo_flags INTERFACE
  "$<$<COMPILE_LANGUAGE:CXX>:${echo_warnings}>"
  # GCC 12 warns of overlaps inside std::string that cannot be (GCC bug 105329).
  $<$<COMPILE_LANG_AND_ID:CXX,GNU>:-Wno-restrict>)
echo_harden(echo_flags)
if(ECHO_SANITIZE)
  target_compile_options(echo_flags INTERFACE
    "$<$<COMPILE_LANGUAGE:CXX>:-fsanitize=${ECHO_SANITIZE};-fno-omit-frame-pointer>")
  target_link_options(echo_flags INTERFACE -fsanitize=${ECHO_SANITIZE})
endif()
target_include_directories(echo_flags INTERFACE ${PROJECT_SOURCE_DIR}/src)

# Every target waits for the check of the includes against cmake/layers.txt, but where the sources
# came without it, as they do into the image.
file(GLOB_RECURSE echo_checked CONFIGURE_DEPENDS
  ${PROJECT_SOURCE_DIR}/src/*.h ${PROJECT_SOURCE_DIR}/src/*.cc ${PROJECT_SOURCE_DIR}/src/*.cu
  ${PROJECT_SOURCE_DIR}/src/*.cuh ${PROJECT_SOURCE_DIR}/apps/*.h ${PROJECT_SOURCE_DIR}/apps/*.cc
  ${PROJECT_SOURCE_DIR}/bench/*.h ${PROJECT_SOURCE_DIR}/bench/*.cc ${PROJECT_SOURCE_DIR}/tests/*.h
  ${PROJECT_SOURCE_DIR}/tests/*.cc)
set(echo_checked_stamp "")
if(EXISTS ${PROJECT_SOURCE_DIR}/scripts/check-includes)
  set(echo_checked_stamp ${PROJECT_BINARY_DIR}/check-includes.stamp)
  add_custom_command(
    OUTPUT ${echo_checked_stamp}
    COMMAND ${PROJECT_SOURCE_DIR}/scripts/check-includes
    COMMAND ${CMAKE_COMMAND} -E touch ${echo_checked_stamp}
    DEPENDS ${echo_checked} ${PROJECT_SOURCE_DIR}/scripts/check-includes
            ${PROJECT_SOURCE_DIR}/cmake/layers.txt ${PROJECT_SOURCE_DIR}/docs/architecture.md
    COMMENT "Includes of all folders"
    VERBATIM)
endif()
add_custom_target(check_includes DEPENDS ${echo_checked_stamp})

# What the row of a folder in cmake/layers.txt names, and what rows of single files of it add.
set_property(DIRECTORY APPEND PROPERTY CMAKE_CONFIGURE_DEPENDS
             ${PROJECT_SOURCE_DIR}/cmake/layers.txt)
file(STRINGS ${PROJECT_SOURCE_DIR}/cmake/layers.txt echo_layers REGEX "^[a-z]")
function(echo_layer name result)
  set(libraries "")
  foreach(row IN LISTS echo_layers)
    if(row MATCHES "^${name}(/[a-z_.]+)?:(.*)$")
      string(REGEX MATCHALL "[a-z_]+" folders "${CMAKE_MATCH_2}")
      list(TRANSFORM folders PREPEND echo_)
      list(APPEND libraries ${folders})
    endif()
  endforeach()
  set(${result} ${libraries} PARENT_SCOPE)
endfunction()

# echo_light(TARGET): compiled with -O1 in a release. Of what computes nothing -O3 gains nothing, and
# takes a third more of the compiler's time.
function(echo_light target)
  target_compile_options(${target} PRIVATE $<$<CONFIG:Release>:-O1>)
endfunction()

# echo_library(NAME [library...]): every .cc of the folder becomes the library echo_NAME. It is linked
# with the folders of its row and with the libraries given, which are of others.
function(echo_library name)
  file(GLOB sources CONFIGURE_DEPENDS *.cc)
  echo_layer(${name} folders)
  add_library(echo_${name} STATIC ${sources})
  target_link_libraries(echo_${name} PUBLIC echo_flags ${folders} ${ARGN})
  add_dependencies(echo_${name} check_includes)
endfunction()

# echo_test(NAME [LABEL label] [SOURCES file...] LIBRARIES library...): every *_test.cc of the folder,
# and SOURCES of other folders, become the program NAME_test, and each of its cases a test with that
# label (default: unit). Suites whose names start with Golden, Net, Gpu or Slow carry that label
# instead.
function(echo_test name)
  cmake_parse_arguments(ARG "" "LABEL" "SOURCES;LIBRARIES" ${ARGN})
  if(NOT ARG_LABEL)
    set(ARG_LABEL unit)
  endif()
  file(GLOB sources CONFIGURE_DEPENDS *.cc)
  list(FILTER sources EXCLUDE REGEX "_fuzz\\.cc$")
  list(APPEND sources ${ARG_SOURCES})
  if(NOT sources)
    return()
  endif()
  add_executable(${name}_test ${sources})
  target_link_libraries(${name}_test PRIVATE ${ARG_LIBRARIES} GTest::gmock_main GTest::gmock
                                             GTest::gtest)
  echo_light(${name}_test)
  target_include_directories(${name}_test PRIVATE ${PROJECT_SOURCE_DIR}/tests)
  # Threads that spin at the end of a parallel region rob the other tests of the machine.
  set(quiet ENVIRONMENT OMP_WAIT_POLICY=passive)
  # Asking a program for its tests takes more than CMake's 5 s on a busy machine.
  gtest_discover_tests(${name}_test DISCOVERY_MODE PRE_TEST DISCOVERY_TIMEOUT 300
                       TEST_LIST ${name}_cases PROPERTIES TIMEOUT 900 ${quiet})
  # Suites of these names have the label of that name; ctest reads this after the list.
  set(labels "foreach(case IN LISTS ${name}_cases)\n  set(label ${ARG_LABEL})\n")
  foreach(prefix Golden Net Gpu Slow)
    string(TOLOWER ${prefix} label)
    string(APPEND labels
           "  if(case MATCHES \"^([^/.]*/)?${prefix}\")\n    set(label ${label})\n  endif()\n")
  endforeach()
  string(APPEND labels
         "  set_tests_properties(\"\${case}\" PROPERTIES LABELS \${label})\nendforeach()\n")
  file(WRITE ${CMAKE_CURRENT_BINARY_DIR}/${name}_labels.cmake "${labels}")
  set_property(DIRECTORY APPEND PROPERTY
               TEST_INCLUDE_FILES ${CMAKE_CURRENT_BINARY_DIR}/${name}_labels.cmake)
endfunction()
