/* SPDX-License-Identifier: MIT
 * main.c - miniprog-worker: fetches, verifies, unpacks for miniprogd, without privileges. */
#include "supervisor/worker/jobs.h"

int main(int argc, char **argv) {
    return worker_run(argc, argv);
}
