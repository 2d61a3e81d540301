/* berth complete: for the shells' completion, not for people. Reads the words of a command line,
 * each ended by NUL, the last one being typed; standard input, for an argument would show a --key
 * to other users. The first line printed is "words", "files", "directories" or "commands": what
 * else the shell offers; then one line for each word, with a tab and what it is. --tree prints all
 * verbs as JSON. */
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/time.h>
#include <unistd.h>

#include "cli/command.h"
#include "cli/complete_tree.h"
#include "cli/describe.h"
#include "cli/options.h"
#include "cli/values.h"

#define LINE_MAX_BYTES 65536
#define WORDS_MAX      512
#define PATIENCE_US    900000 /* whoever presses the key is waiting */

struct line {
    char text[LINE_MAX_BYTES];
    char *words[WORDS_MAX];
    size_t count;
};

/* The words before the one being typed, as far as they matter. */
struct seen {
    char **words; /* behind the verb; the last one is being typed */
    size_t count, at;
    size_t arguments;
    bool options_over;                 /* "--" stood there */
    const struct argp_option *waiting; /* an option whose value is next */
    struct options options;
    const char *hub;
    const struct argp *whole;
    const struct command *verb;
    char lead[DESCRIBE_NAME_MAX]; /* of the word being typed, before a value: "--hub=" */
};

static void offer(const char *word, const char *what)
{
    (void)printf("%s\t%s\n", word, what != NULL ? what : "");
}

/* ---- options ---- */

struct search {
    berth_str name; /* long, or empty */
    int key;        /* short */
    const struct argp_option *exact, *begun;
    bool many; /* begin so */
};

static bool match(void *user, const struct argp_option *o, const struct argp_option *main,
                  bool common)
{
    struct search *s = user;

    (void)common;
    if (s->name.n == 0 ? o->key != s->key || (o->flags & OPTION_ALIAS) != 0
                       : o->name == NULL || !berth_str_starts(berth_str_of(o->name), s->name))
        return true;
    if (s->name.n == 0 || berth_str_eq(berth_str_of(o->name), s->name)) {
        s->exact = main;
        return false;
    }
    s->many = s->many || s->begun != NULL;
    s->begun = main;
    return true;
}

/* As getopt does: a long name may be cut short where it stays clear. */
static const struct argp_option *find_long(const struct argp *whole, berth_str name)
{
    struct search s = { .name = name };

    if (name.n > 0)
        (void)describe_options(whole, match, &s);
    return s.exact != NULL ? s.exact : s.many ? NULL : s.begun;
}

static const struct argp_option *find_short(const struct argp *whole, char c)
{
    struct search s = { .key = (unsigned char)c };

    (void)describe_options(whole, match, &s);
    return s.exact;
}

static void note(struct seen *s, const struct argp_option *o, char *value)
{
    static const struct {
        const char *name;
        size_t at;
    } kept[] = {
        { "login", offsetof(struct options, login) },
        { "profile", offsetof(struct options, profile) },
        { "data-dir", offsetof(struct options, data_dir) },
        { "ca-file", offsetof(struct options, ca_file) },
    };

    if (o == NULL || o->name == NULL)
        return;
    if (strcmp(o->name, "hub") == 0)
        s->hub = value;
    for (size_t i = 0; i < sizeof kept / sizeof kept[0]; i++)
        if (strcmp(o->name, kept[i].name) == 0)
            memcpy((char *)&s->options + kept[i].at, &value, sizeof value);
}

/* The value in the next word, which may be the one being typed. */
static void take_value(struct seen *s, const struct argp_option *o)
{
    if (o == NULL || o->arg == NULL || (o->flags & OPTION_ARG_OPTIONAL) != 0)
        return;
    if (s->at + 1 == s->count)
        s->waiting = o;
    else
        note(s, o, s->words[s->at++]);
}

static void take_long(struct seen *s, char *word)
{
    berth_str value = berth_str_of(word + 2), name = berth_str_cut(&value, '=');
    const struct argp_option *o = find_long(s->whole, name);

    if (strchr(word, '=') != NULL)
        note(s, o, strchr(word, '=') + 1);
    else
        take_value(s, o);
}

