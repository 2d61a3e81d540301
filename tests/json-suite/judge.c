/* Prints berth's verdict on each file given: accepted, or the error and the offset it was seen at.
 * usage: json_judge FILE... */
#include <stdio.h>
#include <stdlib.h>

#include "wire/json.h"

static char text[1 << 20];

static int judge(const char *path)
{
    struct berth_json value;
    size_t position = 0;
    berth_err e;
    size_t n;
    FILE *f = fopen(path, "rb");

    if (f == NULL) {
        perror(path);
        return -1;
    }
    n = fread(text, 1, sizeof text, f);
    if (ferror(f) || !feof(f)) {
        fprintf(stderr, "%s: cannot be read whole\n", path);
        fclose(f);
        return -1;
    }
    fclose(f);
    e = berth_json_check((berth_str){ text, n }, &value, &position);
    if (e == BERTH_OK)
        printf("accepted\n");
    else
        printf("%s at %zu\n", e == BERTH_E_RANGE ? "out of bounds" : "refused", position);
    return 0;
}

int main(int argc, char **argv)
{
    for (int i = 1; i < argc; i++)
        if (judge(argv[i]) != 0)
            return EXIT_FAILURE;
    return EXIT_SUCCESS;
}
