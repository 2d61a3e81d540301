#include "tests/crash/matrix.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/store/door.h"

#define STEP_WIDTH 50
#define CELL_WIDTH 14

static char complaints[1024]; /* of the row being printed */

static struct row *row_of(struct matrix *m, const struct fault_event *e)
{
    for (unsigned i = 0; i < m->row_count; i++)
        if (strcmp(m->rows[i].step, e->step) == 0)
            return &m->rows[i];
    struct row *r = &m->rows[m->row_count++];
    MUST(m->row_count <= ROWS_MAX);
    *r = (struct row){ .op = e->op };
    (void)snprintf(r->step, sizeof r->step, "%s", e->step);
    r->at = calloc(SAMPLES_MAX, sizeof *r->at);
    r->nth = calloc(SAMPLES_MAX, sizeof *r->nth);
    MUST(r->at != NULL && r->nth != NULL);
    return r;
}

void matrix_rows(struct matrix *m,
                 bool (*accept)(const struct fault_event *e, size_t i, void *user), void *user)
{
    matrix_forget(m);
    for (size_t i = 0; i < fault_count(); i++) {
        const struct fault_event *e = fault_event(i);
        if (!accept(e, i, user))
            continue;
        struct row *r = row_of(m, e);
        MUST(r->count < SAMPLES_MAX);
        r->at[r->count] = i;
        r->nth[r->count++] = e->nth;
    }
}

void matrix_forget(struct matrix *m)
{
    for (unsigned i = 0; i < m->row_count; i++) {
        free(m->rows[i].at);
        free(m->rows[i].nth);
    }
    m->row_count = 0;
}

uint64_t matrix_toss(struct matrix *m)
{
    m->dice ^= m->dice << 13;
    m->dice ^= m->dice >> 7;
    m->dice ^= m->dice << 17;
    return m->dice;
}

unsigned matrix_samples(const struct matrix *m, unsigned count, unsigned wanted)
{
    return m->full || count < wanted ? count : wanted;
}

unsigned matrix_pick(struct matrix *m, unsigned count, unsigned samples, unsigned i)
{
    unsigned from = (unsigned)((uint64_t)i * count / samples);
    unsigned below = (unsigned)((uint64_t)(i + 1) * count / samples);

    return from + (unsigned)(matrix_toss(m) % (below - from));
}

void matrix_head(const char *title, const char *const *columns, unsigned count)
{
    printf("\n%-*s", STEP_WIDTH, title);
    for (unsigned i = 0; i < count; i++)
        printf("%*s", CELL_WIDTH, columns[i]);
    printf("\n");
}

void matrix_start_row(const char *step)
{
    printf("  %-*s", STEP_WIDTH - 2, step);
    complaints[0] = '\0';
}

static void complain(const char *text)
{
    size_t n = strlen(complaints);

    (void)snprintf(complaints + n, sizeof complaints - n, "    %s\n", text);
}

void matrix_cell(struct matrix *m, const struct verdict *v)
{
    char text[32];

    if (v == NULL) {
        printf("%*s", CELL_WIDTH, "-");
        return;
    }
    bool good = v->kept == v->told && v->doubled == 0 && v->problem[0] == '\0';
    (void)snprintf(text, sizeof text, "%s%u/%u", good ? "" : "!", v->told, v->kept);
    printf("%*s", CELL_WIDTH, text);
    m->lost += v->told - v->kept;
    m->doubled += v->doubled;
    m->broken += v->problem[0] != '\0';
    m->passed += good;
    m->failed += !good;
    if (v->problem[0] != '\0')
        complain(v->problem);
    if (v->doubled > 0)
        complain("something is there twice");
}

void matrix_end_row(struct matrix *m)
{
    printf("\n%s", m->quiet ? "" : complaints);
    fflush(stdout);
}
