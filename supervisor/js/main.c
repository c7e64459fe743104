/* SPDX-License-Identifier: MIT
 * main.c - miniprog-js FOLDER: runs a JavaScript mini-program for its supervisor. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "supervisor/js/api.h"
#include "supervisor/js/run.h"

#ifdef __SANITIZE_ADDRESS__
/* The collector looks for values on the stack, not on the sanitizer's copy of it; what it holds at
 * the end is no leak. */
const char *__asan_default_options(void);
const char *__asan_default_options(void) {
    return "detect_stack_use_after_return=0:detect_leaks=0";
}
#endif

static const char usage[] = "usage: miniprog-js FOLDER\n"
                            "       miniprog-js --api      what scripts can use, tab-separated\n"
                            "       miniprog-js --version\n"
                            "Runs the JavaScript mini-program in FOLDER; miniprogd starts it.\n";

int main(int argc, char **argv) {
    int status;

    if (argc == 2 && strcmp(argv[1], "--api") == 0) {
        api_print();
        return fflush(stdout) == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
    }
    if (argc == 2 && strcmp(argv[1], "--version") == 0)
        return puts("miniprog-js " MINIPROG_VERSION) < 0;
    if (argc == 2 && strcmp(argv[1], "--help") == 0)
        return fputs(usage, stdout) < 0;
    if (argc != 2 || argv[1][0] == '-') {
        (void) fputs(usage, stderr);
        return 2;
    }
    status = run_app(argv[1]);
    /* Nothing is left to be written; taking the engine apart would only take time. */
    _exit(status);
}
