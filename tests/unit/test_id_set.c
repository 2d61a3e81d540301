/* The IDs of a run: a second one is found with the line of the first. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "berth/registration_id.h"
#include "check.h"
#include "cli/id_set.h"

static uint64_t add(struct id_set *s, const char *id, uint64_t line)
{
    uint64_t first = 99999;

    CHECK(id, id_set_add(s, berth_str_of(id), line, &first) == BERTH_OK);
    return first;
}

static void test_finds(void **state)
{
    struct id_set s;
    char longest[BERTH_ID_MAX + 1];

    (void)state;
    id_set_init(&s);
    memset(longest, 'x', BERTH_ID_MAX);
    longest[BERTH_ID_MAX] = '\0';
    CHECK("new", add(&s, "a", 1) == 0);
    CHECK("another", add(&s, "b", 2) == 0);
    CHECK("a longer one", add(&s, "aa", 3) == 0);
    CHECK("the longest", add(&s, longest, 4) == 0);
    CHECK("again", add(&s, "a", 5) == 1);
    CHECK("the first line stays", add(&s, "a", 6) == 1);
    CHECK("in capitals", add(&s, "AA", 7) == 3);
    CHECK("the longest again", add(&s, longest, 8) == 4);
    CHECK("one shorter", add(&s, longest + 1, 9) == 0);
    CHECK("five are held", s.used == 5);
    id_set_deinit(&s);
    id_set_deinit(&s);
}

/* Through many growths of both tables. */
static void test_many(void **state)
{
    enum { MANY = 20000 };
    struct id_set s;
    char id[32];

    (void)state;
    id_set_init(&s);
    for (unsigned i = 0; i < MANY; i++) {
        (void)snprintf(id, sizeof id, "device-%u", i);
        CHECK(id, add(&s, id, i + 1) == 0);
    }
    for (unsigned i = 0; i < MANY; i++) {
        (void)snprintf(id, sizeof id, "DEVICE-%u", i);
        CHECK(id, add(&s, id, MANY + i) == i + 1);
    }
    CHECK("no more than there are", s.used == MANY);
    id_set_deinit(&s);
}

/* The hash only says where to look: IDs that share it are told apart. */
static void test_collisions(void **state)
{
    struct id_set s;

    (void)state;
    id_set_init(&s);
    CHECK("first", add(&s, "one", 1) == 0);
    for (size_t i = 0; i < s.room; i++) /* as if every slot had this hash */
        if (s.slots[i] != 0) {
            uint64_t slot = s.slots[i];

            s.slots[i] = 0;
            s.slots[berth_siphash(s.seed, BERTH_STR("two")) & (s.room - 1)] =
                (slot & ((UINT64_C(1) << 40) - 1)) |
                (berth_siphash(s.seed, BERTH_STR("two")) & ~((UINT64_C(1) << 40) - 1));
            break;
        }
    CHECK("another with its hash", add(&s, "two", 2) == 0);
    CHECK("and found", add(&s, "two", 3) == 2);
    id_set_deinit(&s);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_finds),
        cmocka_unit_test(test_many),
        cmocka_unit_test(test_collisions),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
