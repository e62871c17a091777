#define _GNU_SOURCE
#include "LabProbe.h"

#include <errno.h>
#include <sys/ptrace.h>
#include <sys/wait.h>

int lab_hold(pid_t thread) {
    if (ptrace(PTRACE_SEIZE, thread, 0, 0) != 0) return -1;
    if (ptrace(PTRACE_INTERRUPT, thread, 0, 0) != 0) return -1;
    int status;
    return waitpid(thread, &status, __WALL) == thread ? 0 : -1;
}

int lab_release(pid_t thread) { return (int)ptrace(PTRACE_DETACH, thread, 0, 0); }
