#include "auth/mistake.h"

static const struct berth_mistake_row rows[BERTH_MISTAKE_COUNT] = {
    [BERTH_MISTAKE_NONE] = { "", "", "" },
#define X(name, text, remedy) { #name, text, remedy },
    BERTH_MISTAKES(X)
#undef X
};

const struct berth_mistake_row *berth_mistake_row(enum berth_mistake m)
{
    return &rows[(unsigned)m < BERTH_MISTAKE_COUNT ? m : BERTH_MISTAKE_NONE];
}

bool berth_mistake_is_inferred(enum berth_mistake m)
{
    return m == BERTH_MISTAKE_EXPIRED_LOCAL_TIME || m == BERTH_MISTAKE_SE_AHEAD;
}
