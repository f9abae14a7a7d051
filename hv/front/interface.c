/* SPDX-License-Identifier: Apache-2.0 */
#include <string.h>

#include "hv/front/varlink.h"

/* The file that people read is the text that programs get. The Makefile knows of this dependency.
 */
__asm__(".pushsection .rodata\n"
        "varlink_host_text:\n"
        ".incbin \"doc/org.casemate.Host.varlink\"\n"
        ".byte 0\n"
        ".popsection\n");
extern const char varlink_host_text[];

/* Varlink, "Service interface". */
static const char service_text[] =
    "# Every Varlink service offers this.\n"
    "interface org.varlink.service\n"
    "\n"
    "method GetInfo() -> (\n"
    "  vendor: string,\n"
    "  product: string,\n"
    "  version: string,\n"
    "  url: string,\n"
    "  interfaces: []string\n"
    ")\n"
    "\n"
    "method GetInterfaceDescription(interface: string) -> (description: string)\n"
    "\n"
    "error InterfaceNotFound (interface: string)\n"
    "error MethodNotFound (method: string)\n"
    "error MethodNotImplemented (method: string)\n"
    "error InvalidParameter (parameter: string)\n"
    "error PermissionDenied ()\n"
    "error ExpectedMore ()\n";

const char *varlink_description(const char *interface)
{
    if (strcmp(interface, VARLINK_INTERFACE) == 0)
        return varlink_host_text;
    if (strcmp(interface, "org.varlink.service") == 0)
        return service_text;
    return NULL;
}
