#ifndef RBK_RUNTIME_CORE_NUMBER_H
#define RBK_RUNTIME_CORE_NUMBER_H

/*
 * Finite doubles as decimal text and back, the same on every host and in every locale. The shortest
 * text that reads back as the same number is the only one this module writes, so that it can stand
 * in what is hashed.
 */

#include <stdbool.h>
#include <stddef.h>

#include "runtime/core/base/attributes.h"
#include "runtime/core/base/str.h"

/* Room for any number's text, its NUL included. */
#define RBK_NUMBER_BYTES ((size_t)32)

/*
 * Print number × 10^shift: "3", "0.05", "1e+300"; a whole number has no point, minus zero is "0".
 * Valid as a number of JSON. The shift moves the decimal point of the shortest text and rounds
 * nothing, so 0.07 shifted by 2 is "7".
 * @number  Finite.
 * @shift   -300 to 300.
 * @return  Bytes written, without the NUL.
 */
size_t rbk_number_print(char out[RBK_NUMBER_BYTES], double number, int shift);

/*
 * Read text × 10^shift. The text is a decimal number as in JSON, with an optional "+" in front and
 * leading zeros allowed; no blanks, no hexadecimal, no words. Rounded once, to the nearest double.
 * @ret_number  Set on true only; always finite.
 * @return      Whether the text is a number, at most 400 bytes long, that a double can hold.
 */
RBK_MUST_USE bool rbk_number_parse(struct rbk_str text, int shift, double *ret_number);

#endif
