/* SPDX-License-Identifier: MIT
 * main.c - miniprog-worker: verifies, unpacks, copies for miniprogd, without privileges. */
#include <stddef.h>

#include "supervisor/worker/jobs.h"

int main(int argc, char **argv) {
    return worker_run(argc, argv, NULL);
}
