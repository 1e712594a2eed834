# Write a file as a C string: cmake -DINPUT=docs/x.json -DHEADER=a.h -DFUNCTION=name -DOUTPUT=x.c -P embed.cmake
#
# The text goes byte by byte, so that nothing in it has to be escaped.
file(READ "${INPUT}" bytes HEX)
string(REGEX REPLACE "(................................................)" "\\1\n" bytes "${bytes}")
string(REGEX REPLACE "([0-9a-f][0-9a-f])" "\\\\x\\1" bytes "${bytes}")
string(REPLACE "\n" "\"\n    \"" bytes "${bytes}")
file(WRITE "${OUTPUT}" "/* Written by cmake/embed.cmake. */
#include \"${HEADER}\"

static const char text[] =
    \"${bytes}\";

struct rbk_str ${FUNCTION}(void)
{
    return (struct rbk_str){text, sizeof(text) - 1};
}
")