static void take_short(struct seen *s, char *word)
{
    for (char *c = word + 1; *c != '\0'; c++) {
        const struct argp_option *o = find_short(s->whole, *c);

        if (o == NULL || o->arg == NULL)
            continue;
        if (c[1] != '\0')
            note(s, o, c + 1);
        else
            take_value(s, o);
        return;
    }
}

static void look_back(struct seen *s)
{
    while (s->at + 1 < s->count) {
        char *word = s->words[s->at++];

        if (s->options_over || word[0] != '-' || word[1] == '\0')
            s->arguments++;
        else if (strcmp(word, "--") == 0)
            s->options_over = true;
        else if (word[1] == '-')
            take_long(s, word);
        else
            take_short(s, word);
    }
}

/* ---- offering ---- */

struct offering {
    const char *lead; /* of the word that is typed, before the value: "--hub=" */
};

static void offer_value(void *user, berth_str value)
{
    const struct offering *of = user;

    (void)printf("%s%.*s\t\n", of->lead, BERTH_STR_ARG(value));
}

static const char *directive(berth_str spec)
{
    static const char *const names[] = { [VALUES_WORDS] = "words",
                                         [VALUES_FILE] = "files",
                                         [VALUES_DIRECTORY] = "directories",
                                         [VALUES_COMMAND] = "commands" };
    enum values_kind kind = VALUES_WORDS;

    for (berth_str word = describe_cut_word(&spec); word.n > 0; word = describe_cut_word(&spec))
        if (values_kind_of(word) != VALUES_WORDS)
            kind = values_kind_of(word);
    return names[kind];
}

/* SPEC: "GROUP-ID", "primary|secondary", "[TRACKING-ID | REGISTRATION-ID]". */
static void offer_values(const struct seen *s, berth_str spec, const char *lead, const char *typed)
{
    const struct values_query q = { &s->options, s->hub, berth_str_of(typed) };
    struct offering of = { lead };

    (void)printf("%s\n", directive(spec));
    (void)fflush(stdout);
    for (berth_str word = describe_cut_word(&spec); word.n > 0; word = describe_cut_word(&spec)) {
        if (describe_is_placeholder(word))
            values_ask(word, &q, offer_value, &of);
        else if (berth_str_starts(word, q.prefix))
            offer_value(&of, word);
        (void)fflush(stdout);
    }
}

static bool offer_option(void *user, const struct argp_option *o, const struct argp_option *main,
                         bool common)
{
    const char *typed = user;
    char word[DESCRIBE_NAME_MAX];

    (void)common;
    if (o != main || o->name == NULL) /* aliases say nothing new */
        return true;
    (void)snprintf(word, sizeof word, "--%s", o->name);
    if (strncmp(word, typed, strlen(typed)) == 0)
        offer(word, o->doc);
    return true;
}

/* The text of position AT in "HUB [DEVICE-ID] FILE..": a blank beside a '|' parts nothing. */
static berth_str argument_at(const char *text, size_t at)
{
    berth_str rest = berth_str_of(text), got = { 0 };

    for (size_t i = 0; i <= at && rest.n > 0; i++) {
        size_t n = 0;

        while (n < rest.n && (rest.p[n] != ' ' || (n > 0 && rest.p[n - 1] == '|') ||
                              (n + 1 < rest.n && rest.p[n + 1] == '|')))
            n++;
        got = berth_str_sub(rest, 0, n);
        rest = berth_str_sub(rest, n + 1, rest.n);
        if (berth_str_eq(got, BERTH_STR("--")) || berth_str_eq(got, BERTH_STR("[--]")))
            i--;
        else if (rest.n == 0 && i < at && strstr(text, "..") == NULL)
            return (berth_str){ 0 };
    }
    return got;
}

static void offer_commands(const struct command *group, const char *typed)
{
    (void)printf("words\n");
    for (const struct command *c = group->children; c->name != NULL; c++)
        if (c->summary != NULL && strncmp(c->name, typed, strlen(typed)) == 0)
            offer(c->name, c->summary);
    if (typed[0] == '-' && strncmp("--help", typed, strlen(typed)) == 0)
        offer("--help", "what there is");
}

