/* SPDX-License-Identifier: Apache-2.0 */
/* What a client asks for, and who it is. */
#include <arpa/inet.h>
#include <errno.h>
#include <gnutls/gnutls.h>
#include <gnutls/x509.h>
#include <string.h>
#include <sys/socket.h>

#include "attest/service/http_internal.h"
#include "base/text.h"

static const struct {
    const char *method, *path;
    enum route route;
} routes[] = {
    {"POST", "/v1/nonce", ROUTE_NONCE},     {"POST", "/v1/evidence", ROUTE_EVIDENCE},
    {"POST", "/v1/release", ROUTE_RELEASE}, {"GET", "/v1/jwks", ROUTE_JWKS},
    {"GET", "/healthz", ROUTE_HEALTH},      {"GET", "/metrics", ROUTE_METRICS},
};

static bool name_of(char name[EVIDENCE_NAME_MAX], const char *text, size_t size)
{
    if (size >= EVIDENCE_NAME_MAX)
        return false;
    memcpy(name, text, size);
    name[size] = '\0';
    return strlen(name) == size && evidence_name_valid(name);
}

enum route http_route(const char *method, const char *path, char tenant[EVIDENCE_NAME_MAX],
                      char name[EVIDENCE_NAME_MAX])
{
    static const char results[] = "/v1/results/";
    const char *slash;

    for (size_t i = 0; i < sizeof(routes) / sizeof(routes[0]); i++) {
        if (strcmp(path, routes[i].path) == 0)
            return strcmp(method, routes[i].method) == 0 ? routes[i].route : ROUTE_METHOD;
    }
    if (strncmp(path, results, sizeof(results) - 1) != 0)
        return ROUTE_NONE;
    path += sizeof(results) - 1;
    slash = strchr(path, '/');
    if (slash == NULL || !name_of(tenant, path, (size_t)(slash - path)) ||
        !name_of(name, slash + 1, strlen(slash + 1)))
        return ROUTE_NONE;
    return strcmp(method, "GET") == 0 ? ROUTE_RESULT : ROUTE_METHOD;
}

/* The address, without the port: what a client has one of. */
static bool address_of(struct MHD_Connection *connection, char client[SERVICE_CLIENT_MAX])
{
    const union MHD_ConnectionInfo *info =
        MHD_get_connection_info(connection, MHD_CONNECTION_INFO_CLIENT_ADDRESS);
    const struct sockaddr *address = info != NULL ? info->client_addr : NULL;

    if (address != NULL && address->sa_family == AF_INET)
        return inet_ntop(AF_INET, &((const struct sockaddr_in *)(const void *)address)->sin_addr,
                         client, SERVICE_CLIENT_MAX) != NULL;
    if (address != NULL && address->sa_family == AF_INET6) {
        struct in6_addr network = ((const struct sockaddr_in6 *)(const void *)address)->sin6_addr;

        /* Who has one address of an IPv6 network has all 2^64 of them. */
        if (!IN6_IS_ADDR_V4MAPPED(&network))
            memset(&network.s6_addr[8], 0, 8);
        return inet_ntop(AF_INET6, &network, client, SERVICE_CLIENT_MAX) != NULL;
    }
    return false;
}

bool http_client(const struct http *http, struct MHD_Connection *connection,
                 char client[SERVICE_CLIENT_MAX])
{
    const union MHD_ConnectionInfo *info;
    unsigned status = 0;

    if (http->options->client_ca != NULL) {
        info = MHD_get_connection_info(connection, MHD_CONNECTION_INFO_GNUTLS_SESSION);
        /* Chain, dates and, by the purpose, that it is a client's and no server's. */
        static gnutls_typed_vdata_st purpose = {
            .type = GNUTLS_DT_KEY_PURPOSE_OID,
            .data = (unsigned char *)(uintptr_t)GNUTLS_KP_TLS_WWW_CLIENT,
        };

        if (info == NULL ||
            gnutls_certificate_verify_peers(info->tls_session, &purpose, 1, &status) !=
                GNUTLS_E_SUCCESS ||
            status != 0)
            return false;
    }
    return address_of(connection, client);
}
