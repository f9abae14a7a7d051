/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The guests that I may see:
 *
 *     cc list.c $(pkg-config --cflags --libs casemate) -o list && ./list
 *
 * Trust: none is needed; casemated decides what the caller sees.
 */
#include <casemate.h>
#include <inttypes.h>
#include <stdio.h>

int main(int argc, char **argv)
{
    struct casemate *host = casemate_new();
    struct casemate_guests *guests = NULL;
    int r =
        host != NULL ? casemate_connect(host, argc > 1 ? argv[1] : NULL) : CASEMATE_ERROR_MEMORY;

    if (r == CASEMATE_OK)
        r = casemate_list(host, NULL, &guests);
    if (r != CASEMATE_OK)
        fprintf(stderr, "%s\n", host != NULL ? casemate_error_text(host) : "no memory");
    for (size_t i = 0; r == CASEMATE_OK && i < casemate_guests_count(guests); i++) {
        const struct casemate_guest *guest = casemate_guests_at(guests, i);

        printf("%s/%s is %s, %" PRId64 " bytes of memory\n", casemate_guest_tenant(guest),
               casemate_guest_name(guest), casemate_guest_state_name(guest),
               casemate_guest_memory(guest));
    }
    casemate_guests_free(guests);
    casemate_free(host);
    return r == CASEMATE_OK ? 0 : 1;
}
