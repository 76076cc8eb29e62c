/* Child processes of the process tests: started with words, watched, waited for within a bound.
 *
 * What a child writes goes to files in memory. A child dies with the test program. Every function
 * here fails the running test when the world does not do what it must, so that tests need not ask.
 */
#ifndef LG_TEST_LIB_PROCESS_H
#define LG_TEST_LIB_PROCESS_H

#include "base/buf.h"

#include <sys/types.h>

#define LG_PROCESS_WORDS_MAX 64u
#define LG_PROCESS_KILLED (128 + 9) /* the exit status that stands for SIGKILL */

struct lg_process {
    pid_t pid;  /* 0: not started */
    int pid_fd; /* readable when the process has ended */
    int out_fd, err_fd;
    bool ended;
    int status; /* once ended: the exit status, or 128 + the signal */
    char *what; /* the command line, for messages */
};

/* The program under test: LAGOON_BINARY, else `lagoon` beside the test program. The caller owns the
 * text. */
char *lg_process_binary(void);

/* Starts the program under test with `words` (NULL at the end, without the program's name) and
 * `environment` ("NAME=value", NULL at the end, over the test's own; NULL: nothing more). */
void lg_process_start(struct lg_process *p, const char *const *words,
                      const char *const *environment);
/* Where children that are started from now on read their standard input; -1, as at first: nowhere.
 * The descriptor stays the caller's. */
void lg_process_stdin(int fd);
/* Has it ended within the time? */
bool lg_process_ended(struct lg_process *p, uint64_t timeout_ms);
/* Waits for its end and returns the exit status, or 128 + signal. Fails the test when it is still
 * running after the time, and when a sanitizer had something to say. */
int lg_process_wait(struct lg_process *p, uint64_t timeout_ms);
/* SIGSTOP to a child. When it returns, none of its threads runs any more (or it has ended): the
 * signal alone lets those on other processors go on for a while. */
void lg_process_freeze(pid_t pid);
/* A process that has ended is left alone. SIGSTOP is as above. */
void lg_process_signal(struct lg_process *p, int signo);
/* SIGKILL, and waits. */
void lg_process_kill(struct lg_process *p);
/* Appends what it has written so far. */
void lg_process_stdout(const struct lg_process *p, struct lg_buf *out);
void lg_process_stderr(const struct lg_process *p, struct lg_buf *out);
/* Kills it when it still runs, and forgets it. {0} is allowed. */
void lg_process_done(struct lg_process *p);

/* One short pause of the conditions that can only be polled. */
void lg_process_pause(uint64_t ms);

#endif
