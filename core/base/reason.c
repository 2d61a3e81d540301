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
