/* SPDX-License-Identifier: Apache-2.0 */
#include <unistd.h>

#include "base/text.h"
#include "hv/launch/station.h"

void station_path(int64_t store_id, char path[STATION_PATH_MAX])
{
    (void)text_format(path, STATION_PATH_MAX, "%s/%lld", GUARD_STATIONS, (long long)store_id);
}

void station_remove(int64_t store_id)
{
    char path[STATION_PATH_MAX];

    station_path(store_id, path);
    (void)unlink(path);
}
