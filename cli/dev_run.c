/* The processes of `berth dev`: this one watches; the service and COMMAND are its children, and so
 * becomes whatever COMMAND leaves behind. */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/signalfd.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "cli/dev.h"
#include "cli/dev_children.h"
#include "cli/tell.h"
#include "ops/daemon.h"

#define STOP_MS 20000 /* for the service, which may wait for connections */

/* What the service tells when it listens. */
struct ready {
    uint16_t https_port, mqtts_port;
};

struct watch {
    const struct dev_run *run;
    struct dev_facts facts;
    void (*pipe_before)(int);
    int signals;            /* signalfd */
    int ready_pipe;         /* -1 once heard */
    pid_t service, command; /* 0: not running */
    int command_status;
    bool command_ended;
    bool is_ready;
    int asked; /* the first signal to end by */
};

/* ---- the service ---- */

struct service {
    const struct dev_run *run;
    int pipe;
};

static bool on_ready(void *user, uint16_t https_port, uint16_t mqtts_port)
{
    const struct service *s = user;
    struct ready ready = { https_port, mqtts_port };

    if (dev_place_trust(s->run->place) != BERTH_OK)
        return false;
    if (write(s->pipe, &ready, sizeof ready) != (ssize_t)sizeof ready)
        return false;
    (void)close(s->pipe);
    return true;
}

/* It outlives Ctrl-C, which the terminal sends to everybody, and not its parent. */
__attribute__((noreturn)) static void be_service(const struct watch *w, int pipe, pid_t parent)
{
    struct service s = { w->run, pipe };
    struct daemon_dev dev = { .seed = w->run->seed, .ready = on_ready, .user = &s };
    int null = open("/dev/null", O_RDWR | O_CLOEXEC);
    int code;

    (void)setsid();
    (void)prctl(PR_SET_PDEATHSIG, SIGTERM);
    (void)sigprocmask(SIG_SETMASK, &w->run->before, NULL);
    (void)close(w->signals);
    (void)close(w->ready_pipe);
    (void)unsetenv("NOTIFY_SOCKET"); /* a manager waits for another service */
    if (null < 0 || dup2(null, STDIN_FILENO) < 0 || dup2(null, STDOUT_FILENO) < 0 ||
        getppid() != parent)
        _exit(DAEMON_FAILED);
    (void)close(null);
    code = daemon_run(w->run->config, &dev);
    dev_place_remove(w->run->place); /* whoever watched may be gone */
    exit(code);
}

static berth_err start_service(struct watch *w)
{
    pid_t self = getpid();
    int ends[2];

    if (pipe2(ends, O_CLOEXEC) != 0)
        return BERTH_E_IO;
    w->ready_pipe = ends[0];
    w->service = fork();
    if (w->service == 0)
        be_service(w, ends[1], self);
    (void)close(ends[1]);
    if (w->service > 0)
        return BERTH_OK;
    w->service = 0;
    return BERTH_E_IO;
}

/* ---- COMMAND ---- */

__attribute__((noreturn)) static void be_command(const struct watch *w, pid_t parent)
{
    char *const *command = w->run->command;
    int code;

    (void)prctl(PR_SET_PDEATHSIG, SIGKILL); /* nobody would be left to end it */
    (void)signal(SIGPIPE, w->pipe_before);
    (void)signal(SIGXFSZ, SIG_DFL); /* main has it ignored */
    (void)sigprocmask(SIG_SETMASK, &w->run->before, NULL);
    if (getppid() != parent)
        _exit(DEV_EXIT_FAILED);
    if (dev_environment_set(&w->facts) != BERTH_OK)
        _exit(tell_failure(DEV_EXIT_FAILED, "memory ran out"));
    (void)execvp(command[0], command);
    code = errno == ENOENT ? DEV_EXIT_NO_COMMAND : DEV_EXIT_NOT_RUN;
    _exit(tell_failure(code, "cannot run %s: %s", command[0], strerror(errno)));
}

static berth_err start_command(struct watch *w)
{
    pid_t self = getpid();

    (void)fflush(NULL); /* else both would write what is held */
    w->command = fork();
    if (w->command == 0)
        be_command(w, self);
    if (w->command > 0)
        return BERTH_OK;
    w->command = 0;
    return BERTH_E_IO;
}

/* ---- what happens ---- */

static void reap(struct watch *w)
{
    int status;
    pid_t pid;

    while ((pid = waitpid(-1, &status, WNOHANG)) > 0) {
        if (pid == w->service)
            w->service = 0;
        if (pid != w->command)
            continue; /* the service, or an orphan of COMMAND's */
        w->command = 0;
        w->command_status = status;
        w->command_ended = true;
    }
}

/* From a terminal it went to COMMAND as well; from elsewhere it is passed on. */
static void take_signal(struct watch *w)
{
    struct signalfd_siginfo info;

    if (read(w->signals, &info, sizeof info) != (ssize_t)sizeof info)
        return;
    if (info.ssi_signo == SIGCHLD) {
        reap(w);
        return;
    }
    if (w->asked == 0)
        w->asked = (int)info.ssi_signo;
    if (w->command > 0 && info.ssi_code != SI_KERNEL)
        (void)kill(w->command, (int)info.ssi_signo);
}

/* An end of file says that the service has ended; SIGCHLD does too. */
static void take_ready(struct watch *w)
{
    struct ready ready;

    if (read(w->ready_pipe, &ready, sizeof ready) == (ssize_t)sizeof ready) {
        w->facts.https_port = ready.https_port;
        w->facts.mqtts_port = ready.mqtts_port;
        w->is_ready = true;
    }
    (void)close(w->ready_pipe);
    w->ready_pipe = -1;
}

