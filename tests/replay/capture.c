#include "replay/capture.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "unit/check.h"

#define LINE_MAX_SIZE 8192
#define TEXT_MARK     "    |"
#define HEX_MARK      "    hex "

struct reader {
    const char *path;
    struct capture *out;
    struct capture_message *now; /* takes the lines of bytes that follow; NULL: they are not the
                                    client's */
    struct capture_frame frames[CAPTURE_PIECES_MAX]; /* announced, their packet still to come */
    size_t frame_count;
    bool opens;
    bool in_body; /* of an HTTP request */
};

static uint8_t nibble(const struct reader *r, char c)
{
    static const char digits[] = "0123456789abcdef";
    const char *at = strchr(digits, c);

    CHECK(r->path, c != '\0' && at != NULL);
    return (uint8_t)(at - digits);
}

static size_t read_hex(const struct reader *r, const char *text, uint8_t *out, size_t max)
{
    size_t n = 0;

    for (; text[0] != '\0' && text[0] != ')'; text += 2) {
        CHECK(r->path, n < max);
        out[n++] = (uint8_t)(nibble(r, text[0]) << 4 | nibble(r, text[1]));
    }
    return n;
}

static size_t number_after(const struct reader *r, const char *line, const char *name)
{
    const char *at = strstr(line, name);

    CHECK(r->path, at != NULL);
    return strtoul(at + strlen(name), NULL, 10);
}

static void begin_message(struct reader *r)
{
    CHECK(r->path, r->out->count < CAPTURE_MESSAGES_MAX);
    r->now = &r->out->messages[r->out->count++];
    r->now->opens = r->opens;
    r->opens = false;
    r->in_body = false;
    memcpy(r->now->frames, r->frames, sizeof r->frames);
    r->now->frame_count = r->frame_count;
    r->frame_count = 0;
}

static void take_frame(struct reader *r, const char *line)
{
    static const char before[] = "before payload: ";
    struct capture_frame *f = &r->frames[r->frame_count++];
    const char *head = strstr(line, before);

    CHECK(r->path, r->frame_count <= CAPTURE_PIECES_MAX && head != NULL);
    f->payload_n = number_after(r, line, "payload_len=");
    f->head_n = read_hex(r, head + strlen(before), f->head, sizeof f->head);
    CHECK(r->path, f->head_n >= 2 + BERTH_WS_MASK_SIZE);
}

/* "[TLS records: 417 B @ 14.7 ms, 25 B @ 54.9 ms]" */
static void take_cuts(struct reader *r, const char *line)
{
    const char *at = strstr(line, "[TLS records: ");
    char *end;

    if (at == NULL)
        return;
    for (at += strlen("[TLS records: "); at != NULL; at = strstr(at, "ms, ")) {
        at += strspn(at, "ms, ");
        CHECK(r->path, r->now->cut_count < CAPTURE_PIECES_MAX);
        r->now->cuts[r->now->cut_count++] = strtoul(at, &end, 10);
        CHECK(r->path, strncmp(end, " B @", 4) == 0);
        at = end;
    }
}

static void take_event(struct reader *r, const char *line)
{
    const char *client = strstr(line, " ms client ");
    const char *what = client == NULL ? "" : client + strlen(" ms client ");

    r->now = NULL;
    if (strncmp(what, "WS frame ", 9) == 0) {
        take_frame(r, what);
    } else if (strncmp(what, "MQTT ", 5) == 0 || strncmp(what, "HTTP ", 5) == 0) {
        begin_message(r);
        take_cuts(r, what);
    } else if (strncmp(what, "connection closed", 17) == 0) {
        if (r->frame_count > 0)
            begin_message(r);
    } else {
        CHECK(r->path, client == NULL || strncmp(what, "TCP accepted", 12) == 0);
    }
}

static void take_text(struct reader *r, const char *text)
{
    size_t n;

    CHECK(r->path, r->now != NULL);
    text += *text == ' ';
    n = strlen(text);
    rig_bytes_add(&r->now->bytes, text, n);
    if (!r->in_body)
        rig_bytes_add(&r->now->bytes, "\r\n", 2);
    r->in_body = r->in_body || n == 0;
}

static void take_line(struct reader *r, char *line)
{
    uint8_t bytes[LINE_MAX_SIZE / 2];

    line[strcspn(line, "\n")] = '\0';
    if (line[0] == '#') {
        return;
    } else if (strncmp(line, "--- connection ", 15) == 0) {
        r->out->port = (unsigned)number_after(r, line, "TCP port ");
        r->opens = true;
        r->now = NULL;
    } else if (strncmp(line, HEX_MARK, strlen(HEX_MARK)) == 0) {
        CHECK(r->path, r->now != NULL);
        rig_bytes_add(&r->now->bytes, bytes,
                      read_hex(r, line + strlen(HEX_MARK), bytes, sizeof bytes));
    } else if (strncmp(line, TEXT_MARK, strlen(TEXT_MARK)) == 0) {
        take_text(r, line + strlen(TEXT_MARK));
    } else if (line[0] != '\0') {
        take_event(r, line);
    }
}

/* Pieces that do not add up to the message mean that the file was misread. */
static void check_sums(const char *path, const struct capture_message *m)
{
    size_t frames = 0, cuts = 0;

    for (size_t i = 0; i < m->frame_count; i++)
        frames += m->frames[i].payload_n;
    for (size_t i = 0; i < m->cut_count; i++)
        cuts += m->cuts[i];
    CHECK(path, m->frame_count == 0 || frames == m->bytes.n);
    CHECK(path, m->cut_count == 0 || cuts == m->bytes.n);
    CHECK(path, m->bytes.n > 0 || m->frame_count > 0);
}

void capture_read(const char *path, struct capture *out)
{
    struct reader r = { .path = path, .out = out };
    char line[LINE_MAX_SIZE];
    FILE *f = fopen(path, "r");

    CHECK(path, f != NULL);
    memset(out, 0, sizeof *out);
    while (fgets(line, sizeof line, f) != NULL) {
        CHECK(path, strchr(line, '\n') != NULL);
        take_line(&r, line);
    }
    (void)fclose(f);
    CHECK(path, out->count > 0 && r.frame_count == 0);
    for (size_t i = 0; i < out->count; i++)
        check_sums(path, &out->messages[i]);
}

void capture_free(struct capture *c)
{
    for (size_t i = 0; i < c->count; i++)
        rig_bytes_free(&c->messages[i].bytes);
    c->count = 0;
}
