/* SPDX-License-Identifier: Apache-2.0 */
/*
 * In the place of libcurl-gnutls.so.4 in the initial RAM file system of a guest under test: tpm2
 * is linked with it, to fetch certificates, which nothing there does. Its 25 libraries would be
 * most of what a program's start takes on an emulated CPU.
 *
 * Trust: none; it refuses everything.
 */
#include <stddef.h>

#define NOTHING(type, name, result)                                                                \
    type name(void);                                                                               \
    type name(void)                                                                                \
    {                                                                                              \
        return result;                                                                             \
    }

NOTHING(int, curl_global_init, 2)
NOTHING(void *, curl_easy_init, NULL)
NOTHING(int, curl_easy_perform, 2)
NOTHING(int, curl_easy_setopt, 2)
NOTHING(const char *, curl_easy_strerror, "there is no network here")
NOTHING(char *, curl_easy_escape, NULL)
NOTHING(char *, curl_easy_unescape, NULL)
NOTHING(int, curl_free, 0)
NOTHING(int, curl_easy_cleanup, 0)
NOTHING(int, curl_global_cleanup, 0)
