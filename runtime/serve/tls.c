/*
 * What is wrong with a certificate and its key, before they are used: the HTTP server says no more
 * than that it does not start with them, and nothing at all when the certificate has ended.
 */
#include "runtime/serve/serve_internal.h"

#include <openssl/pem.h>
#include <openssl/x509.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

static BIO *reader_of(const char *text)
{
    size_t bytes = strlen(text);

    return bytes <= INT32_MAX ? BIO_new_mem_buf(text, (int)bytes) : NULL;
}

static bool ends(const X509 *certificate, int64_t *ret_ends_ms)
{
    struct tm time;
    time_t seconds;

    if (ASN1_TIME_to_tm(X509_get0_notAfter(certificate), &time) != 1) {
        return false;
    }
    seconds = timegm(&time);
    *ret_ends_ms = (int64_t)seconds * 1000;
    return true;
}

int rbk_tls_check(const struct rbk_serve_options *options, const char *cert, const char *key,
                  int64_t *ret_ends_ms, struct rbk_error *reterr)
{
    /* A key with a passphrase is refused: nobody is there to be asked for it. */
    char no_passphrase[] = "";
    BIO *cert_reader = reader_of(cert), *key_reader = reader_of(key);
    X509 *certificate =
        cert_reader != NULL ? PEM_read_bio_X509(cert_reader, NULL, NULL, no_passphrase) : NULL;
    EVP_PKEY *own =
        key_reader != NULL ? PEM_read_bio_PrivateKey(key_reader, NULL, NULL, no_passphrase) : NULL;
    int error = 0;

    if (certificate == NULL) {
        error = rbk_error_set(reterr, RBK_EINVALID, "\"%s\" has no certificate in PEM",
                              options->tls_cert);
    } else if (own == NULL) {
        error =
            rbk_error_set(reterr, RBK_EINVALID,
                          "\"%s\" has no key in PEM, or one with a passphrase", options->tls_key);
    } else if (X509_check_private_key(certificate, own) != 1) {
        error = rbk_error_set(reterr, RBK_EINVALID,
                              "the key in \"%s\" is not that of the certificate in \"%s\"; where "
                              "there are several, the server's own comes first",
                              options->tls_key, options->tls_cert);
    } else if (!ends(certificate, ret_ends_ms)) {
        error = rbk_error_set(reterr, RBK_EINVALID, "the certificate in \"%s\" has no end",
                              options->tls_cert);
    }
    EVP_PKEY_free(own);
    X509_free(certificate);
    BIO_free(key_reader);
    BIO_free(cert_reader);
    return error;
}
