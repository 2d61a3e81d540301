#include <stdio.h>

#include "bench/load/dialog.h"

static const struct transport *const transports[] = {
    &transport_https, &transport_mqtt, &transport_mqtt_ws, &transport_idle,
    &transport_close, &transport_echo, &transport_pubsub,  NULL,
};

const struct transport *transport_find(berth_str name)
{
    for (size_t i = 0; transports[i] != NULL; i++)
        if (berth_str_eq(name, berth_str_of(transports[i]->name)))
            return transports[i];
    return NULL;
}

const char *transport_name(size_t i)
{
    return transports[i] == NULL ? NULL : transports[i]->name;
}

void dialog_fail(struct dialog *d, enum failure failure, const char *why)
{
    d->need = DIALOG_FAILED;
    d->failure = failure;
    (void)snprintf(d->why, sizeof d->why, "%s", why);
}
