#include "base/reason.h"

static const struct berth_reason_row rows[BERTH_REASON_COUNT] = {
    [BERTH_WHY_NONE] = { "", 0, 0, "", "", "", "", "" },
#define X(name, status, code, word, hub, peer, text, remedy)                                       \
    { #name, status, code, word, hub, peer, text, remedy },
    BERTH_REASONS(X)
#undef X
};

const struct berth_reason_row *berth_reason_row(enum berth_reason r)
{
    return &rows[(unsigned)r < BERTH_REASON_COUNT ? r : BERTH_WHY_NONE];
}

enum berth_reason berth_reason_of_err(berth_err e)
{
    switch (e) {
    case BERTH_OK:
        return BERTH_WHY_NONE;
    case BERTH_E_SYNTAX:
    case BERTH_E_RANGE:
        return BERTH_WHY_RECORD_DAMAGED;
    case BERTH_E_CRYPTO:
        return BERTH_WHY_CRYPTO_FAILED;
    default:
        return BERTH_WHY_INTERNAL;
    }
}
