/* SPDX-License-Identifier: MIT
 * ctl_scene.h - one run of the real miniprogctl against a supervisor that only has lines to say.
 *
 * The scene listens on a socket, runs the program with it, takes its call, answers with the script,
 * and collects what came out. Calls are held against the interface file, and so are replies that
 * are not marked hostile: a test cannot prove something about answers that no supervisor gives. */
#ifndef TESTS_CTL_SCENE_H
#define TESTS_CTL_SCENE_H

#include <stdbool.h>
#include <stddef.h>

/* The least that an App and an event may hold. */
#define SCENE_APP_MEMBERS                                                                          \
    "\"id\":\"org.x\",\"name\":\"X\",\"version_code\":3,\"version_name\":\"1.2\","                 \
    "\"state\":\"stopped\",\"since_usec\":1,\"cold_starts\":1,\"hot_starts\":2"
#define SCENE_APP           "{" SCENE_APP_MEMBERS "}"
#define SCENE_APP_AND(more) "{" SCENE_APP_MEMBERS "," more "}"
#define SCENE_EVENT(members)                                                                       \
    "{\"continues\":true,\"parameters\":{\"event\":{\"seq\":1,\"at_usec\":1," members "}}}"
#define SCENE_SNAPSHOT                                                                             \
    SCENE_EVENT("\"type\":\"snapshot\",\"snapshot\":{\"apps\":[],\"dialogs\":[]}")

/* Once `until` has been seen on standard output: */
enum scene_then {
    SCENE_NOTHING,
    SCENE_INTERRUPT, /* Ctrl-C: SIGINT to the program */
    SCENE_GOODBYE,   /* the supervisor closes the connection */
    SCENE_HANG_UP,   /* the reader of standard output leaves */
};

struct scene {
    const char *args;           /* split at spaces; '~' in a word stands for a space */
    const char *const *replies; /* messages, NULL at the end */
    const char *raw;            /* or bytes as they are */
    size_t raw_len;
    bool hostile;    /* replies need not keep to the interface */
    bool stay;       /* the supervisor keeps the connection after the last one */
    bool no_call;    /* the program is not expected to call at all */
    const char *cwd; /* where it runs; NULL: here */
    const char *until;
    enum scene_then then;
    unsigned columns;   /* above 0: standard output is a terminal of that width */
    int out_fd;         /* above 0: standard output is this instead; -1: it is closed */
    const char *env[4]; /* before the environment that every scene has */
};

struct result {
    int status;      /* exit status; 128 + signal */
    char *out, *err; /* without the '\r' of a terminal */
    size_t out_len;
    char *method;     /* "Open"; NULL: no call came */
    char *parameters; /* JSON text; "{}" where there were none */
    bool more;
};

/* Fails the test where the scene itself goes wrong, or takes longer than 30 s. */
struct result scene_play(const struct scene *s);
void result_clear(struct result *r);

/* Fails the test, showing both, unless `text` contains `part`. */
void assert_has(const char *text, const char *part);
void assert_has_not(const char *text, const char *part);
/* One line that says who speaks. */
void assert_one_sentence(const char *err);

#endif
