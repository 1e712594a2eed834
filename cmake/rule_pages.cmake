# Write the pages of the rules as a C table: cmake -DPAGES=docs/rules -DOUTPUT=x.c -P rule_pages.cmake
#
# The text goes byte by byte, so that nothing in it has to be escaped.
file(GLOB pages "${PAGES}/RBK[0-9][0-9][0-9].md")
list(SORT pages)
set(texts "")
set(rows "")
foreach(page IN LISTS pages)
  string(REGEX REPLACE ".*/RBK([0-9]+)\\.md$" "\\1" code "${page}")
  file(READ "${page}" bytes HEX)
  string(REGEX REPLACE "(................................................)" "\\1\n" bytes "${bytes}")
  string(REGEX REPLACE "([0-9a-f][0-9a-f])" "\\\\x\\1" bytes "${bytes}")
  string(REPLACE "\n" "\"\n    \"" bytes "${bytes}")
  string(APPEND texts "static const char page_${code}[] =\n    \"${bytes}\";\n\n")
  string(APPEND rows "    {${code}, {page_${code}, sizeof(page_${code}) - 1}},\n")
endforeach()
file(WRITE "${OUTPUT}" "/* The pages of docs/rules, written by cmake/rule_pages.cmake. */
#include \"compiler/rules/page.h\"

${texts}static const struct rbk_rule_page table[] = {
${rows}};

const struct rbk_rule_page *rbk_rule_pages(uint32_t *ret_count)
{
    *ret_count = (uint32_t)(sizeof(table) / sizeof(table[0]));
    return table;
}
")
