/*
 * The generated scanner: rbk_scan() of grammar/rbk.l, and starting and stopping it. Private to the
 * front end.
 */
#ifndef RBK_COMPILER_SCANNER_H
#define RBK_COMPILER_SCANNER_H

#include "compiler/parse_state.h"
#include "rbk_scanner.h"

/* What the generated header leaves behind, and no one else needs. */
#undef YY_DECL
#undef YYSTYPE
#undef YYLTYPE

/**
 * Start and stop scanning parse->source: parse->scanner is set and freed.
 * The scanner works on a copy of the text, because flex writes into what it reads.
 */
void rbk_scanner_start(struct rbk_parse *parse);
void rbk_scanner_stop(struct rbk_parse *parse);

#endif
