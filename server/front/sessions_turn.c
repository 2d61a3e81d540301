#include "front/sessions_impl.h"

#include <stdio.h>

#define WAYS 8 /* places where a device may lie */

/* The device's trace; or the oldest one that may make room for it. */
static struct trace *find(struct traces *t, uint64_t name)
{
    struct trace *set = &t->of[(name >> 24) % (TRACES_MAX / WAYS) * WAYS];
    struct trace *oldest = &set[0];

    for (size_t i = 0; i < WAYS; i++) {
        if (set[i].name == name)
            return &set[i];
        if (set[i].mono_ms < oldest->mono_ms)
            oldest = &set[i];
    }
    return oldest;
}

void traces_note(struct traces *t, const struct session *s, uint64_t party, int64_t mono_ms,
                 struct session_prior *prior)
{
    struct trace *mine = find(t, s->hash);
    bool recent;

    if (mine->name != s->hash)
        *mine = (struct trace){ .name = s->hash, .party = party, .before = party };
    recent = mine->peer[0] != '\0' && mono_ms - mine->mono_ms < SESSIONS_TURN_MS;
    prior->other_peer = mine->party != party;
    prior->in_turn = recent && prior->other_peer && mine->before == party;
    (void)snprintf(prior->peer, sizeof prior->peer, "%s", mine->peer);
    if (prior->other_peer) {
        mine->before = mine->party;
        mine->party = party;
    }
    mine->mono_ms = mono_ms;
    (void)snprintf(mine->peer, sizeof mine->peer, "%s", s->peer.text);
}
