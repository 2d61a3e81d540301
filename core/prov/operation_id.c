/* Operation IDs: when the operation began, and a UUID. */
#include <assert.h>

#include "prov/operation.h"

void berth_operation_id_make(char out[BERTH_OPERATION_ID_SIZE], const uint8_t random[16],
                             int64_t now_ms)
{
    static const unsigned groups[] = { 4, 2, 2, 2, 6 }; /* bytes between the dashes of a UUID */
    struct berth_buf b;
    size_t at = 0;

    berth_buf_init(&b, out, BERTH_OPERATION_ID_SIZE);
    berth_buf_put(&b, BERTH_STR("5."));
    berth_buf_put_hex(&b, (uint64_t)now_ms, 16);
    for (size_t i = 0; i < sizeof groups / sizeof groups[0]; i++) {
        berth_buf_put_char(&b, i == 0 ? '.' : '-');
        for (unsigned n = 0; n < groups[i]; n++)
            berth_buf_put_hex(&b, random[at++], 2);
    }
    berth_buf_put_char(&b, '\0');
    assert(!b.over);
}

berth_err berth_operation_id_time(berth_str id, int64_t *ms)
{
    static const char shape[] = "5.xxxxxxxxxxxxxxxx.xxxxxxxx-xxxx-xxxx-xxxx-xxxxxxxxxxxx";
    static const berth_str hex = BERTH_STR_INIT("0123456789abcdef");
    uint64_t v = 0;

    if (id.n != sizeof shape - 1)
        return BERTH_E_SYNTAX;
    for (size_t i = 0; i < id.n; i++) {
        size_t digit = berth_str_find(hex, id.p[i]);
        if (shape[i] == 'x' ? digit == hex.n : id.p[i] != shape[i])
            return BERTH_E_SYNTAX;
        if (i >= 2 && i < 18)
            v = v << 4 | digit;
    }
    if (v > INT64_MAX)
        return BERTH_E_SYNTAX;
    *ms = (int64_t)v;
    return BERTH_OK;
}