/* One turn; TIMEOUT_MS negative: however long it takes. */
static void wait_event(struct watch *w, int timeout_ms)
{
    struct pollfd fds[] = { { .fd = w->signals, .events = POLLIN },
                            { .fd = w->ready_pipe, .events = POLLIN } };

    if (poll(fds, 2, timeout_ms) <= 0)
        return;
    if (fds[1].revents != 0)
        take_ready(w);
    if (fds[0].revents != 0)
        take_signal(w);
}

static int64_t now_ms(void)
{
    struct timespec t;

    (void)clock_gettime(CLOCK_MONOTONIC, &t);
    return (int64_t)t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

/* ---- the end ---- */

/* Whatever COMMAND has left, and COMMAND itself when the service failed under it: asked to end,
 * then ended. A child's children come to us as it ends, so a round may find new ones. */
static void end_strays(struct watch *w)
{
    int64_t ask_until = now_ms() + DEV_STRAY_MS;
    int sig = SIGTERM;

    while (dev_children_signal(w->service, sig) > 0) {
        wait_event(w, DEV_STRAY_TICK_MS);
        if (sig == SIGKILL && now_ms() > ask_until + DEV_STRAY_MS)
            return; /* one that cannot be ended: the kernel holds it */
        if (now_ms() > ask_until)
            sig = SIGKILL;
    }
}

static void end_service(struct watch *w)
{
    int64_t until = now_ms() + STOP_MS;

    if (w->service > 0)
        (void)kill(w->service, SIGTERM);
    while (w->service > 0 && now_ms() < until)
        wait_event(w, (int)(until - now_ms()));
    if (w->service > 0)
        (void)kill(w->service, SIGKILL);
    while (w->service > 0)
        wait_event(w, -1);
}

static int code_of(int status)
{
    return WIFSIGNALED(status) ? DEV_EXIT_SIGNAL_BASE + WTERMSIG(status) : WEXITSTATUS(status);
}

/* ---- from start to end ---- */

/* Those that are looked at; nohup(1) wants none of SIGHUP. */
static void fill_signals(sigset_t *set)
{
    struct sigaction hangup;

    (void)sigemptyset(set);
    (void)sigaddset(set, SIGCHLD);
    (void)sigaddset(set, SIGINT);
    (void)sigaddset(set, SIGTERM);
    (void)sigaddset(set, SIGQUIT);
    if (sigaction(SIGHUP, NULL, &hangup) == 0 && hangup.sa_handler != SIG_IGN)
        (void)sigaddset(set, SIGHUP);
}

berth_err dev_signals_block(sigset_t *before)
{
    sigset_t set;

    fill_signals(&set);
    if (sigprocmask(SIG_BLOCK, &set, before) == 0)
        return BERTH_OK;
    (void)tell_failure(DEV_EXIT_FAILED, "cannot hold signals: %s", strerror(errno));
    return BERTH_E_IO;
}

static berth_err set_up(struct watch *w)
{
    sigset_t set;

    fill_signals(&set);
    (void)signal(SIGCHLD, SIG_DFL); /* ignored ones leave nothing to wait for */
    w->pipe_before = signal(SIGPIPE, SIG_IGN);
    w->signals = signalfd(-1, &set, SFD_CLOEXEC);
    return w->signals >= 0 && prctl(PR_SET_CHILD_SUBREAPER, 1) == 0 ? BERTH_OK : BERTH_E_IO;
}

static int serve_command(struct watch *w)
{
    if (start_command(w) != BERTH_OK)
        return tell_failure(DEV_EXIT_FAILED, "cannot start a process: %s", strerror(errno));
    while (w->service > 0 && !w->command_ended)
        wait_event(w, -1);
    return w->service > 0 || w->command_ended
               ? code_of(w->command_status)
               : tell_failure(DEV_EXIT_FAILED, "the service ended under %s; its log says why",
                              w->run->command[0]);
}

static int serve_until_asked(struct watch *w)
{
    dev_environment_print(stdout, &w->facts, w->run->json);
    tell_hint("# The service runs until Ctrl-C.");
    while (w->service > 0 && w->asked == 0)
        wait_event(w, -1);
    return w->service > 0 ? EXIT_CODE_OK
                          : tell_failure(DEV_EXIT_FAILED, "the service ended; its log says why");
}

static int serve(struct watch *w)
{
    (void)fflush(NULL);
    if (start_service(w) != BERTH_OK)
        return tell_failure(DEV_EXIT_FAILED, "cannot start a process: %s", strerror(errno));
    while (w->service > 0 && !w->is_ready && w->asked == 0)
        wait_event(w, -1);
    if (w->asked != 0)
        return DEV_EXIT_SIGNAL_BASE + w->asked;
    if (!w->is_ready)
        return tell_failure(DEV_EXIT_FAILED,
                            "the service did not start\n  where it listens is a matter of --bind, "
                            "--https-port and --mqtts-port");
    return w->run->command != NULL ? serve_command(w) : serve_until_asked(w);
}

int dev_run_all(const struct dev_run *r)
{
    struct watch w = { .run = r, .ready_pipe = -1, .signals = -1 };
    int code;

    w.facts = (struct dev_facts){ .config = r->config, .seed = r->seed, .place = r->place };
    if (set_up(&w) != BERTH_OK)
        return tell_failure(DEV_EXIT_FAILED, "cannot set up the process: %s", strerror(errno));
    code = serve(&w);
    end_strays(&w);
    end_service(&w);
    dev_place_remove(r->place);
    return code;
}
