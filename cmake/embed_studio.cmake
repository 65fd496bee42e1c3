# cmake -DFOLDER=... -DOUTPUT=... -P embed_studio.cmake: the page of src/server/studio as C++ text, a
# style and a script apart from each other, since the page's policy names the sums of both. What people
# alone need (indentation, lines of comment, blanks of the style) stays behind.
function(read_compact file result)
  file(READ ${FOLDER}/${file} text)
  string(REGEX REPLACE "\n[ \t]+" "\n" text "\n${text}")
  string(REGEX REPLACE "\n//[^\n]*" "" text "${text}")
  string(REGEX REPLACE "\n/\\*[^\n]*\\*/" "" text "${text}")
  string(REGEX REPLACE "\n+" "\n" text "${text}")
  string(STRIP "${text}" text)
  set(${result} "${text}" PARENT_SCOPE)
endfunction()

read_compact(index.html html)
read_compact(studio.css style)
string(REGEX REPLACE " *([{};:,]) +" "\\1" style "${style}")
set(script "")
foreach(part page player scope settings speak voices worker)
  read_compact(${part}.js text)
  string(APPEND script "${text}\n")
endforeach()
set(delimiter ")studio\"")
foreach(text IN ITEMS html style script)
  string(FIND "${${text}}" "${delimiter}" found)
  if(NOT found EQUAL -1)
    message(FATAL_ERROR "The ${text} of the page holds the end of the literal that it is put in")
  endif()
endforeach()
file(WRITE ${OUTPUT} "#include \"server/studio_page.h\"

namespace echo::server {

const std::string_view kStudioHtml = R\"studio(${html})studio\";
const std::string_view kStudioStyle = R\"studio(${style})studio\";
const std::string_view kStudioScript = R\"studio(${script})studio\";

}  // namespace echo::server
")