static void offer_for_verb(void *user, const struct argp *whole)
{
    struct seen *s = user;
    char *typed = s->words[s->count - 1], *value = strchr(typed, '=');
    const struct argp_option *o;

    s->whole = whole;
    look_back(s);
    if (s->waiting != NULL) {
        offer_values(s, berth_str_of(s->waiting->arg), "", typed);
    } else if (!s->options_over && strncmp(typed, "--", 2) == 0 && value != NULL) {
        o = find_long(whole, (berth_str){ typed + 2, (size_t)(value - typed) - 2 });
        if (o == NULL || o->arg == NULL)
            return;
        *value = '\0';
        (void)snprintf(s->lead, sizeof s->lead, "%.100s=", typed);
        offer_values(s, berth_str_of(o->arg), s->lead, value + 1);
    } else if (!s->options_over && typed[0] == '-') {
        (void)printf("words\n");
        (void)describe_options(whole, offer_option, typed);
        if (strncmp("--help", typed, strlen(typed)) == 0)
            offer("--help", "what there is");
    } else if (s->verb->children != NULL && s->count == 1) { /* a group too: "login list" */
        offer_commands(s->verb, typed);
    } else if (whole->args_doc != NULL) {
        offer_values(s, argument_at(whole->args_doc, s->arguments), "", typed);
    }
}

/* ---- the line ---- */

static void complete(struct line *l)
{
    const struct command *at = &command_root;
    struct seen s = { 0 };
    size_t i = 0;

    for (; i + 1 < l->count; i++) {
        const struct command *child = command_child(at, l->words[i]);

        if (at->run == NULL && strcmp(l->words[i], "help") == 0)
            continue;
        if (at->run == NULL && child == NULL)
            return;
        if (child == NULL)
            break;
        at = child;
    }
    if (at->run == NULL) {
        offer_commands(at, l->words[l->count - 1]);
        return;
    }
    s.words = l->words + i;
    s.count = l->count - i;
    s.verb = at;
    describe_verb(at, at->name, offer_for_verb, &s);
}

/* False when there is no word, or a line longer than anybody's. */
static bool read_line(struct line *l)
{
    size_t n = fread(l->text, 1, sizeof l->text, stdin), start = 0;

    for (size_t i = 0; i < n; i++) {
        if (l->text[i] != '\0')
            continue;
        if (l->count == WORDS_MAX)
            return false;
        l->words[l->count++] = l->text + start;
        start = i + 1;
    }
    return l->count > 0 && start == n && n < sizeof l->text;
}

static void give_up(int number)
{
    (void)number;
    _exit(EXIT_CODE_OK); /* what has been offered so far is printed */
}

static void be_quick(void)
{
    struct sigaction act = { .sa_handler = give_up };
    const struct itimerval patience = { .it_value = { .tv_usec = PATIENCE_US } };

    (void)sigaction(SIGALRM, &act, NULL);
    (void)setitimer(ITIMER_REAL, &patience, NULL);
}

static error_t take(int key, char *arg, struct argp_state *state)
{
    bool *tree = state->input;

    if (key == ARGP_KEY_ARG)
        argp_error(state, "\"%s\" is not expected here", arg);
    if (key != 't')
        return ARGP_ERR_UNKNOWN;
    *tree = true;
    return 0;
}

int complete_run(int argc, char **argv)
{
    static const struct argp_option own[] = {
        { "tree", 't', NULL, 0, "print all verbs with their options as JSON", 0 }, { 0 }
    };
    const struct argp argp = { own,  take,
                               NULL, "For the shells: what may follow the words on standard input.",
                               NULL, NULL,
                               NULL };
    static struct line l;
    bool tree = false;

    options_parse_alone(&argp, &tree, argc, argv);
    if (tree)
        return complete_tree();
    be_quick();
    /* What goes wrong is nothing to tell while somebody types. */
    if (freopen("/dev/null", "w", stderr) != NULL && read_line(&l))
        complete(&l);
    explicit_bzero(&l, sizeof l);
    return EXIT_CODE_OK;
}
