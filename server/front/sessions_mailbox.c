#include "front/sessions_impl.h"

#include <stdlib.h>
#include <string.h>

/* A message on its way to the session's loop. */
struct letter {
    struct session *to;
    struct session_message message;
    char body[];
};

void session_unref(struct session *s)
{
    if (atomic_fetch_sub(&s->refs, 1) == 1)
        free(s);
}

static void deliver(void *arg)
{
    struct letter *l = arg;
    struct session *s = l->to;

    atomic_fetch_sub(&s->waiting, 1);
    if (s->owner != NULL)
        s->receive(s->owner, &l->message);
    session_unref(s);
    free(l);
}

bool session_post(struct session *s, const struct session_message *m)
{
    struct letter *l;

    if (atomic_load(&s->waiting) >= SESSIONS_MAILBOX_MAX && m->type != SESSION_END)
        return false;
    l = malloc(sizeof *l + m->body.n);
    if (l == NULL)
        return false;
    *l = (struct letter){ .to = s, .message = *m };
    if (m->body.n > 0)
        memcpy(l->body, m->body.p, m->body.n);
    l->message.body.p = l->body;
    atomic_fetch_add(&s->refs, 1);
    atomic_fetch_add(&s->waiting, 1);
    loop_post(s->loop, deliver, l);
    return true;
}
