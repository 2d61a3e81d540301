#include "hub/device.h"

#include "crypto/b64.h"

#define ETAG_BYTES 8
#define ETAG_NONE  (UINT64_MAX - 2) /* a revision that no device reaches */

static struct berth_twin_section empty_section(int64_t now_ms)
{
    return (struct berth_twin_section){
        .values = BERTH_STR("{}"),
        .updated_ms = now_ms,
        .version = 1,
    };
}

void berth_hub_device_init(struct berth_hub_device *d, berth_str hub, berth_str device_id,
                           uint64_t generation, int64_t now_ms)
{
    *d = (struct berth_hub_device){
        .hub = hub,
        .device_id = device_id,
        .generation = generation,
        .enabled = true,
        .auth = BERTH_AUTH_SAS,
        .status_updated_ms = BERTH_TIME_NEVER,
        .connection_updated_ms = BERTH_TIME_NEVER,
        .last_activity_ms = BERTH_TIME_NEVER,
        .identity_revision = 1,
        .twin_revision = 1,
        .twin_version = 1,
        .tags = BERTH_STR("{}"),
        .desired = empty_section(now_ms),
        .reported = empty_section(now_ms),
    };
}

void berth_hub_device_etag_put(struct berth_buf *b, uint64_t revision)
{
    uint8_t bytes[ETAG_BYTES];

    for (size_t i = 0; i < sizeof bytes; i++)
        bytes[i] = (uint8_t)(revision >> (8 * (sizeof bytes - 1 - i)));
    berth_b64_put(b, bytes, sizeof bytes);
}

/* What stands between the quotes, or HEADER itself. */
static berth_str unquoted(berth_str header)
{
    if (berth_str_starts(header, BERTH_STR("W/\"")))
        header = berth_str_sub(header, 2, header.n);
    if (header.n >= 2 && header.p[0] == '"' && header.p[header.n - 1] == '"')
        header = berth_str_sub(header, 1, header.n - 2);
    return header;
}

uint64_t berth_hub_device_etag_parse(berth_str header)
{
    uint8_t bytes[ETAG_BYTES];
    uint64_t revision = 0;
    size_t n;

    if (header.p == NULL)
        return BERTH_ANY;
    header = unquoted(berth_str_trim(header));
    if (berth_str_eq(header, BERTH_STR("*")))
        return BERTH_PRESENT;
    if (berth_b64_decode(header, bytes, sizeof bytes, &n) != BERTH_OK || n != sizeof bytes)
        return ETAG_NONE;
    for (size_t i = 0; i < n; i++)
        revision = revision << 8 | bytes[i];
    /* these would be taken for BERTH_ABSENT, _PRESENT or _ANY */
    return revision == 0 || revision > ETAG_NONE ? ETAG_NONE : revision;
}
