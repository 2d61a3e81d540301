/* seeds - a captured session as an input of fuzz_connection. Usage: seeds CAPTURE.. >SEED: the
 * sessions one after another, on one registry. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "fuzz/connection_script.h"
#include "prov/operation.h"
#include "replay/capture.h"

/* As in tests/replay/stage.c, whose registry they are played on. */
#define CAPTURED_OPERATION "4.0000000000000000.11111111-2222-3333-4444-555555555555"

static const uint8_t uuid[16] = { 0x11, 0x11, 0x11, 0x11, 0x22, 0x22, 0x33, 0x33,
                                  0x44, 0x44, 0x55, 0x55, 0x55, 0x55, 0x55, 0x55 };

static void put_op(int op, int b)
{
    (void)putchar(SCRIPT_MARK);
    (void)putchar(op);
    if (b >= 0)
        (void)putchar(b);
}

static void put_bytes(const uint8_t *p, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        (void)putchar(p[i]);
        if (p[i] == SCRIPT_MARK)
            (void)putchar(SCRIPT_MARK);
    }
}

/* No time passes in a seed, so the operation is named as at its beginning. */
static void name_operation(struct rig_bytes *b)
{
    char id[BERTH_OPERATION_ID_SIZE];
    uint8_t *at =
        b->n == 0 ? NULL : memmem(b->p, b->n, CAPTURED_OPERATION, sizeof CAPTURED_OPERATION - 1);

    berth_operation_id_make(id, uuid, SCRIPT_NOW_S * 1000);
    if (at != NULL)
        memcpy(at, id, sizeof CAPTURED_OPERATION - 1);
}

static void put_message(struct capture_message *m, unsigned port)
{
    const uint8_t *p = m->bytes.p;

    name_operation(&m->bytes);
    if (m->opens)
        put_op(OP_OPEN, port == CAPTURE_MQTT_PORT ? DOOR_MQTTS : DOOR_HTTPS);
    for (size_t i = 0; i < m->frame_count; i++) {
        put_op(OP_FRAME, m->frames[i].head[0]);
        put_bytes(p, m->frames[i].payload_n);
        p += m->frames[i].payload_n;
    }
    if (m->frame_count == 0)
        put_bytes(p, m->bytes.n);
    put_op(OP_SETTLE, -1);
}

int main(int argc, char **argv)
{
    static struct capture c;

    (void)putchar(START_ASSIGNING_FIRST);
    for (int i = 1; i < argc; i++) {
        capture_read(argv[i], &c);
        for (size_t k = 0; k < c.count; k++)
            put_message(&c.messages[k], c.port);
        capture_free(&c);
    }
    return ferror(stdout) ? EXIT_FAILURE : EXIT_SUCCESS;
}
