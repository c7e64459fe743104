/* SPDX-License-Identifier: MIT
 * main.c - miniprog-fetch: the worker's one job that needs the network, without privileges. */
#include "supervisor/worker/fetch_http.h"
#include "supervisor/worker/jobs.h"

int main(int argc, char **argv) {
    return worker_run(argc, argv, &fetch_http);
}
