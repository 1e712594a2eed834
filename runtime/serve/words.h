#ifndef RBK_RUNTIME_SERVE_WORDS_H
#define RBK_RUNTIME_SERVE_WORDS_H

/* The words rbk-serve is started with, by `rbk serve` and not by people: each at its place, empty
 * where there is none, and behind them any number of names that may stand in Host. */

#define RBK_SERVE_PROGRAM "rbk-serve"
/* The only word, for the description of the API. */
#define RBK_SERVE_OPENAPI "--openapi"

enum rbk_serve_word {
    RBK_SERVE_STORE = 1, /* the store's path */
    RBK_SERVE_ADDRESS,   /* ADDRESS:PORT to listen at */
    RBK_SERVE_CERT,      /* files in PEM */
    RBK_SERVE_KEY,
    RBK_SERVE_BEHIND_PROXY, /* "yes" or "no" */
    RBK_SERVE_HOSTS,
};

#endif
