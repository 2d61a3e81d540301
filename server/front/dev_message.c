#include "front/dev.h"

berth_str dev_injected(enum berth_reason why)
{
    static const char *const messages[BERTH_REASON_COUNT] = {
#define X(name, status, code, word, hub, peer, text, remedy)                                       \
    [BERTH_WHY_##name] = peer " (fault injected by berth dev: " #name ": " text ")",
        BERTH_REASONS(X)
#undef X
    };

    if (why >= BERTH_REASON_COUNT)
        return (berth_str){ 0 };
    return berth_str_of(messages[why]);
}

berth_str dev_message(const struct dev *d, enum berth_reason why)
{
    static const char *const messages[BERTH_REASON_COUNT] = {
#define X(name, status, code, word, hub, peer, text, remedy)                                       \
    [BERTH_WHY_##name] = peer " (" #name ": " text "; " remedy ")",
        BERTH_REASONS(X)
#undef X
    };

    if (d == NULL || why >= BERTH_REASON_COUNT)
        return (berth_str){ 0 };
    return berth_str_of(messages[why]);
}
