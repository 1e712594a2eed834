/*
 * Scripts of characters: whether a name could read otherwise than it compiles. Private to the front
 * end.
 *
 * Not a full table of Unicode: the alphabets in which look-alikes of Latin letters occur are told
 * apart (Greek, Cyrillic, Armenian, Cherokee, full-width forms), other letters are told apart by
 * their blocks.
 */
#ifndef RBK_COMPILER_SCRIPT_H
#define RBK_COMPILER_SCRIPT_H

#include "runtime/core/base/str.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/** What is wrong with a word. */
enum rbk_script_fault {
    RBK_SCRIPT_FINE,         /**< Letters of one script, digits and `_`. */
    RBK_SCRIPT_MIXED,        /**< Letters of two scripts. */
    RBK_SCRIPT_COMBINING,    /**< A mark that changes the letter before it. */
    RBK_SCRIPT_NOT_A_LETTER, /**< Something that cannot stand in a name. */
};

/** The first thing that is wrong with a word. */
struct rbk_script_check {
    enum rbk_script_fault fault;
    size_t offset;            /**< Of the character in the word. */
    size_t bytes;             /**< Of the character. */
    const char *first_script; /**< MIXED: "Latin"; otherwise "". */
    const char
        *other_script; /**< MIXED: the script of the character; COMBINING: "U+0301"-like words. */
    bool quote;        /**< NOT_A_LETTER: whether it is a typographic quote. */
};

/** Check a word; @word is valid UTF-8. */
struct rbk_script_check rbk_script_check(struct rbk_str word);

/** Whether a character is invisible or changes the direction of text: never allowed in a source. */
bool rbk_script_is_hidden(uint32_t character);

#endif
