/* SPDX-License-Identifier: Apache-2.0 */
#include "hv/launch/error.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>

int launch_fail(struct launch_error *error, enum launch_result result, const char *format, ...)
{
    va_list ap;

    if (error->message[0] != '\0')
        return -ECANCELED;
    error->result = result;
    va_start(ap, format);
    (void)vsnprintf(error->message, sizeof(error->message), format, ap);
    va_end(ap);
    return -ECANCELED;
}
