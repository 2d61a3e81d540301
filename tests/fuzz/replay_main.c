/* replay_main.c - a fuzz target without a fuzzer: each file of the directories given, in their
 * order, as one input. A directory that is not there holds nothing. */
#include <dirent.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *p, size_t n);

#define INPUT_MAX (1 << 20)
#define PATH_SIZE 4096

static char present[PATH_SIZE]; /* the input that is played */

static void play(const char *path)
{
    static uint8_t bytes[INPUT_MAX];
    FILE *f = fopen(path, "rb");
    uint8_t *exact;
    size_t n;

    if (f == NULL) {
        perror(path);
        exit(EXIT_FAILURE);
    }
    n = fread(bytes, 1, sizeof bytes, f);
    (void)fclose(f);
    exact = malloc(n > 0 ? n : 1); /* a sanitizer sees what reads past it */
    if (exact == NULL)
        exit(EXIT_FAILURE);
    memcpy(exact, bytes, n);
    (void)LLVMFuzzerTestOneInput(exact, n);
    free(exact);
}

static int is_input(const struct dirent *e)
{
    return e->d_name[0] != '.';
}

static unsigned play_all(const char *directory)
{
    struct dirent **entries;
    int n = scandir(directory, &entries, is_input, alphasort);

    for (int i = 0; i < n; i++) {
        (void)snprintf(present, sizeof present, "%s/%s", directory, entries[i]->d_name);
        play(present);
        free(entries[i]);
    }
    if (n >= 0)
        free(entries);
    return n < 0 ? 0 : (unsigned)n;
}

static void tell(void)
{
    (void)fprintf(stderr, "input: %s\n", present);
}

/* What a sanitizer calls before it ends the program; nobody does without one. */
void __asan_on_error(void);
void __asan_on_error(void)
{
    tell();
}

static void on_abort(int number)
{
    (void)number; /* ends the program as it returns */
    tell();
}

/* The count that tests/run adds up, one test for each directory that held something. */
int main(int argc, char **argv)
{
    unsigned inputs = 0, tests = 0;

    (void)signal(SIGABRT, on_abort);
    for (int i = 1; i < argc; i++) {
        unsigned n = play_all(argv[i]);
        inputs += n;
        tests += n > 0;
    }
    printf("%u inputs\n[  PASSED  ] %u test(s).\n", inputs, tests);
    return EXIT_SUCCESS;
}
